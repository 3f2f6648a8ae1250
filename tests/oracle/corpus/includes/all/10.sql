--liquibase formatted sql
--changeset max:10
select 1;
--rollback empty
