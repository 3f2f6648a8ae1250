--liquibase formatted sql
select nonsense before the first;
--changeset ann:1
select 1;
--rollback empty
