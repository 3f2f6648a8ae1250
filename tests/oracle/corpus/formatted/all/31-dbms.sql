--liquibase formatted sql
--changeset a:1 dbms:postgres
nonsense;
--changeset a:2 dbms:!foo
select 2;
--rollback empty
