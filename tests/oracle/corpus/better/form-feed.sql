--liquibase formatted sql
--changeset ann:1
create table t (id int);insert into t values (1);
