--liquibase formatted sql
--changeset ann:7
create table file7 (id int primary key, t text default '7;');
insert into file7 select g from generate_series(1, 7) g;
--rollback drop table file7;
