--liquibase formatted sql
--changeset ann:1
--comment the comment
-- an ordinary one; with semicolon
create table comments (id int); /* block; one */ -- trailing; one
/* more
   lines; */
insert into comments values (1); --last
--rollback drop table comments;
--changeset ann:2
--comment: with a colon
--comment the last one wins
select 1;
--rollback empty
--changeset ann:only-comment
-- nothing here
--rollback empty
--changeset ann:kept stripComments:false
create table kept (id int); -- kept
/* kept */ insert into kept values (1);
--rollback drop table kept;
