--liquibase formatted sql
--changeset ann:1
select 1;
--rollback empty
--changeset ann:2
select 2
--rollback select 3