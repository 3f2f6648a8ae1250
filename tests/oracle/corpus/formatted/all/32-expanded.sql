--liquibase formatted sql
--property name:x32 value:main
--property name:t32 value:true
--changeset ann:1 context:${x32} labels:${x32} runOnChange:${t32} logicalFilePath:${x32}/32.sql
--comment ${x32}
select 1;
--rollback empty
--changeset ann:2 contextFilter:"${x32} or y"
select 2;
--rollback empty
--changeset ann:3
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:${x32} select '${x32}'
select 3;
--rollback select '${x32}'
