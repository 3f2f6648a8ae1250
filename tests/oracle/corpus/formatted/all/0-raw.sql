-- no header
create table raw1 (id int);
create table raw2 (id int);
