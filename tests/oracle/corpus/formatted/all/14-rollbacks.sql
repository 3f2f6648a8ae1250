--liquibase formatted sql
--changeset ann:1
create table rb1 (a text);
--rollback delete from rb1
--rollback where a = 'x';
--rollback drop table rb1;
--changeset ann:2
create table rb2 (id int);
/* liquibase rollback
drop table 
  rb2;
*/
--changeset ann:3
select 3;
--rollback not required
--changeset ann:4
create table rb4 (id int);
--rollback drop table rb4; -- with a comment
--changeset ann:5
create table rb5 (id int);
--ROLLBACK DROP TABLE rb5;
--changeset ann:6
drop table rb5;
--rollback changesetId:5 changesetAuthor:ann
--changeset ann:7
drop table rb4;
--rollback changesetId:4 changesetAuthor:ann changesetPath:all/14-rollbacks.sql
--changeset ann:8
--rollback drop table rb8;
create table rb8 (id int);
--changeset ann:9
create table rb9 (id int);
    --rollback drop table rb9;
--changeset ann:10
select 10;
--rollback
--rollback select 1;
--changeset ann:11
select 11;
--rollback EMPTY of all
