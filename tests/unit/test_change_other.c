/* Views, sequences, SQL text, procedures, tags and messages: every row is what Liquibase 4.28.0 answered. */
#include "change_files.h"

static struct memory_file files[] = {
    {"view.sql", "select 1 as a,\n\r\n  2 as b;\n"},
    {"sub/view.sql", "select '\351' as a\n"},
    {"f.sql", "select 1; -- c\r\n  select 2;\r\n"},
    {"sub/g.sql", "select '\351';\n"},
    {"bom.sql", "\357\273\277select 1;"},
    {"empty.sql", "\n"},
    {"crlf.sql", "  select 1,\r\n\t 2;\r\n"},
    {"lat.sql", "create procedure p \351;"},
    {"pv.sql", "create view pv as select '${zz}' as a"},
    {"pp.sql", "create procedure ${zz} as x;"},
    {"proc.sql", "create function pp() returns int language sql as $$ select 1; $$;\n/\n"},
    {"sub/proc.sql", "create function pp() returns int language sql as $$ select 1; $$ -- \351"},
    {"pbom.sql", "\357\273\277create procedure p;"},
    {NULL, NULL},
};

static const struct verified_file_change views[] = {
    {"<createView viewName=\"v1\">select 1 as a</createView>", "createView viewName=v1",
     "8:4156197a0eb60f933c506ecf03d9d76e", "9:3360f62fb5910b1d208e7a0cc022cfaf", "CREATE VIEW v1 AS select 1 as a",
     "DROP VIEW v1"},
    {"<createView viewName=\"v1\" replaceIfExists=\"true\">select  *\n   from people</createView>",
     "createView viewName=v1", "8:8801c8c6e1bca68712c62ea57e11b9fd", "9:c80bbefacb25362a0cd98d0ed7653a20",
     "CREATE OR REPLACE VIEW v1 AS select  *\n   from people", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" replaceIfExists=\"false\">select 1 as a;</createView>", "createView viewName=v1",
     "8:384148b29ed54c61192b41c5399d9473", "9:e175b78ac8c8d60f76c24c7e27089f08", "CREATE VIEW v1 AS select 1 as a;",
     "DROP VIEW v1"},
    {"<createView viewName=\"v1\" schemaName=\"s\" catalogName=\"c\" remarks=\"it's a view\">select 1 as a</createView>",
     "createView viewName=v1", "8:236cfbd0c4f500ce79023f5ccdc50b5a", "9:5df4123efcd2527c696cc83e6a81689a",
     "CREATE VIEW s.v1 AS select 1 as a\nCOMMENT ON VIEW s.v1 IS 'it''s a view'", "DROP VIEW s.v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">create view v1 as select 1 as a</createView>",
     "createView viewName=v1", "8:04c4113d230fc150539c07567b0ef73d", "9:8ea249d920078005ad90cb2cbb911988",
     "CREATE OR REPLACE view v1 as select 1 as a", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">CREATE or REPLACE view v1 as select 1 as a;</createView>",
     "createView viewName=v1", "8:bdb8efbf805134aab84b3bcf2fa988e4", "9:1c4a183314015b4376d8789f31a54bb6",
     "CREATE or REPLACE view v1 as select 1 as a;", "DROP VIEW v1"},
    {"<createView viewName=\"my view\">select 1 as a</createView>", "createView viewName=my view",
     "8:b236c036fa77e4b848bd6d75a2790705", "9:237aaf84e6635b76454de397b017f417",
     "CREATE VIEW \"my view\" AS select 1 as a", "DROP VIEW \"my view\""},
    {"<createView viewName=\"v1\" remarks=\"\">select 1 as a -- c</createView>", "createView viewName=v1",
     "8:9873a73b6f1c6ff6d885814dbf395e18", "9:9b86e587232e7a733d4b8b0305ba78f8", "CREATE VIEW v1 AS select 1 as a -- c",
     "DROP VIEW v1"},
    {"<createView viewName=\"v1\" schemaName=\"\">/* x */ select 1 as a /* y */</createView>", "createView viewName=v1",
     "8:300539d947d4b1528e71b8e30412ba55", "9:d18e157b5557fa5ccd8494ad8dabdf24",
     "CREATE VIEW v1 AS /* x */ select 1 as a /* y */", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" path=\"view.sql\"/>", "createView path=view.sql, viewName=v1",
     "8:f7a9098c8b6b1c2131a2ebae6348b701", "9:1fc0100a78c28bca5fbf46a2453ddf1c",
     "CREATE VIEW v1 AS select 1 as a,\n\r\n  2 as b;", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" path=\"sub/view.sql\" relativeToChangelogFile=\"true\" encoding=\"ISO-8859-1\"/>",
     "createView path=sub/view.sql, viewName=v1", "8:aa71fbce83b6e365f27eb528fc56442a",
     "9:d09505ae40ea1236f7971e294e198b5d", "CREATE VIEW v1 AS select '\303\251' as a", "DROP VIEW v1"},
    {"<createView viewName=\"s.v1\" fullDefinition=\"true\">create view s.v1 as select 1 as a</createView>",
     "createView viewName=s.v1", "8:7fdc427d8b8b5157386b2baa61d08104", "9:ac5aca20f1b8c52e3573a336c3c8a54a",
     "create view s.v1 as select 1 as a", "DROP VIEW \"s.v1\""},
    {"<dropView viewName=\"v1\" schemaName=\"s\" catalogName=\"c\"/>", "dropView viewName=v1",
     "8:55aa700f1b51538edbad756b14c3413d", "9:55aa700f1b51538edbad756b14c3413d", "DROP VIEW s.v1", NULL},
    {"<dropView viewName=\"V1\" ifExists=\"true\"/>", "dropView viewName=V1", "8:876df88750fb470a7cd00006a1ac16f5",
     "9:876df88750fb470a7cd00006a1ac16f5", "DROP VIEW IF EXISTS V1", NULL},
    {"<renameView oldViewName=\"v1\" newViewName=\"v2\"/>", "renameView newViewName=v2, oldViewName=v1",
     "8:bcf5207bcca44822bc22f98da01b3415", "9:bcf5207bcca44822bc22f98da01b3415", "ALTER TABLE v1 RENAME TO v2",
     "ALTER TABLE v2 RENAME TO v1"},
    {"<renameView oldViewName=\"V1\" newViewName=\"V2\" schemaName=\"s\" catalogName=\"c\"/>",
     "renameView newViewName=V2, oldViewName=V1", "8:739af492efb0fbaa5fe699ab2b091360",
     "9:739af492efb0fbaa5fe699ab2b091360", "ALTER TABLE s.V1 RENAME TO V2", "ALTER TABLE V2 RENAME TO V1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\">create view v1 as\n select 1 as a  ;</createView>",
     "createView viewName=v1", "8:32dc35bf91d8529d7cc86340ff609673", "9:cfb3417410566b008f5b69ef315b78dd",
     "create view v1 as\n select 1 as a  ;", "DROP VIEW v1"},
    {"<createView viewName=\"pv\" path=\"pv.sql\" fullDefinition=\"true\"/>", "createView path=pv.sql, viewName=pv",
     "8:18a7f8a98faf27fad6809232608db11e", "9:a33d8d675e9d102092ff0a01c94b2fcb", "create view pv as select 'ZED' as a",
     "DROP VIEW pv"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">-- c\ncreate view v1 as select 1</createView>",
     "createView viewName=v1", "8:aed2726344119006c75136342ef6aad4", "9:154e05b0dc463d47eefc1b7dd856d872",
     "-- c\nCREATE OR REPLACE view v1 as select 1", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">/* c */ create view v1 as select 1</createView>",
     "createView viewName=v1", "8:8c4cd40f7aecd0db5c7059e3a5b591ab", "9:0f9540a00c89b1e08769a605760acb2c",
     "/* c */ CREATE OR REPLACE view v1 as select 1", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">CREATE\n  VIEW v1 as select 1</createView>",
     "createView viewName=v1", "8:0cf09a8caff5eb79389519f9f15168b6", "9:4d1cabed8473e1adf12935d660012399",
     "CREATE OR REPLACE\n  VIEW v1 as select 1", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">CREATE OR REPLACE RECURSIVE VIEW x</createView>",
     "createView viewName=v1", "8:119f94f42b68c7049c240b89fa410a03", "9:7dca92bd9b35bd60e73026539634ac68",
     "CREATE OR REPLACE RECURSIVE VIEW x", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">create /* x */ view v1 as select 1</createView>",
     "createView viewName=v1", "8:fddaa20779c1482be0fc1888a42eec88", "9:8fba5dd97cce573769f20e502262e11c",
     "CREATE OR REPLACE /* x */ view v1 as select 1", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" fullDefinition=\"true\" replaceIfExists=\"true\">with x as (create view)</createView>",
     "createView viewName=v1", "8:104c489b6f0f37636d1678ad16e563f7", "9:34c1e334d81501d1999a34e95d29a0b2",
     "with x as (CREATE OR REPLACE view)", "DROP VIEW v1"},
    {"<createView viewName=\"v1\" replaceIfExists=\"true\">with x as (select 1) select 2; -- c</createView>",
     "createView viewName=v1", "8:7676429efb45999797d4e9aa1f5fff46", "9:80ef00f9f36b232c76baf51908c8e6bd",
     "CREATE OR REPLACE VIEW v1 AS with x as (select 1) select 2; -- c", "DROP VIEW v1"},
    {"<createView viewName=\"v\" path=\"crlf.sql\"/>", "createView path=crlf.sql, viewName=v",
     "8:b6f757a1d25a394807d0ef82c6e9d1f9", "9:23f7315307860f7039b558683d262f11",
     "CREATE VIEW v AS   select 1,\r\n\t 2;", "DROP VIEW v"},
};

static const struct verified_file_change sequences[] = {
    {"<createSequence sequenceName=\"s1\"/>", "createSequence sequenceName=s1", "8:e8d952ab399f17082a185a3fe518d84d",
     "9:e8d952ab399f17082a185a3fe518d84d", "CREATE SEQUENCE  IF NOT EXISTS s1", "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" startValue=\"10\" incrementBy=\"2\"/>", "createSequence sequenceName=s1",
     "8:2bc06614c4430ede9920a354f7c7c34a", "9:2bc06614c4430ede9920a354f7c7c34a",
     "CREATE SEQUENCE  IF NOT EXISTS s1 START WITH 10 INCREMENT BY 2", "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" cycle=\"false\"/>", "createSequence sequenceName=s1",
     "8:2a7afcec4096afdc078e893dcdb0600c", "9:2a7afcec4096afdc078e893dcdb0600c", "CREATE SEQUENCE  IF NOT EXISTS s1",
     "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" cacheSize=\"20\"/>", "createSequence sequenceName=s1",
     "8:f96ff4684b4b42b3d5b4ccba7b1922e7", "9:f96ff4684b4b42b3d5b4ccba7b1922e7",
     "CREATE SEQUENCE  IF NOT EXISTS s1 CACHE 20", "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" cacheSize=\"0\"/>", "createSequence sequenceName=s1",
     "8:db4e17b1e04d923777637a7925ac9131", "9:db4e17b1e04d923777637a7925ac9131", "CREATE SEQUENCE  IF NOT EXISTS s1",
     "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" dataType=\"int\"/>", "createSequence sequenceName=s1",
     "8:2ea3ef9bbba602e0824dc556530d473e", "9:2ea3ef9bbba602e0824dc556530d473e",
     "CREATE SEQUENCE  IF NOT EXISTS s1 AS int", "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" dataType=\"smallint\"/>", "createSequence sequenceName=s1",
     "8:92152ef2f8bb645b18bab22dfa730875", "9:92152ef2f8bb645b18bab22dfa730875",
     "CREATE SEQUENCE  IF NOT EXISTS s1 AS smallint", "DROP SEQUENCE s1 CASCADE"},
    {"<createSequence sequenceName=\"s1\" startValue=\"010\" incrementBy=\"-1\" maxValue=\"9223372036854775808\"/>",
     "createSequence sequenceName=s1", "8:bb1323aa9fb206e50638d37752280ece", "9:bb1323aa9fb206e50638d37752280ece",
     "CREATE SEQUENCE  IF NOT EXISTS s1 START WITH 10 INCREMENT BY -1 MAXVALUE 9223372036854775808",
     "DROP SEQUENCE s1 CASCADE"},
    {"<alterSequence sequenceName=\"s1\" incrementBy=\"2\"/>", "alterSequence sequenceName=s1",
     "8:b112e66a53c1d6b218f090bf09bf332d", "9:b112e66a53c1d6b218f090bf09bf332d", "ALTER SEQUENCE s1 INCREMENT BY 2",
     NULL},
    {"<alterSequence sequenceName=\"s1\" cycle=\"true\"/>", "alterSequence sequenceName=s1",
     "8:7b4bfd1d662b3d54e662ba9c29440b43", "9:7b4bfd1d662b3d54e662ba9c29440b43", "ALTER SEQUENCE s1 CYCLE", NULL},
    {"<alterSequence sequenceName=\"s1\" cycle=\"false\"/>", "alterSequence sequenceName=s1",
     "8:76e22fddfbf9513c7ff82a8b01c4d38f", "9:76e22fddfbf9513c7ff82a8b01c4d38f", "ALTER SEQUENCE s1 NO CYCLE", NULL},
    {"<alterSequence sequenceName=\"s1\" cacheSize=\"20\"/>", "alterSequence sequenceName=s1",
     "8:63b81dfe0effa0e58940a344a499cde9", "9:63b81dfe0effa0e58940a344a499cde9", "ALTER SEQUENCE s1 CACHE 20", NULL},
    {"<alterSequence sequenceName=\"s1\" dataType=\"number(10)\"/>", "alterSequence sequenceName=s1",
     "8:22f9d90e0333fca92d33d3caf269928d", "9:22f9d90e0333fca92d33d3caf269928d", "ALTER SEQUENCE s1 AS number(10)",
     NULL},
    {"<alterSequence sequenceName=\"s1\" startValue=\"010\" incrementBy=\"-1\" maxValue=\"9223372036854775808\"/>",
     "alterSequence sequenceName=s1", "8:aa0f2ebc1cb089bbd190773cfb6a82fb", "9:aa0f2ebc1cb089bbd190773cfb6a82fb",
     "ALTER SEQUENCE s1 INCREMENT BY -1 MAXVALUE 9223372036854775808", NULL},
    {"<createSequence sequenceName=\"MixedCase\"/>", "createSequence sequenceName=MixedCase",
     "8:1b71007d337586716249ce0e449462fd", "9:1b71007d337586716249ce0e449462fd",
     "CREATE SEQUENCE  IF NOT EXISTS \"MixedCase\"", "DROP SEQUENCE \"MixedCase\" CASCADE"},
    {"<dropSequence sequenceName=\"s1\"/>", "dropSequence sequenceName=s1", "8:ac972c8a5e21acf84a57385452a5334b",
     "9:ac972c8a5e21acf84a57385452a5334b", "DROP SEQUENCE s1 CASCADE", NULL},
    {"<dropSequence sequenceName=\"S1\" schemaName=\"Sc\" catalogName=\"c\"/>", "dropSequence sequenceName=S1",
     "8:4352940d11d1be158ccd49a488f359c0", "9:4352940d11d1be158ccd49a488f359c0", "DROP SEQUENCE \"Sc\".S1 CASCADE",
     NULL},
    {"<renameSequence oldSequenceName=\"s1\" newSequenceName=\"s2\"/>",
     "renameSequence newSequenceName=s2, oldSequenceName=s1", "8:987280a24c14455a0cb9a07795973610",
     "9:987280a24c14455a0cb9a07795973610", "ALTER SEQUENCE s1 RENAME TO s2", "ALTER SEQUENCE s2 RENAME TO s1"},
    {"<renameSequence oldSequenceName=\"s1\" newSequenceName=\"S2\" schemaName=\"sc\" catalogName=\"c\"/>",
     "renameSequence newSequenceName=S2, oldSequenceName=s1", "8:415770f8279038541aed9ffe4d453ba5",
     "9:415770f8279038541aed9ffe4d453ba5", "ALTER SEQUENCE sc.s1 RENAME TO S2", "ALTER SEQUENCE sc.S2 RENAME TO s1"},
};

static const struct verified_file_change texts[] = {
    {"<sql>select 1</sql>", "sql", "8:d8f827719488a0363979fc45fc6996c7", "9:f6bf37efedbc0a2dfffc1caf5088d86e",
     "select 1", NULL},
    {"<sql>select 1; -- c\n   select 2;</sql>", "sql", "8:ca362c41a705e6ea7fdea98e8ac0d82f",
     "9:f86e1fd125cb77331f41f1699140c577", "select 1\n-- c\n   select 2", NULL},
    {"<sql splitStatements=\"false\">select 1; select 2;</sql>", "sql", "8:7b59eb9bd90d4c5d765e1738368f122f",
     "9:48ff2015bc9d4342d809cc0e031473be", "select 1; select 2;", NULL},
    {"<sql stripComments=\"true\">select 1; -- c\n   /* x */select 2;</sql>", "sql",
     "8:af18eb6bbec898b19f941205f53da2d3", "9:c56d051968e50bfacbe7a0e749fd20b9", "select 1\nselect 2", NULL},
    {"<sql endDelimiter=\"GO\">select 1\nGO\nselect 2</sql>", "sql", "8:16448c924ea79d78ee3eaf23ecb7bd17",
     "9:4f9eb38b71edbc33826ee50ce5061797", "select 1\nselect 2", NULL},
    {"<sql endDelimiter=\"\\nGO\">select 1\nGO\nselect 2</sql>", "sql", "8:a66d0959b1f1735b14084ced63283d49",
     "9:4f9eb38b71edbc33826ee50ce5061797", "select 1\nselect 2", NULL},
    {"<sql endDelimiter=\"//\">select 1; select 3//select 2</sql>", "sql", "8:0a228900d1ba24423c85d2e7c418d260",
     "9:46d4db276f84c0c0fe6b1141f3f98d38", "select 1; select 3\nselect 2", NULL},
    {"<sql dbms=\"postgresql, h2\">select 1</sql>", "sql", "8:d8f827719488a0363979fc45fc6996c7",
     "9:f6bf37efedbc0a2dfffc1caf5088d86e", "select 1", NULL},
    {"<sql>-- only</sql>", "sql", "8:262b6e50ea0869ea6039d7752e554feb", "9:4c51a67b0532c74e4b29912b3462c31c", "-- only",
     NULL},
    {"<sql stripComments=\"true\">-- only</sql>", "sql", "8:d9f983a0c462e984ee08f19f4e5d1a59",
     "9:4c51a67b0532c74e4b29912b3462c31c", "", NULL},
    {"<sql splitStatements=\"true\" stripComments=\"false\" endDelimiter=\";\">a;b</sql>", "sql",
     "8:295d04bb78200e0aebb30871778727d2", "9:45d17989299efc4321960bf46f2ebd0a", "a\nb", NULL},
    {"<sqlFile path=\"f.sql\"/>", "sqlFile path=f.sql", "8:ca362c41a705e6ea7fdea98e8ac0d82f",
     "9:f86e1fd125cb77331f41f1699140c577", "select 1\n-- c\n  select 2", NULL},
    {"<sqlFile path=\"f.sql\" splitStatements=\"false\" stripComments=\"true\"/>", "sqlFile path=f.sql",
     "8:6bf328ca2017bc68f3cd44233c8a1267", "9:f86e1fd125cb77331f41f1699140c577", "select 1; \n  select 2;", NULL},
    {"<sqlFile path=\"f.sql\" endDelimiter=\"GO\"/>", "sqlFile path=f.sql", "8:3a70ccfbfb1e2e9c812d69c1007b7bf2",
     "9:f86e1fd125cb77331f41f1699140c577", "select 1; -- c\n  select 2;", NULL},
    {"<sqlFile path=\"sub/g.sql\" relativeToChangelogFile=\"true\" encoding=\"ISO-8859-1\"/>", "sqlFile path=sub/g.sql",
     "8:46b0e07518828b2c5e769b1e25d22dd7", "9:691b13d03b5268756f19ff77063d206b", "select '\303\251'", NULL},
    {"<sqlFile path=\"f.sql\" dbms=\"postgresql\" stripComments=\"true\"/>", "sqlFile path=f.sql",
     "8:c50ae06875a86e636bc23f967ee2f166", "9:f86e1fd125cb77331f41f1699140c577", "select 1\nselect 2", NULL},
    {"<sqlFile path=\"empty.sql\"/>", "sqlFile path=empty.sql", "8:b208c2416674f5f246a9ac14c833d3ab",
     "9:d41d8cd98f00b204e9800998ecf8427e", "", NULL},
    {"<sqlFile path=\"bom.sql\"/>", "sqlFile path=bom.sql", "8:4e6c0636e748f9a7f40a9bd37040e656",
     "9:d7d1d45bcb946547b382bb0e7853c185", "select 1", NULL},
    {"<sql endDelimiter=\"\">select 1;select 2</sql>", "sql", "8:3db1c48404488784231cbdfe124aec32",
     "9:4a9d88332605e472e2e0922f15a152c0", "select 1;select 2", NULL},
    {"<sql dbms=\"all\">select 1</sql>", "sql", "8:d8f827719488a0363979fc45fc6996c7",
     "9:f6bf37efedbc0a2dfffc1caf5088d86e", "select 1", NULL},
};

static const struct verified_file_change others[] = {
    {"<createProcedure>create function pp() returns int language sql as $$ select 1; $$</createProcedure>",
     "createProcedure", "8:193fe4171de3ca72ea7ecdbcc84b860c", "9:87dbd616e329fa26600718e85143a0bd",
     "create function pp() returns int language sql as $$ select 1; $$", NULL},
    {"<createProcedure procedureName=\"pp\">create function pp() returns int language sql as $$ select 1; $$;</createProcedure>",
     "createProcedure procedureName=pp", "8:74e54edee881a60794c84ca16eacf12f", "9:614073d709c1489b90748ce74e19e4f0",
     "create function pp() returns int language sql as $$ select 1; $$", NULL},
    {"<createProcedure dbms=\"postgresql\">create function pp() returns int language sql as $$ select 1; $$</createProcedure>",
     "createProcedure", "8:6ac78b07c37d1cb34d8a232b141652bd", "9:87dbd616e329fa26600718e85143a0bd",
     "create function pp() returns int language sql as $$ select 1; $$", NULL},
    {"<createProcedure path=\"proc.sql\"/>", "createProcedure path=proc.sql", "8:abe9c2c78fd3977a02c9f45b889c3172",
     "9:7d8cee62e4a3c043a4c441f4007dd2c8", "create function pp() returns int language sql as $$ select 1; $$;\n/",
     NULL},
    {"<createProcedure path=\"sub/proc.sql\" relativeToChangelogFile=\"true\" encoding=\"ISO-8859-1\" procedureName=\"x\"/>",
     "createProcedure path=sub/proc.sql, procedureName=x", "8:f6f1dcbfc2019e161652aadc03273452",
     "9:289c5cbf5f52023205628c9c43ec684f",
     "create function pp() returns int language sql as $$ select 1; $$ -- \303\251", NULL},
    {"<createProcedure>create function pp() returns int language sql as $$ select 1; $$;\n/</createProcedure>",
     "createProcedure", "8:c80d72c74ad48416ae3cc17024e13da2", "9:7d8cee62e4a3c043a4c441f4007dd2c8",
     "create function pp() returns int language sql as $$ select 1; $$;\n/", NULL},
    {"<createProcedure>-- c\n create function pp() returns int language sql as $$ select 1; $$ -- d</createProcedure>",
     "createProcedure", "8:04dcc6f28cf754f48d22fa2d6c017441", "9:7eabd19a425ebde5db73936067009bbe",
     "-- c\n create function pp() returns int language sql as $$ select 1; $$ -- d", NULL},
    {"<createProcedure>create or replace procedure p() as $$ begin ; end $$ language plpgsql;;</createProcedure>",
     "createProcedure", "8:d44f4d1f4f2d0a76b5757a287adbc72d", "9:5fbfe0ff90a8eb9b04ae2d3fe2293cc6",
     "create or replace procedure p() as $$ begin ; end $$ language plpgsql;", NULL},
    {"<dropProcedure procedureName=\"pp\"/>", "dropProcedure procedureName=pp", "8:fbb01c4beaeb723095ea1a697ba3be83",
     "9:fbb01c4beaeb723095ea1a697ba3be83", "DROP PROCEDURE pp", NULL},
    {"<dropProcedure procedureName=\"Pp\" schemaName=\"s\" catalogName=\"c\"/>", "dropProcedure procedureName=Pp",
     "8:451e1bdc34d57b1c1e2bb2a15e7f303f", "9:451e1bdc34d57b1c1e2bb2a15e7f303f", "DROP PROCEDURE s.\"Pp\"", NULL},
    {"<dropProcedure procedureName=\"pp(int)\"/>", "dropProcedure procedureName=pp(int)",
     "8:aa46681ffbf78b4c254dff0aa5d344f1", "9:aa46681ffbf78b4c254dff0aa5d344f1", "DROP PROCEDURE \"pp(int)\"", NULL},
    {"<tagDatabase tag=\"v1.0\"/>", "tagDatabase", "8:ad2dc040c0dbde31f9d6909f1c260f59",
     "9:ad2dc040c0dbde31f9d6909f1c260f59", "", ""},
    {"<empty/>", "empty", "8:e717f241a5d9fd9a7632faa096d059cc", "9:e717f241a5d9fd9a7632faa096d059cc", "", ""},
    {"<output target=\"STDERR\">hello\n  there</output>", "output", "8:8e0f062f61576dbbd6b63339ab5d727f",
     "9:8e0f062f61576dbbd6b63339ab5d727f", "", ""},
    {"<output target=\"STDOUT\">a</output>", "output", "8:17dfb12efa2a75ce96e2fef61bca588b",
     "9:17dfb12efa2a75ce96e2fef61bca588b", "", ""},
    {"<createProcedure path=\"pp.sql\"/>", "createProcedure path=pp.sql", "8:1eeb0076300dbdb94667f6816b7f5712",
     "9:1adff71d2b829cbea6c442d6e41fac4e", "create procedure ZED as x", NULL},
    {"<createProcedure path=\"lat.sql\" encoding=\"ISO-8859-1\"/>", "createProcedure path=lat.sql",
     "8:da87ec226ba69e4ab676edc0e6147feb", "9:76662ca6aa11bb6461290efb2394dddf", "create procedure p \303\251", NULL},
    {"<createProcedure path=\"pbom.sql\"/>", "createProcedure path=pbom.sql", "8:3218a08f2f55a91c10ce76cd296a577a",
     "9:6cdebfced2fb9656543d89c1cb43a277", "create procedure p", NULL},
    {"<createProcedure path=\"crlf.sql\"/>", "createProcedure path=crlf.sql", "8:29304567d1712bca89bfeeb3d2f24e52",
     "9:ecb1b30b128ac293f338c99bc28c6dc9", "select 1,\r\n\t 2", NULL},
};

static void views_and_sequences(void **state)
{
    (void)state;
    check_file_changes(views, COUNT(views), files);
    check_file_changes(sequences, COUNT(sequences), files);
}

static void sql_text(void **state)
{
    (void)state;
    check_file_changes(texts, COUNT(texts), files);
}

static void procedures_tags_and_messages(void **state)
{
    (void)state;
    check_file_changes(others, COUNT(others), files);
}

/* The sum is of the file as it is; what runs has ${} expanded. */
static void what_files_hold(void **state)
{
    (void)state;
    static struct memory_file own[] = {{"x.sql", "select '${zz}'"}, {NULL, NULL}};
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change_files access = memory(own);
    struct change file, text;
    char v9[CHECKSUM_MAX], expected[CHECKSUM_MAX];
    assert_true(change_load(&cx, tree(&a, "<sqlFile path=\"x.sql\"/>"), &access, &file));
    assert_true(change_load(&cx, tree(&a, "<sql>select '${zz}'</sql>"), &access, &text));
    assert_string_equal(file.sql, "select 'ZED'");
    assert_string_equal(file.file, "db/x.sql");
    change_checksum(&file, CHECKSUM_V9, v9);
    change_checksum(&text, CHECKSUM_V9, expected);
    assert_string_equal(v9, expected);
    arena_free(&a);
}

static void names_have_the_default_schema(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"<createView viewName=\"v\" remarks=\"r\">select 1</createView>",
         "CREATE VIEW public.v AS select 1\nCOMMENT ON VIEW public.v IS 'r'"},
        {"<renameView oldViewName=\"v\" newViewName=\"w\"/>", "ALTER TABLE public.v RENAME TO w"},
        {"<createSequence sequenceName=\"s\"/>", "CREATE SEQUENCE  IF NOT EXISTS public.s"},
        {"<alterSequence sequenceName=\"s\" incrementBy=\"5\"/>", "ALTER SEQUENCE public.s INCREMENT BY 5"},
        {"<dropProcedure procedureName=\"p\"/>", "DROP PROCEDURE public.p"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct change_env env = {.server_version = 150000, .default_schema = "public"};
        struct change c = loaded(&cx, rows[i][0]);
        assert_string_equal(sql_of(&cx, &env, &c), rows[i][1]);
        arena_free(&a);
    }
}

/* Where Liquibase writes what the server refuses, or what ends its quotes. */
static void names_stay_in_their_quotes(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change_env env = {.server_version = 150000};
    struct change c = loaded(
        &cx, "<insert tableName=\"t\"><column name=\"a\" valueSequenceNext=\"s'); drop table x; --\"/></insert>");
    assert_string_equal(sql_of(&cx, &env, &c), "INSERT INTO t (a) VALUES (nextval('\"s''); drop table x; --\"'))");
    c = loaded(&cx, "<dropPrimaryKey tableName=\"a$$b\"/>");
    const char *sql = sql_of(&cx, &env, &c);
    assert_true(text_starts(sql, "DO $row1$ DECLARE "));
    assert_true(text_ends(sql, "\nEND $row1$;"));
    arena_free(&a);
}

#define PRO ": this change type is Liquibase Pro's, and is not known here; write it as sql"

static void refused(void **state)
{
    (void)state;
    static const struct refused_change rows[] = {
        {"<createFunction functionName=\"f\"/>", "createFunction" PRO, "db/log.xml", 1},
        {"<dropFunction functionName=\"f\"/>", "dropFunction" PRO, "db/log.xml", 1},
        {"<addCheckConstraint tableName=\"t\"/>", "addCheckConstraint" PRO, "db/log.xml", 1},
        {"<renameTrigger triggerName=\"t\"/>", "renameTrigger" PRO, "db/log.xml", 1},
        {"<customChange class=\"a.B\"/>",
         "customChange: it runs a Java class, which is not possible here; write it as sql", "db/log.xml", 1},
        {"<executeCommand executable=\"ls\"/>",
         "executeCommand: running programs from a changelog is not supported; make it a step of the pipeline",
         "db/log.xml", 1},
        {"<createView viewName=\"v\"/>", "createView: path, or the view's query itself, is required", "db/log.xml", 1},
        {"<createView viewName=\"v\" path=\"no.sql\"/>", "cannot find the file no.sql", "db/log.xml", 1},
        {"<createView viewName=\"v\" fullDefinition=\"true\" replaceIfExists=\"true\">select 1</createView>",
         "createView: replaceIfExists with fullDefinition needs a CREATE in the definition", "db/log.xml", 1},
        {"<createSequence sequenceName=\"s\" ordered=\"true\"/>", "createSequence: PostgreSQL has no ordered sequences",
         "db/log.xml", 1},
        {"<createProcedure replaceIfExists=\"true\">x</createProcedure>",
         "createProcedure: replaceIfExists is not for PostgreSQL", "db/log.xml", 1},
        {"<createProcedure/>", "createProcedure: path, or the procedure itself, is required", "db/log.xml", 1},
        {"<sql/>", "sql: sql is required", "db/log.xml", 1},
        {"<sqlFile path=\"f.sql\" encoding=\"nope\"/>", "sqlFile: the encoding \"nope\" is not known", "db/log.xml", 1},
        {"<output target=\"bad\">x</output>",
         "output: the target \"bad\" is none of STDERR, STDOUT, FATAL, WARN, INFO, DEBUG", "db/log.xml", 1},
        {"<stop>enough</stop>", "the changelog says stop: enough", "db/log.xml", 1},
        {"<stop/>", "the changelog says stop: Stop command in changelog file", "db/log.xml", 1},
    };
    check_refused(rows, COUNT(rows), files);
}

static void tags(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change c = loaded(&cx, "<tagDatabase tag=\"v1\"/>");
    assert_string_equal(change_tag(&c), "v1");
    assert_false(change_keeps_tag(&c));
    c = loaded(&cx, "<tagDatabase tag=\"v1\" keepTagOnRollback=\"true\"/>");
    assert_true(change_keeps_tag(&c));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_and_sequences),
        cmocka_unit_test(sql_text),
        cmocka_unit_test(procedures_tags_and_messages),
        cmocka_unit_test(what_files_hold),
        cmocka_unit_test(names_have_the_default_schema),
        cmocka_unit_test(names_stay_in_their_quotes),
        cmocka_unit_test(refused),
        cmocka_unit_test(tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
