--liquibase formatted sql
--changeset max:b_c
select 1;
--rollback empty
