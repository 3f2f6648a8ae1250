create table f5 (t text)@@
insert into f5 values ('a;b')@@
