--liquibase formatted sql
--changeset ann:1
select  1 ,	2;


   select
 3;
--rollback empty
