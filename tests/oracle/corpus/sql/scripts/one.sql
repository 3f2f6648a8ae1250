-- leading comment
create table f1 (id int);

create table f1b (id int); -- trailing
