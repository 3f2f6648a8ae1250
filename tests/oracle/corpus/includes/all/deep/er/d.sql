--liquibase formatted sql
--changeset max:d
select 1;
--rollback empty
