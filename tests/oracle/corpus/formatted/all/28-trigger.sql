--liquibase formatted sql
--changeset ann:1 splitStatements:false
create table trg (id int, n int);
create function trg_f() returns trigger language plpgsql as $body$
begin
  new.n := coalesce(new.n, 0) + 1;
  return new;
end;
$body$;
create trigger trg_t before insert on trg for each row execute function trg_f();
--rollback drop table trg; drop function trg_f();
--changeset ann:2 endDelimiter:;;
insert into trg values (1);;
insert into trg values (2);;
--rollback delete from trg;
