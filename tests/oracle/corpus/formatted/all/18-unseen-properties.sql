--liquibase formatted sql
--changeset ann:1
select '${fp.table} ${fp.local}';
--rollback empty
