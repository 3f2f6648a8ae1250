--liquibase formatted sql
--changeset max:ä
select 1;
--rollback empty
