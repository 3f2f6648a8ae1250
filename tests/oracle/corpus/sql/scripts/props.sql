create table f6 (t text default '${not_there}');
