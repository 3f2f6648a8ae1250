create table y16 (id int); insert into y16 values (1)
