--liquibase formatted sql
--changeset ann:0
create table file0 (id int primary key, t text default '0;');
insert into file0 select g from generate_series(1, 0) g;
--rollback drop table file0;
