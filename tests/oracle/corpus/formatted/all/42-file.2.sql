--liquibase formatted sql
--changeset ann:2
create table file2 (id int primary key, t text default '2;');
insert into file2 select g from generate_series(1, 2) g;
--rollback drop table file2;
