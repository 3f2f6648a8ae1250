drop table f2;
