--liquibase formatted sql
--changeset a:1
select 1;
--rollback changesetId:9 changesetAuthor:a
