--liquibase formatted sql
--changeset ann:1
create table latin1 (a text); insert into latin1 values ('дц');
--rollback drop table latin1;
