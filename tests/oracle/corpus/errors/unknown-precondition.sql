--liquibase formatted sql
--changeset a:1
--preconditions
--precondition-tabel-exists table:t
select 1;
