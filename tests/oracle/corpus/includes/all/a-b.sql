--liquibase formatted sql
--changeset max:a-b
select 1;
--rollback empty
