--liquibase formatted sql
--changeset max:x
select 1;
--rollback empty
