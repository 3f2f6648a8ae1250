--liquibase formatted sql
--changeset ann:6
create table file6 (id int primary key, t text default '6;');
insert into file6 select g from generate_series(1, 6) g;
--rollback drop table file6;
