--liquibase formatted sql
--changeset ann:1
--preconditions onFail:MARK_RAN onError:HALT
--precondition-sql-check expectedResult:0 select count(*) from pg_class where relname = 'nope'
create table pre1 (id int);
--rollback drop table pre1
--changeset ann:2
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:5 select 1
nonsense;
--rollback empty
--changeset ann:3
--preconditions onFail:CONTINUE
--precondition-table-exists table:nope
nonsense;
--changeset ann:4
--preconditions onFail:WARN
--precondition-table-exists table:nope schema:public
select 4;
--rollback empty
--changeset ann:5
--preconditions onFail:MARK_RAN
--precondition-table-exists table:pre1
--precondition-view-exists view:nope
nonsense;
--rollback empty
--changeset ann:6
--preconditions onFail:MARK_RAN onError:MARK_RAN
--precondition-sql-check expectedResult:1 select nonsense
nonsense;
--rollback empty
--changeset ann:7
--preconditions onFail:HALT onUpdateSQL:TEST
--precondition-sql-check expectedResult:"a b" select 'a b'
select 7;
--rollback empty
--changeset ann:8
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:'a b' select 'a b'
select 8;
--rollback empty
--changeset ann:9
--preconditions
--precondition-sql-check expectedResult:1 select 1;
select 9;
--rollback empty
