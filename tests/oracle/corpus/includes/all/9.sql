--liquibase formatted sql
--changeset max:9
select 1;
--rollback empty
