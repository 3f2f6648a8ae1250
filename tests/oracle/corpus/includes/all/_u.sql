--liquibase formatted sql
--changeset max:_u
select 1;
--rollback empty
