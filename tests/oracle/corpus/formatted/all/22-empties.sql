--liquibase formatted sql
--changeset ann:1
;;
;select 1;;
;
--rollback empty
--changeset ann:2
;
--rollback empty
