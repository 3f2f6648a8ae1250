create table f7 (id int);
