--liquibase formatted sql
--changeset ann:1
begin;
create table begin1 (id int);
commit;
--rollback drop table begin1;
--changeset ann:2
insert into begin1 select case when true then 1 else 2 end;
insert into begin1 select 3;
--rollback delete from begin1;
--changeset ann:3
do $$ begin perform 1; perform 2; end $$;
--rollback empty
