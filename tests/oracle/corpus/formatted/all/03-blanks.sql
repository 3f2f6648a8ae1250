--liquibase formatted sql
   
--changeset ann:1   
   create table blanks (id int);   
	
   insert into blanks values (1);	  


--rollback drop table blanks;   
