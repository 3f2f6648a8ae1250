--liquibase formatted sql
--changeset ünï:ïd
--comment ümläut ☃ 🙂
create table utf8 ("ä" text); insert into utf8 values ('ö 🙂 ☃ é');
--rollback drop table utf8;
