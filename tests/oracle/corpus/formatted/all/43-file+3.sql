--liquibase formatted sql
--changeset ann:3
create table file3 (id int primary key, t text default '3;');
insert into file3 select g from generate_series(1, 3) g;
--rollback drop table file3;
