--liquibase formatted sql
--changeset a:1 dbms:postgres
select 1;
