--liquibase formatted sql
--changeset ann:1
create table strings (a text);
insert into strings values ('a b;  c'), ('x''y'), ('--no comment'), ('/* none */');
insert into strings values (E'it\'s; \\'), ($$dollar quoted$$);
insert into strings values ('two
lines; here');
comment on table strings is 'a "quoted" remark';
--rollback drop table strings;
