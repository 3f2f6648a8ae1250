--liquibase formatted sql
--changeset ann:go
create table dgo (id int)
GO
insert into dgo values (1)
go
--rollback drop table dgo
--changeset ann:end endDelimiter:@@
create table dend (a text)@@
insert into dend values ('x;y')@@
--rollback drop table dend
--changeset ann:nl endDelimiter:\nGO
create table dnl (a text)
GO
insert into dnl values ('x;y')
GO
--rollback drop table dnl
--changeset ann:rb rollbackEndDelimiter:! endDelimiter:;
create table drb (a text);
--rollback delete from drb! drop table drb!
--changeset ann:rbsplit rollbackSplitStatements:false
create table drs (a text);
--rollback delete from drs; drop table drs;
--changeset ann:one endDelimiter:#
create table done (a text)# insert into done values (';')#
--rollback drop table done
--changeset ann:word endDelimiter:DONE
create table dword (a text) DONE
insert into dword values ('1;') done
--rollback drop table dword
--changeset ann:slash
create table dslash (id int);
select 4 / 2
/
select 1;
/
--rollback drop table dslash
