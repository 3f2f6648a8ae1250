create function f4() returns int language plpgsql as $$
declare x int;
begin
  return 4;
end;
$$;
