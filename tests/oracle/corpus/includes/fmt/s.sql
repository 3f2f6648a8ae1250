--liquibase formatted sql

--changeset max:s labels:own,two context:"main, x"
select 1;
--rollback empty
