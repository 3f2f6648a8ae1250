--liquibase formatted sql
--changeset ann:5
create table file5 (id int primary key, t text default '5;');
insert into file5 select g from generate_series(1, 5) g;
--rollback drop table file5;
