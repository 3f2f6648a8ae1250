--liquibase formatted sql
--changeset ann:1
create table t (id int);
--changeset ann:2
create index concurrently ix on t (id);
