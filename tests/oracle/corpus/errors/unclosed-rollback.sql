--liquibase formatted sql
--changeset a:1
select 1;
/* liquibase rollback
select 2;
