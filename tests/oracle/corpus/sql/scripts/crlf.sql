create table f2 (id int);
-- gone
insert into f2 values (1);
  insert into f2
    values (2);
