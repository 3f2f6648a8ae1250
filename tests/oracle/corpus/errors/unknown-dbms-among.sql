--liquibase formatted sql
--changeset a:1 dbms:postgresql,foo
select 1;
