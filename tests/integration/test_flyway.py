"""The schema stages on Flyway migrations: history, order, faults, the lock. Expectations are Flyway's documented behaviour."""
import json
import signal
import subprocess
import threading
import zlib

import pytest

from conftest import wait_until
from schema import lab  # noqa: F401  (fixture)
from test_schema_network import Proxy

KEY = 77433833903597  # "Flyway" as a number + Java's hashCode() of "public"."flyway_schema_history"


class Fly:
    """A lab whose changes are a folder of migrations."""

    def __init__(self, lab):
        self.lab, self.folder = lab, lab.folder / "sql"
        self.folder.mkdir()
        self.sql, self.value, self.exists, self.connect = lab.sql, lab.value, lab.exists, lab.connect

    def write(self, **files):
        """V1__a="create …"; a double underscore before sub__ is no folder: use put() for those."""
        for name, text in files.items():
            self.put(name + ".sql", text)

    def put(self, path, text):
        p = self.folder / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(text if isinstance(text, bytes) else text.encode())

    def inputs(self, options, kw):
        kw = {"migrations": "sql", "changelog_file": "", **kw}
        if options:
            kw["flyway_options"] = json.dumps([f"{k}={'true' if v is True else v}" for k, v in options.items()])
        return kw

    def run(self, stage="schema-deploy", options=None, **kw):
        return self.lab.run(stage, **self.inputs(options, kw))

    def start(self, options=None, **kw):
        return self.lab.start("schema-deploy", **self.inputs(options, kw))

    def ok(self, *a, **kw):
        r = self.run(*a, **kw)
        assert r.status == 0, r
        return r

    def status(self, **kw):
        return self.run("schema-status", **kw)

    def rows(self, columns="version, type, success"):
        return self.sql(f"SELECT {columns} FROM flyway_schema_history ORDER BY installed_rank")

    def versions(self):
        return [v for (v,) in self.rows("version")] if self.exists("flyway_schema_history") else []


@pytest.fixture
def fly(lab):  # noqa: F811
    return Fly(lab)


def as_json(r, name):
    value = r.outputs[name]
    return json.loads(value) if isinstance(value, str) else value


def crc(text):
    n = zlib.crc32(text.encode().replace(b"\r", b"").replace(b"\n", b""))
    return n - (1 << 32) if n >= 1 << 31 else n


# ---- history and order ----

def test_first_run_and_nothing_to_do(fly):
    one, view = "create table t (\n  a int\n);\ninsert into t values (1);\n", "create or replace view w as select a from t"
    fly.write(V1__first_table=one, V1_10__ten="alter table t add c int", V1_9__nine="alter table t add b int", R__the_view=view)
    fly.put("later/V2__last.sql", "create function f() returns int language plpgsql as $$ begin return 1; end; $$;")
    r = fly.ok()
    assert r.outputs["changesets_applied"] == 5 and r.outputs["schema_version"] == "2" and r.outputs["pre_start_tag"] == ""
    assert fly.rows("installed_rank, version, description, type, script, checksum, installed_by, success, execution_time >= 0") == [
        (1, "1", "first table", "SQL", "V1__first_table.sql", crc(one), "postgres", True, True),
        (2, "1.9", "nine", "SQL", "V1_9__nine.sql", crc("alter table t add b int"), "postgres", True, True),
        (3, "1.10", "ten", "SQL", "V1_10__ten.sql", crc("alter table t add c int"), "postgres", True, True),
        (4, "2", "last", "SQL", "later/V2__last.sql",
         crc("create function f() returns int language plpgsql as $$ begin return 1; end; $$;"), "postgres", True, True),
        (5, None, "the view", "SQL", "R__the_view.sql", crc(view), "postgres", True, True)]
    assert fly.value("SELECT f()") == 1
    ids = r.outputs["transaction_ids"]
    assert len(json.loads(ids) if isinstance(ids, str) else ids) == 5
    assert fly.value("SELECT (SELECT xmin FROM t) = (SELECT xmin FROM flyway_schema_history WHERE version = '1')"), "one transaction"

    before = fly.rows("xmin, *")
    r = fly.ok()
    assert r.outputs["changesets_applied"] == 0 and "nothing to do" in r.outputs["summary"] and fly.rows("xmin, *") == before


def test_the_table_is_flyways(fly):
    fly.write(V1__a="select 1")
    fly.ok()
    assert fly.sql("""SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
                      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                      WHERE attrelid = 'flyway_schema_history'::regclass AND attnum > 0 ORDER BY attnum""") == [
        ("installed_rank", "integer", True, None), ("version", "character varying(50)", False, None),
        ("description", "character varying(200)", True, None), ("type", "character varying(20)", True, None),
        ("script", "character varying(1000)", True, None), ("checksum", "integer", False, None),
        ("installed_by", "character varying(100)", True, None), ("installed_on", "timestamp without time zone", True, "now()"),
        ("execution_time", "integer", True, None), ("success", "boolean", True, None)]
    assert sorted(fly.sql("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'flyway_schema_history'")) == [
        ("flyway_schema_history_pk",
         "CREATE UNIQUE INDEX flyway_schema_history_pk ON public.flyway_schema_history USING btree (installed_rank)"),
        ("flyway_schema_history_s_idx", "CREATE INDEX flyway_schema_history_s_idx ON public.flyway_schema_history USING btree (success)")]


def test_a_history_that_flyway_wrote(fly):
    """A history as Flyway leaves it: nothing runs again, and the rest goes on behind it."""
    a = "create table a (x int);\r\n"
    fly.write(V1__a=a, V2__b="create table b (x int)", R__r="select 1")
    fly.sql(f"""create table a (x int);
      CREATE TABLE "public"."flyway_schema_history" ("installed_rank" INT NOT NULL, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL,
        "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INTEGER, "installed_by" VARCHAR(100) NOT NULL,
        "installed_on" TIMESTAMP NOT NULL DEFAULT now(), "execution_time" INTEGER NOT NULL, "success" BOOLEAN NOT NULL);
      INSERT INTO flyway_schema_history VALUES (1, '1', 'a', 'SQL', 'V1__a.sql', {crc(a)}, 'app', now(), 12, true),
        (2, NULL, 'r', 'SQL', 'R__r.sql', {crc("select 1")}, 'app', now(), 3, true)""")
    r = fly.ok()
    assert r.outputs["changesets_applied"] == 1 and r.outputs["pre_start_tag"] == "1"
    assert fly.rows("installed_rank, version") == [(1, "1"), (2, None), (3, "2")]


def test_repeatable_ones_run_again_when_they_change(fly):
    fly.write(V1__t="create table t (n int)", R__count="insert into t values (1)")
    fly.ok()
    fly.ok()
    assert fly.value("SELECT count(*) FROM t") == 1
    fly.write(R__count="insert into t values (2)")
    fly.write(V2__u="insert into t values (100)")
    assert "Outdated" in json.dumps(fly.status().result["tables"])
    fly.ok()
    assert [n for (n,) in fly.sql("SELECT n FROM t ORDER BY ctid")] == [1, 100, 2], "repeatable ones come last"
    assert fly.status().status == 0


def test_target_count_and_next(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", V3__c="create table c ()", V4__d="create table d ()", R__r="select 1")
    fly.ok(options={"target": "1"})
    assert fly.versions() == ["1", None]
    fly.ok(options={"target": "next"})
    assert fly.versions() == ["1", None, "2"]
    r = fly.ok(count=1)
    assert r.outputs["changesets_pending"] == 1 and fly.versions() == ["1", None, "2", "3"]
    fly.ok(options={"target": "current"})
    assert fly.versions() == ["1", None, "2", "3"]
    assert fly.run(options={"target": "9", "failOnMissingTarget": True}).status == 2
    assert fly.ok(options={"target": "9?", "failOnMissingTarget": True}).outputs["schema_version"] == "4"


def test_out_of_order(fly):
    fly.write(V1__a="create table a ()", V3__c="create table c ()")
    fly.ok()
    fly.write(V2__b="create table b ()")
    r = fly.run()
    assert r.status == 4 and "older than version 3" in r.err and not fly.exists("b")
    assert fly.status().finding_codes() == ["not-applied"]
    fly.ok(options={"ignoreMigrationPatterns": "*:ignored"})
    assert not fly.exists("b")
    r = fly.ok(options={"outOfOrder": True})
    assert fly.exists("b") and r.outputs["schema_version"] == "3" and fly.versions() == ["1", "3", "2"]
    assert "Out of Order" in json.dumps(fly.status().result["tables"]) and fly.ok().outputs["changesets_applied"] == 0


# ---- validation ----

def test_edited_missing_and_renamed_files(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", V3__c="create table c ()")
    fly.ok()
    fly.write(V1__a="create table a (x int)", V4__d="create table d ()")
    r = fly.run()
    assert r.status == 4 and r.result["error"]["code"] == "CHECKSUM" and not fly.exists("d") and "V1__a.sql" in json.dumps(r.result["error"])
    assert fly.status().finding_codes()[0] == "checksum-changed" and fly.status().outputs["changesets_changed"] == 1
    fly.write(V1__a="create table a ()")
    (fly.folder / "V2__b.sql").unlink()
    r = fly.run()
    assert r.status == 4 and r.result["error"]["code"] == "GUARD" and "V2__b.sql" in r.err
    fly.ok(options={"ignoreMigrationPatterns": "*:missing"})
    fly.put("V2__b.sql", "create table b ()")
    (fly.folder / "V3__c.sql").rename(fly.folder / "V3__another_name.sql")
    r = fly.run()
    assert r.status == 4 and "another name" in r.err
    fly.ok(options={"validateOnMigrate": "false"})


def test_a_newer_database_is_no_fault(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()")
    fly.ok()
    (fly.folder / "V2__b.sql").unlink()
    fly.ok()
    r = fly.status()
    assert r.status == 0 and r.outputs["changesets_unknown"] == 1 and r.finding_codes() == ["unknown-in-database"]
    assert fly.run(options={"ignoreMigrationPatterns": ""}).status == 4


def test_names_and_text_are_checked_before_anything(fly):
    fly.write(V1__a="create table a ()", V2_b="create table b ()")
    r = fly.run(options={"validateMigrationNaming": True})
    assert r.status == 2 and "V2_b.sql" in json.dumps(r.result["error"]) and fly.versions() == []
    fly.ok()
    assert fly.versions() == ["1"] and fly.status().finding_codes() == ["not-a-migration"]
    fly.write(V1_0__again="select 1")
    assert fly.run().status == 2


# ---- statements ----

def test_placeholders(fly):
    fly.write(V1__a="create table ${name} (s text);\ninsert into ${NAME} values ('${flyway:user} ${flyway:database} ${flyway:defaultSchema} "
                    "${flyway:filename} ${flyway:table}');", R__r="-- ${name}\nselect 1")
    r = fly.run()
    assert r.status == 2 and r.result["error"]["line"] == 1 and "${name}" in r.err and fly.versions() == []
    fly.ok(parameters="name=people")
    assert fly.value("SELECT s FROM people") == f"postgres {fly.lab.db} public V1__a.sql flyway_schema_history"
    assert fly.rows("checksum")[1] == (crc("-- people\nselect 1"),)
    assert fly.ok(parameters="name=people").outputs["changesets_applied"] == 0
    assert fly.ok(parameters="name=others").outputs["changesets_applied"] == 1, "a repeatable migration runs again with another value"


def test_placeholders_whose_names_say_so_are_secrets(fly):
    fly.write(V1__a="select '${app_password}' nonsense nonsense;")
    (fly.folder / "f.conf").write_text("flyway.placeholders.app_password=hunter2hunter2\n")
    for given in ({"parameters": "app_password=hunter2hunter2"}, {"env": {"FLYWAY_PLACEHOLDERS_APP_PASSWORD": "hunter2hunter2"}},
                  {"flyway_conf": str(fly.folder / "f.conf")}):
        r = fly.run(**given)
        assert r.status == 20 and "hunter2" not in r.out + r.err + json.dumps(r.result) and "********" in r.err, r


def test_copy_rows_comments_and_crlf(fly):
    fly.put("V1__a.sql", "/* about */\r\ncreate table t (a int, b text);\r\n\r\n-- rows\r\nCOPY t (a, b) FROM stdin;\r\n1\tone;\r\n2\t\\N\r\n\\.\r\n"
                         "insert into t values (3, 'x\r\ny');\r\n-- the end\r\n")
    fly.ok()
    assert fly.sql("SELECT a, b FROM t ORDER BY a") == [(1, "one;"), (2, None), (3, "x\r\ny")]


def test_rows_of_several_copies(fly):
    fly.put("V1__a.sql", "create table t (a text);\n" + "".join(
        f"COPY t FROM stdin;\n{i};\n\\\\.\n\\.\n-- {i}\nselect '\n\\.\n';\n" for i in range(20)) + "COPY t FROM stdin;\nlast")
    fly.ok()
    assert fly.value("SELECT string_agg(a, ' ' ORDER BY ctid) FROM t") == " ".join(f"{i}; \\." for i in range(20)) + " last"


def test_a_failed_migration_leaves_nothing(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ();\n\n  insert into nowhere\n  values (1);", V3__c="create table c ()")
    r = fly.run()
    e = r.result["error"]
    assert r.status == 21 and e["file"].endswith("V2__b.sql") and (e["line"], e["column"]) == (3, 15), r
    assert fly.exists("a") and not fly.exists("b") and fly.versions() == ["1"], "no row: it was rolled back, as under Flyway"
    fly.write(V2__b="create table b ()")
    fly.ok()
    assert fly.versions() == ["1", "2", "3"]


def test_statements_that_refuse_a_transaction(fly):
    fly.write(V1__t="create table t (a int)", V2__i="create index concurrently i on t (a)", V3__v="vacuum t",
              V4__e="create type mood as enum ('a')", V5__e="alter type mood add value 'b'")
    r = fly.ok()
    assert r.outputs["changesets_applied"] == 5 and fly.exists("i") and len(fly.rows()) == 5
    assert not fly.exists("flyway_schema_history_progress")
    fly.write(V6__m="create table m ();\ncreate index concurrently j on t (a)")
    r = fly.run()
    assert r.status == 2 and r.result["error"]["line"] == 2 and not fly.exists("m")
    fly.ok(options={"mixed": True})
    assert fly.exists("m") and fly.exists("j")
    fly.write(V7__m="create table n ();\ndrop index concurrently j")
    fly.put("V7__m.sql.conf", "executeInTransaction=false\n")
    fly.ok()
    assert fly.exists("n") and not fly.exists("j")


def test_a_failure_outside_of_a_transaction_is_recorded_and_repaired(fly):
    fly.write(V1__t="create table t (a int); insert into t values (1), (1)", V2__u="create table u (); create unique index concurrently x on t (a)")
    fly.put("V2__u.sql.conf", "executeInTransaction=false")
    r = fly.run()
    assert r.status == 21 and "repair" in r.result["error"]["hint"], r
    assert fly.rows() == [("1", "SQL", True), ("2", "SQL", False)] and fly.exists("u")
    r = fly.run()
    assert r.status == 4 and "failed" in r.err and fly.status().finding_codes() == ["failed"]
    fly.sql("DROP TABLE u; DROP INDEX x; DELETE FROM t")
    r = fly.ok(flyway_action="repair")
    assert fly.rows() == [("1", "SQL", True)] and "1 failed removed" in r.outputs["summary"]
    fly.ok()
    assert fly.rows() == [("1", "SQL", True), ("2", "SQL", True)] and not fly.exists("flyway_schema_history_progress")


def test_settings_of_a_migration_do_not_leak(fly):
    fly.write(V1__a="create schema other; set search_path = other; create role flyway_leak; set role flyway_leak", V2__b="create table b ()",
              V3__c="set role flyway_leak; vacuum pg_type")
    fly.put("V3__c.sql.conf", "executeInTransaction=false")
    try:
        fly.ok()
        assert fly.exists("public.b") and fly.value("SELECT tableowner FROM pg_tables WHERE tablename = 'b'") == "postgres"
        assert fly.versions() == ["1", "2", "3"], "rows are written by the role that the run began with"
    finally:
        fly.sql("DROP ROLE IF EXISTS flyway_leak")


# ---- schemas, baseline, repair, undo ----

def test_a_schema_of_its_own(fly):
    fly.write(V1__a="create table a (); create table public.p ()")
    fly.ok(default_schema_name="app", options={"schemas": "app,extra"})
    assert fly.sql("SELECT installed_rank, version, description, type, script FROM app.flyway_schema_history ORDER BY 1") == [
        (0, None, "<< Flyway Schema Creation >>", "SCHEMA", '"app","extra"'), (1, "1", "a", "SQL", "V1__a.sql")]
    assert fly.exists("app.a") and fly.exists("public.p")
    fly.ok(default_schema_name="app")
    assert fly.run(default_schema_name="none", options={"createSchemas": "false"}).status == 2


def test_baseline(fly):
    fly.sql("CREATE TABLE old (a int)")
    fly.write(V1__old="create table old (a int)", V2__two="create table two ()")
    r = fly.run()
    assert r.status == 4 and "not empty" in r.err and not fly.exists("flyway_schema_history")
    fly.ok(flyway_action="baseline", options={"baselineDescription": "as it was"})
    assert fly.rows("installed_rank, version, description, type, script, checksum, success") == [
        (1, "1", "as it was", "BASELINE", "as it was", None, True)]
    fly.ok(flyway_action="baseline", options={"baselineDescription": "as it was"})
    assert fly.run(flyway_action="baseline", options={"baselineVersion": "2"}).status == 4
    fly.ok()
    assert fly.versions() == ["1", "2"]


def test_baseline_on_migrate(fly):
    fly.sql("CREATE TABLE old (a int)")
    fly.write(V1__old="create table old (a int)", V1_1__more="create table more ()", V2__two="create table two ()")
    options = {"baselineOnMigrate": True, "baselineVersion": "1.1"}
    script = fly.ok("schema-preview", options=options).outputs["sql_file"]
    assert "two" in open(script).read() and "more" not in open(script).read()
    r = fly.ok(options=options)
    assert fly.rows("version, description, type") == [("1.1", "<< Flyway Baseline >>", "BASELINE"), ("2", "two", "SQL")]
    assert r.finding_codes() == ["baselined"] and not fly.exists("more")


def test_baseline_migrations_start_an_empty_schema(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", B2__all="create table ab ()", V3__c="create table c ()")
    fly.ok()
    assert fly.rows("version, type, script") == [("2", "SQL_BASELINE", "B2__all.sql"), ("3", "SQL", "V3__c.sql")]
    assert fly.exists("ab") and not fly.exists("a") and fly.ok().outputs["changesets_applied"] == 0
    assert fly.status().status == 0


def test_a_baseline_migration_is_left_out_of_a_schema_in_use(fly):
    fly.write(V1__a="create table a ()")
    fly.ok()
    fly.write(V2__b="create table b ()", B2__all="create table ab ()")
    fly.ok()
    assert fly.rows("version, type") == [("1", "SQL"), ("2", "SQL")] and not fly.exists("ab")


def test_repair_takes_over_what_the_files_say(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", V3__c="create table c ()", R__r="select 1")
    fly.ok()
    fly.write(V1__a="create table a -- edited\n()")
    (fly.folder / "V2__b.sql").unlink()
    (fly.folder / "R__r.sql").unlink()
    (fly.folder / "V3__c.sql").rename(fly.folder / "V3__see.sql")
    before = fly.rows("*")
    r = fly.ok(flyway_action="repair", dry_run=True)
    assert fly.rows("*") == before and "2 missing" in r.outputs["summary"]
    fly.ok(flyway_action="repair")
    assert fly.rows("installed_rank, version, description, type, script, checksum") == [
        (1, "1", "a", "SQL", "V1__a.sql", crc("create table a -- edited\n()")), (2, "2", "b", "SQL", "V2__b.sql", crc("create table b ()")),
        (3, "3", "see", "SQL", "V3__c.sql", crc("create table c ()")), (4, None, "r", "SQL", "R__r.sql", crc("select 1")),
        (5, "2", "b", "DELETE", "V2__b.sql", crc("create table b ()")), (6, None, "r", "DELETE", "R__r.sql", crc("select 1"))]
    assert fly.ok().outputs["changesets_applied"] == 0 and fly.status().status == 0
    assert "nothing to repair" in fly.ok(flyway_action="repair").outputs["summary"]
    fly.write(R__r="select 1", V2__b="create table b2 ()")
    fly.ok(options={"outOfOrder": True})
    assert fly.exists("b2") and len(fly.rows()) == 8, "what was deleted can come again"


def test_undo(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", V3__c="create table c ()",
              U1__a="drop table a", U2__b="drop table b", U3__c="drop table c")
    fly.ok()
    r = fly.ok(flyway_action="undo")
    assert not fly.exists("c") and r.outputs["schema_version"] == "2" and r.outputs["pre_start_tag"] == "3" and r.outputs["changesets_pending"] == 1
    fly.ok()
    assert fly.exists("c") and fly.ok().outputs["changesets_applied"] == 0
    fly.ok(flyway_action="undo", options={"target": "2", "undoRecord": "UNDO_SQL"})
    assert [fly.exists(t) for t in "abc"] == [True, False, False]
    assert fly.rows() == [("1", "SQL", True), ("2", "SQL", True), ("3", "SQL", True), ("3", "DELETE", True), ("3", "SQL", True),
                          ("3", "UNDO_SQL", True), ("2", "UNDO_SQL", True)]
    assert "Undone" in json.dumps(fly.status().result["tables"])
    fly.ok()
    assert [fly.exists(t) for t in "abc"] == [True, True, True]
    (fly.folder / "U2__b.sql").unlink()
    r = fly.run(flyway_action="undo", count=2)
    assert r.status == 4 and fly.exists("c"), "all scripts are looked for before the first one runs"


def test_rollback_to_a_version(fly):
    fly.write(V1__a="create table a ()", V2__b="create table b ()", V3__c="create table c ()", U2__b="drop table b", U3__c="drop table c")
    r = fly.ok()
    assert [(s["id"], s["path"], s["result"]) for s in as_json(r, "change_sets")][0] == ("1", "V1__a.sql", "executed")
    assert as_json(r, "sql_commands") == ["create table a ()", "create table b ()", "create table c ()"]
    r = fly.ok("schema-preview", direction="rollback", to_tag="1")
    assert as_json(r, "sql_commands") == ["drop table c", "drop table b"] and fly.exists("c")
    assert fly.run("schema-rollback").status == 2 and fly.run("schema-rollback", to_tag="1", count=1).status == 2
    r = fly.ok("schema-rollback", to_tag="1")
    assert r.outputs["changesets_rolled_back"] == 2 and r.outputs["schema_version"] == "1" and [fly.exists(t) for t in "abc"] == [True, False, False]
    r = fly.ok(dry_run=True)
    assert [s["result"] for s in as_json(r, "change_sets")] == ["would run"] * 2
    assert fly.run(action="tag", tag="x").status == 2


def test_callbacks(fly):
    fly.write(V1__t="create table t (n serial, what text)", V2__a="insert into t (what) values ('two')", V3__b="insert into t (what) values ('three')")
    fly.ok(options={"target": "1"})
    for event in ("beforeMigrate", "beforeEachMigrate", "afterEachMigrate", "afterVersioned", "afterMigrateApplied", "afterMigrate"):
        fly.put(f"{event}.sql", f"insert into t (what) values ('{event}')")
    fly.put("afterMigrate__second.sql", "insert into t (what) values ('${flyway:filename}')")
    fly.put("beforeValidate.sql", "select 1")
    r = fly.ok()
    assert "beforeValidate" in r.err
    assert [w for (w,) in fly.sql("SELECT what FROM t ORDER BY n")] == [
        "beforeMigrate", "beforeEachMigrate", "two", "afterEachMigrate", "beforeEachMigrate", "three", "afterEachMigrate",
        "afterVersioned", "afterMigrateApplied", "afterMigrate", "afterMigrate__second.sql"]


# ---- settings ----

def test_settings_from_a_file_and_the_environment(fly):
    fly.put("../flyway.conf", "flyway.url=jdbc:postgresql://nowhere/x\nflyway.locations=filesystem:sql\nflyway.table=history\n"
                              "flyway.placeholders.name=from_file\n")
    fly.write(V1__a="create table ${name} ()")
    conf = str(fly.folder.parent / "flyway.conf")
    fly.ok(migrations="", flyway_conf=conf, env={"FLYWAY_PLACEHOLDERS_NAME": "from_environment"})
    assert fly.exists("history") and fly.exists("from_environment")
    r = fly.run(options={"outOfOder": True})
    assert r.status == 2 and "outOfOrder" in r.result["error"]["hint"]
    assert fly.run(options={"group": True}).status == 2
    assert fly.run(contexts="x").status == 2 and fly.run(changelog_file="x.sql").status == 2
    assert fly.run(migrations="").status == 2 and fly.run(migrations="nowhere").status == 2


def test_preview_and_dry_run_change_nothing(fly):
    fly.write(V1__t="create table t (a int)", V2__i="create index concurrently i on t (a)")
    r = fly.ok("schema-preview")
    script = open(r.outputs["sql_file"]).read()
    assert r.outputs["changesets_pending"] == 2 and f"pg_advisory_lock({KEY})" in script and "flyway_schema_history" in script
    assert fly.ok(dry_run=True).outputs["changesets_pending"] == 2 and not fly.exists("flyway_schema_history") and not fly.exists("t")
    path = fly.folder.parent / "preview.sql"
    path.write_text(script)
    subprocess.run([f"{fly.lab.server.bindir}/psql", "-v", "ON_ERROR_STOP=1", "-q", "-d", fly.lab.server.url(fly.lab.db), "-f", str(path)], check=True)
    assert fly.ok().outputs["changesets_applied"] == 0, "the script does what a deploy does"


# ---- faults ----

SLOW = "create table slow (a int); select pg_sleep(60)"


def busy(fly, text):
    return fly.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()",
                     (f"%{text}%",)) > 0


def test_a_killed_run_frees_the_lock_and_leaves_nothing(fly):
    fly.write(V1__a="create table a ()", V2__slow=SLOW)
    p = fly.start()
    wait_until(lambda: busy(fly, "pg_sleep"))
    assert fly.status().outputs["lock_state"] == "held"
    p.send_signal(signal.SIGKILL)
    p.wait()
    fly.write(V2__slow="create table slow (a int)")
    fly.ok(lock_wait="30s")
    assert fly.versions() == ["1", "2"] and fly.exists("slow")


def test_a_run_killed_outside_of_a_transaction_is_gone_on_with(fly):
    fly.write(V1__t="create table t (a int); insert into t values (1)",
              V2__i="create schema s;\nset search_path = s, public;\ninsert into t values (2);\ncreate index concurrently i on t (a);\n"
                    "insert into t values (3);\ncreate table after_the_kill ();")
    fly.put("V2__i.sql.conf", "executeInTransaction=false")
    fly.ok(options={"target": "1"})
    blocker = fly.connect()
    blocker.autocommit = False
    blocker.cursor().execute("INSERT INTO t VALUES (0)")
    p = fly.start()
    wait_until(lambda: fly.exists("i") and busy(fly, "concurrently i"))
    p.send_signal(signal.SIGKILL)
    p.wait()
    wait_until(lambda: not busy(fly, "concurrently i"))
    blocker.rollback()
    blocker.close()
    assert fly.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [(False,)]
    r = fly.status()
    assert "unfinished" in r.finding_codes() and "3 of its statements are done" in json.dumps(r.result["findings"])
    r = fly.ok(lock_wait="30s")
    assert "going on there" in r.err and "invalid index" in r.err
    assert fly.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == [(True,)]
    assert sorted(a for (a,) in fly.sql("SELECT a FROM t")) == [1, 2, 3], "nothing runs twice"
    assert fly.exists("s.after_the_kill"), "what was set before the kill holds for the rest"
    assert fly.versions() == ["1", "2"] and not fly.exists("flyway_schema_history_progress")


def test_sigterm_ends_the_statement(fly):
    fly.write(V1__slow=SLOW)
    p = fly.start()
    wait_until(lambda: busy(fly, "pg_sleep"))
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 40
    assert not fly.exists("slow") and fly.status().outputs["lock_state"] == "free"


def test_a_lost_connection(fly):
    fly.write(V1__a="create table a ()", V2__slow=SLOW)
    p = fly.start()
    wait_until(lambda: busy(fly, "pg_sleep"))
    fly.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")
    _, err = p.communicate(timeout=60)
    assert p.returncode == 12 and "nothing of it was applied" in err
    assert fly.versions() == ["1"]


def through_a_cut(fly, options=None):
    """A run whose connection ends while the answer to the statement with "mark." is on its way."""
    def see(_proxy, link, data):
        if b"mark." in data and not link.deaf:
            link.deaf = True
            threading.Timer(0.3, link.cut).start()
    proxy = Proxy(fly.lab.server.port, see)
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{fly.lab.db}?sslmode=disable"
    r = fly.run(options=options, db_url=url)
    proxy.close()
    return r


def test_a_new_session_begins_as_the_lost_one_did(fly):
    fly.write(V1__a="create table a (); /* mark. */ create table b ()", V2__b="create table c as select current_setting('app.tenant', true) t")
    r = through_a_cut(fly, {"initSql": "set app.tenant = 'x'"})
    assert r.status == 0 and "committed before the connection was lost" in r.err, r
    assert fly.versions() == ["1", "2"] and fly.value("SELECT t FROM c") == "x"


def test_what_the_lost_session_had_set_is_not_missed_in_silence(fly):
    fly.write(V1__a="set app.tenant = 'x'", V2__b="create table a (); /* mark. */ create table b ()",
              V3__c="create table c as select current_setting('app.tenant', true) t")
    r = through_a_cut(fly)
    assert r.status == 12 and "changed their session" in r.err and r.outputs["changesets_applied"] == 2, r
    assert fly.versions() == ["1", "2"] and not fly.exists("c")


def test_racing_runs(fly):
    for i in range(1, 11):
        fly.put(f"V{i}__m.sql", f"create table t{i} (); select pg_sleep(0.02)")
    started = [fly.start(lock_wait="60s") for _ in range(4)]
    for p in started:
        _, err = p.communicate(timeout=90)
        assert p.returncode == 0, err
    assert fly.versions() == [str(i) for i in range(1, 11)]


def test_the_lock_is_flyways(fly):
    """What a Flyway does for each migration: the same key, for a transaction or for a session."""
    fly.write(V1__a="create table a ()")
    other = fly.connect()
    other.autocommit = False
    cur = other.cursor()
    cur.execute(f"SELECT pg_try_advisory_xact_lock({KEY})")
    assert cur.fetchone() == (True,)
    assert fly.status().outputs["lock_state"] == "foreign"
    r = fly.run(lock_wait="0")
    assert r.status == 14 and str(KEY) in r.result["error"]["hint"] and not fly.exists("a")
    other.rollback()
    fly.write(V1__a="create table a (); select pg_sleep(60)")
    p = fly.start()
    wait_until(lambda: busy(fly, "pg_sleep"))
    cur.execute(f"SELECT pg_try_advisory_xact_lock({KEY}), pg_try_advisory_lock({KEY})")
    assert cur.fetchone() == (False, False)
    other.close()
    p.send_signal(signal.SIGTERM)
    p.wait(20)


def test_a_waiting_run_sees_what_the_other_did(fly):
    fly.write(V1__a="create table a ()")
    fly.ok()
    fly.write(V2__b="create table b ()")
    other = fly.connect()
    other.cursor().execute(f"SELECT pg_advisory_lock({KEY})")
    done = []
    waiting = threading.Thread(target=lambda: done.append(fly.run(lock_wait="30s")))
    waiting.start()
    wait_until(lambda: fly.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbstep%' AND query LIKE '%advisory%'") > 0)
    other.cursor().execute(f"""CREATE TABLE b (); INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum,
        installed_by, execution_time, success) VALUES (2, '2', 'b', 'SQL', 'V2__b.sql', {crc("create table b ()")}, 'x', 1, true);
        SELECT pg_advisory_unlock({KEY})""")
    other.close()
    waiting.join()
    assert done[0].status == 0 and done[0].outputs["changesets_applied"] == 0, done[0]


def test_a_busy_table_is_tried_again(fly):
    fly.write(V1__a="create table a (x int)")
    fly.ok()
    fly.write(V2__b="alter table a add y int")
    other = fly.connect()
    other.autocommit = False
    other.cursor().execute("SELECT * FROM a")
    r = fly.run(lock_timeout="50ms", lock_retries=1)
    assert r.status == 14 and fly.versions() == ["1"]
    p = fly.start(lock_timeout="50ms", lock_retries=50)
    wait_until(lambda: busy(fly, "alter table a add y"))
    other.rollback()
    other.close()
    assert p.wait(30) == 0 and fly.versions() == ["1", "2"]
