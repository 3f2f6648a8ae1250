--liquibase formatted sql
--changeset ann:1
/* a /* nested */ select 1;
select /* b */ 2;
--rollback empty
--changeset ann:2
select 1 as "a;b", 'x' as "c""d;";
--rollback empty
--changeset ann:3
select U&'d\0061t', B'101', X'1F', N'n;', 1e5, 1.5e-3, .5, 5.;
select '{1,2}'::int[], (array[1,2])[1], 1 <> 2, 1::text || 'a';
--rollback empty
--changeset ann:4
select $tag$ab$tag$ as x;
--rollback empty
