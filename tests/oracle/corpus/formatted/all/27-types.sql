--liquibase formatted sql
--changeset ann:1
create type mood as enum ('sad', 'ok;');
create table types27 (m mood default 'sad', ts timestamptz default now(), check (m <> 'ok;'));
create index on types27 (m) where m = 'sad';
create view v27 as select case when m = 'sad' then 1 else 2 end as x from types27;
grant select on types27 to public;
--rollback drop view v27; drop table types27; drop type mood;
