--liquibase formatted sql
--changeset ann:4
create table file4 (id int primary key, t text default '4;');
insert into file4 select g from generate_series(1, 4) g;
--rollback drop table file4;
