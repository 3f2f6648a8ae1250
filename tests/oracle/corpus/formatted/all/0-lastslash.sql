--liquibase formatted sql
--changeset ann:1
create table lastslash (a text default ';')
/
insert into lastslash values (default)
/