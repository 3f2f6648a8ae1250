create table f3 (t text);
insert into f3 values ('הצü');
