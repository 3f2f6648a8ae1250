--liquibase formatted sql
--changeset ann:1
create table ign (id int);
--ignoreLines:2
nonsense;
more nonsense;
insert into ign values (1);
--ignoreLines:start
nonsense
--changeset ann:not-there
nonsense
--ignoreLines:end
insert into ign values (2);
--rollback drop table ign;
--changeset ann:2
--ignoreLines:1
nonsense
select 2;
--rollback empty
