--liquibase formatted sql
--changeset a:1
--comments x
select 1;
