--liquibase formatted sql
--changeset ann:1
create table t as select '{"a": 1}'::jsonb ? 'a' as has;
