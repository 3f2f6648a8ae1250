--liquibase formatted sql
--comment x
--changeset a:1
select 1;
