--liquibase formatted sql
--property name:sql.local value:here global:false
--property name:sql.global value:there context:prod
--property name:sql.other value:nowhere context:!prod
--changeset lea:${id}sql
--comment ${sql.local} ${sql.global} ${sql.other} ${child.global} ${table}
select '${table} ${sql.local}';
--rollback empty
