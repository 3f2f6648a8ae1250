create table raw_file (id int);
insert into raw_file values (1);
