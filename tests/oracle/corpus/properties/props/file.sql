create table from_file (t text default '${table} ${two} ${uni} ${cont} ${cli.only}');
