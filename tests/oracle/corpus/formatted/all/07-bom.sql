--liquibase formatted sql
--changeset ann:1
create table bom (id int);
--rollback drop table bom;
