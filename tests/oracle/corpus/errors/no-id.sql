--liquibase formatted sql
--changeset a:
select 1;
