--liquibase formatted sql
--changeset ann:1 runOnChange:true runAlways:false
select 1;
--rollback empty
--changeset ann:2 context:main labels:a,B
select 2;
--rollback empty
--changeset ann:3 context:"main and !test" labels:"x, y"
select 3;
--rollback empty
--changeset ann:4 contextFilter:main dbms:postgresql
select 4;
--rollback empty
--changeset ann:5 dbms:oracle,mysql
nonsense;
--changeset ann:6 dbms:!oracle
select 6;
--rollback empty
--changeset ann:7 failOnError:false
create table attr7 (id int); nonsense;
--changeset ann:8 runInTransaction:false
create table attr8 (id int); create index concurrently attr8_ix on attr8 (id);
--rollback drop table attr8;
--changeset ann:9 ignore:true
nonsense;
--changeset ann:10 logicalFilePath:some/where.sql
select 10;
--rollback empty
--changeset ann:11 RUNONCHANGE:TRUE Context:main LABELS:Up
select 11;
--rollback empty
--changeset "ann lee":"id with blanks" runOnChange:false
select 12;
--rollback empty
--changeset ann:a:b:c
select 13;
--rollback empty
--changeset ann:14 splitStatements:false
select 14; select 15;
--rollback empty
--changeset ann:15 context:never
nonsense;
--changeset ann:16 labels:never
select 16;
--rollback empty
