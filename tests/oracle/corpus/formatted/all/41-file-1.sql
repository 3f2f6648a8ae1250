--liquibase formatted sql
--changeset ann:1
create table file1 (id int primary key, t text default '1;');
insert into file1 select g from generate_series(1, 1) g;
--rollback drop table file1;
