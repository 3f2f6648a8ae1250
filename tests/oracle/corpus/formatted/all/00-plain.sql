--liquibase formatted sql

--changeset ann:1
create table e1 (id int);
--rollback drop table e1;

--changeset ann:2
create table e2 (id int)
--rollback drop table e2

--changeset ann:several
create table e3 (id int); create table e3b (id int);
insert into e3 values (1);
--rollback drop table e3; drop table e3b;
