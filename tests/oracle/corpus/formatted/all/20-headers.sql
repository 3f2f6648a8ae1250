
  
  -- LIQUIBASE   Formatted SQL logicalFilePath:logical/headers.sql
 -- changeset ann:1
select 1;
 --rollback empty
--  changeset ann:2 runOnChange:true
select 2;
--  rollback empty
--changeset ann:3 logicalFilePath:own.sql
select 3;
--rollback empty
