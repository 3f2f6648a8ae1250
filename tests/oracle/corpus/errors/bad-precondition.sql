--liquibase formatted sql
--changeset a:1
--preconditions onFail:PERHAPS
--precondition-sql-check expectedResult:1 select 1
select 1;
