--liquibase formatted sql
--changeset max:z
select 1;
--rollback empty
