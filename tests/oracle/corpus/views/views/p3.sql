create procedure p3() language plpgsql as $$
begin
  perform 1;
end;
$$;
