--liquibase formatted sql
--property name=x value=y
--changeset a:1
select 1;
