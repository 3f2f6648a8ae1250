--liquibase formatted sql
--changeset max:A
select 1;
--rollback empty
