--liquibase formatted sql
--changeset a:1

