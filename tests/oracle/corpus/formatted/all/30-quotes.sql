--liquibase formatted sql
--changeset o'neil:it's
select 'it''s';
--rollback empty
--changeset ann:"quoted"
select 2;
--rollback empty
--changeset ann:semi;colon
select 3;
--rollback empty
