--liquibase formatted sql
--changeset ann:1 splitStatements:false
create function dollar1() returns int language plpgsql as $$
declare a int;
begin
  a := 1; return a;
end;
$$;
--rollback drop function dollar1();
--changeset ann:2
create function dollar2() returns int language plpgsql as $$ begin return 2; end $$;
--rollback drop function dollar2();
--changeset ann:3 endDelimiter:$$$
create function dollar3() returns int language plpgsql as $f$
begin return 3; end; $f$ $$$
--rollback drop function dollar3();
--changeset ann:4 endDelimiter:/
create function dollar4() returns int language sql as $f$ select 4; $f$
/
select 4
/
--rollback drop function dollar4();
