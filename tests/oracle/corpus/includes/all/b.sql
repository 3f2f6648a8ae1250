--liquibase formatted sql
--changeset max:b
select 1;
--rollback empty
