--liquibase formatted sql
--changeset ann:1
--validCheckSum: 9:0123456789abcdef0123456789abcdef
--validCheckSum ANY
select 1;
--rollback empty
--changeset ann:2
--validCheckSum: 8:abc
select 2;
--rollback empty
