--liquibase formatted sql
--changeset ann:1
create function f() returns int language plpgsql as $$
declare x int;
begin
  x := 1;
  return x;
end;
$$;
select f();
