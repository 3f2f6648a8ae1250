--liquibase formatted sql
--changeset ann:1
create table crlf (id int);
insert into crlf values (1);
--rollback drop table crlf;
