/* What SQL statements do to a schema, and that no text does harm. */
#include "dbstep/sqlparse.h"
#include "dbstep/str.h"
#include "testing.h"

static const char *const kinds[] = {"schema", "data", "query", "code", "transaction", "session", "other", "unknown"};
static const char *const facts[] = {"+",
                                    "-",
                                    "rename",
                                    "move",
                                    "+column",
                                    "-column",
                                    "rename column",
                                    "retype",
                                    "+not null",
                                    "-not null",
                                    "+default",
                                    "-default",
                                    "+constraint",
                                    "-constraint",
                                    "rename constraint",
                                    "validate",
                                    "+index",
                                    "+hook",
                                    "-hook",
                                    "attach",
                                    "detach",
                                    "insert",
                                    "update",
                                    "delete",
                                    "path",
                                    "action"};
static const char *const objects[] = {"table", "view", "matview", "foreign table", "sequence", "index", "schema", "?"};

static void add_fact(struct str *out, const struct sqlparse_fact *f)
{
    str_addf(out, " [%s", facts[f->kind]);
    if (f->object != SQLPARSE_TABLE)
        str_addf(out, " %s", objects[f->object]);
    str_addf(out, " %s%s%s", f->schema, *f->schema ? "." : "", f->name);
    if (*f->part)
        str_addf(out, ":%s", f->part);
    if (*f->to)
        str_addf(out, "=%s%s%s", f->to_schema, *f->to_schema ? "." : "", f->to);
    if (*f->detail)
        str_addf(out, " (%s)", f->detail);
    str_addf(out, "%s%s%s%s%s%s%s]", f->conditional ? " if" : "", f->temporary ? " temp" : "",
             f->partition ? " partition" : "", f->unlogged ? " unlogged" : "", f->not_valid ? " not valid" : "",
             f->concurrently ? " concurrently" : "", f->cascade ? " cascade" : "");
}

/* "schema [+ t]; query ?": kinds and facts, a question mark for what could not be seen. */
static const char *told(struct ctx *cx, const char *sql)
{
    struct sqlparse_list list;
    struct str out = str_new(cx->arena);

    assert_true(sqlparse_statements(cx, sql, strlen(sql), &list));
    for (size_t i = 0; i < list.statements.n; i++) {
        const struct sqlparse_statement *s = &list.statements.at[i];
        assert_true(s->offset + s->len <= strlen(sql));
        assert_true(s->unseen_at <= strlen(sql));
        str_addf(&out, "%s%s", i ? "; " : "", kinds[s->kind]);
        for (size_t k = 0; k < s->facts.n; k++)
            add_fact(&out, &s->facts.at[k]);
        if (s->unseen)
            str_add(&out, " ?");
    }
    return out.s;
}

struct example {
    const char *sql, *expected;
};

static void check(const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        const char *got = told(&cx, examples[i].sql);
        if (!text_equal(got, examples[i].expected))
            fail_test("%s\n gave %s\n not  %s", examples[i].sql, got, examples[i].expected);
        arena_free(&a);
    }
}

static void tables(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"CREATE TABLE T (a int)", "schema [+ t]"},
        {"CREATE TABLE \"S x\".\"T.é\"\"\" (a int, UNIQUE (a))", "schema [+ S x.T.é\"]"},
        {"create table if not exists a.b (like c)", "schema [+ a.b if]"},
        {"CREATE TABLE c.a.b (x int)", "schema [+ a.b]"},
        {"CREATE TABLE p PARTITION OF q FOR VALUES IN (1)", "schema [+ p partition]"},
        {"CREATE TABLE p (a int) PARTITION BY LIST (a)", "schema [+ p]"},
        {"CREATE TABLE c () INHERITS (p)", "schema [+ c]"},
        {"CREATE TEMP TABLE t (a int)", "schema [+ t temp]"},
        {"CREATE TABLE pg_temp.t (a int)", "schema [+ pg_temp.t temp]"},
        {"CREATE UNLOGGED TABLE t (a int)", "schema [+ t unlogged]"},
        {"CREATE TABLE IF NOT EXISTS t AS SELECT 1", "schema [+ t if]"},
        {"CREATE TABLE t AS EXECUTE p", "schema [+ t] ?"},
        {"SELECT a INTO t FROM u", "schema [+ t]"},
        {"SELECT 1 INTO TEMP t UNION SELECT 2", "schema [+ t temp]"},
        {"CREATE MATERIALIZED VIEW m AS SELECT 1", "schema [+ matview m]"},
        {"CREATE OR REPLACE VIEW v AS SELECT 1", "schema [+ view v]"},
        {"CREATE FOREIGN TABLE f (a int) SERVER s", "schema [+ foreign table f]"},
        {"CREATE SEQUENCE s", "schema [+ sequence s]"},
        {"CREATE SCHEMA s CREATE TABLE t (a int) CREATE INDEX i ON t (a)",
         "schema [+ schema s] [+ s.t] [+index s.t:i]"},
        {"DROP TABLE IF EXISTS a, b.c CASCADE", "schema [- a if cascade] [- b.c if cascade]"},
        {"DROP INDEX CONCURRENTLY s.i", "schema [- index s.i concurrently]"},
        {"DROP SCHEMA a, b", "schema [- schema a] [- schema b]"},
        {"DROP VIEW v", "schema [- view v]"},
        {"DROP FUNCTION f(int)", "schema"},
        {"ALTER TABLE a.t RENAME TO \"U\"", "schema [rename a.t=U]"},
        {"ALTER TABLE IF EXISTS t SET SCHEMA x", "schema [move t=x if]"},
        {"ALTER SCHEMA a RENAME TO b", "schema [rename schema a=b]"},
        {"ALTER INDEX i RENAME TO j", "schema [rename index i=j]"},
        {"ALTER VIEW v RENAME TO w", "schema [rename view v=w]"},
    };
    check(examples, COUNT(examples));
}

static void columns_and_constraints(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"ALTER TABLE ONLY s.t ADD COLUMN IF NOT EXISTS a int NOT NULL DEFAULT 1, DROP COLUMN b, ALTER c TYPE text USING c::text",
         "schema [+column s.t:a if] [+not null s.t:a] [+default s.t:a] [-column s.t:b] [retype s.t:c]"},
        {"ALTER TABLE IF EXISTS t ADD \"A b\" int, DROP IF EXISTS c CASCADE",
         "schema [+column t:A b if] [-column t:c if cascade]"},
        {"ALTER TABLE t ADD c int CONSTRAINT k CHECK (c > 0) REFERENCES x PRIMARY KEY",
         "schema [+column t:c] [+constraint t:k (check)] [+constraint t (foreign key)] [+constraint t (primary key)]"},
        {"ALTER TABLE t ADD c int GENERATED ALWAYS AS IDENTITY", "schema [+column t:c] [+default t:c]"},
        {"ALTER TABLE t ALTER c SET NOT NULL, ALTER d DROP NOT NULL", "schema [+not null t:c] [-not null t:d]"},
        {"ALTER TABLE t ALTER c SET DEFAULT 1, ALTER d DROP DEFAULT", "schema [+default t:c] [-default t:d]"},
        {"ALTER TABLE t RENAME a TO b", "schema [rename column t:a=b]"},
        {"ALTER VIEW v RENAME COLUMN a TO b", "schema [rename column view v:a=b]"},
        {"ALTER TABLE t ADD CONSTRAINT k CHECK (a > 1) NOT VALID, ADD UNIQUE (a), ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES z",
         "schema [+constraint t:k (check) not valid] [+constraint t (unique)] [+constraint t:f (foreign key)]"},
        {"ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i", "schema [+constraint t:k (unique)]"},
        {"ALTER TABLE t ADD EXCLUDE USING gist (a WITH &&)", "schema [+constraint t (exclusion)]"},
        {"ALTER TABLE t VALIDATE CONSTRAINT k, DROP CONSTRAINT IF EXISTS l",
         "schema [validate t:k] [-constraint t:l if]"},
        {"ALTER TABLE t RENAME CONSTRAINT a TO b", "schema [rename constraint t:a=b]"},
        {"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)",
         "schema [+index s.t:i (unique) if concurrently]"},
        {"CREATE INDEX ON t (lower(a))", "schema [+index t]"},
        {"ALTER TABLE t ATTACH PARTITION s.u DEFAULT", "schema [attach t=s.u]"},
        {"ALTER TABLE t DETACH PARTITION u CONCURRENTLY", "schema [detach t=u]"},
        {"ALTER TABLE t CLUSTER ON i, OWNER TO x", "schema [action t (AT_ClusterOn)] [action t (AT_ChangeOwner)]"},
    };
    check(examples, COUNT(examples));
}

static void everything_else(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"", ""},
        {" \n;; -- nothing\n /* or /* less */ */ ;", ""},
        {"INSERT INTO a.t VALUES (1)", "data [insert a.t]"},
        {"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "data [insert t] [update t:b]"},
        {"UPDATE t AS x SET a = 1, (b, c) = (2, 3)", "data [update t:a] [update t:b] [update t:c]"},
        {"DELETE FROM ONLY t", "data [delete t]"},
        {"TRUNCATE a, s.b CASCADE", "data [delete a cascade] [delete s.b cascade]"},
        {"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
         "data [insert t] [delete t]"},
        {"COPY t FROM STDIN", "data [insert t]"},
        {"COPY t TO STDOUT", "query"},
        {"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "data [delete t]"},
        {"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "data [insert t]"},
        {"SELECT 1", "query"},
        {"SELECT setval('s', 1)", "query"},
        {"SELECT app.migrate()", "query ?"},
        {"DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$", "code ?"},
        {"CALL p()", "code ?"},
        {"EXECUTE p", "code ?"},
        {"CREATE EXTENSION postgis", "schema ?"},
        {"DROP OWNED BY x", "schema ?"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
         "schema; query"},
        {"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ begin; $$", "schema"},
        {"CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); DELETE FROM v)",
         "schema [+hook t:r (rule)]"},
        {"CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f(); CREATE POLICY p ON t",
         "schema [+hook s.t:g (trigger)]; schema [+hook t:p (policy)]"},
        {"DROP TRIGGER IF EXISTS g ON s.t; DROP POLICY p ON t",
         "schema [-hook s.t:g (trigger) if]; schema [-hook t:p (policy)]"},
        {"CREATE TYPE m AS ENUM ('a')", "schema"},
        {"BEGIN; SAVEPOINT a; COMMIT", "transaction; transaction; transaction"},
        {"SET LOCAL search_path = \"A\", b; SET x.y = 1; RESET search_path",
         "session [path schema A]; session; session [path schema ]"},
        {"GRANT SELECT ON t TO x; COMMENT ON TABLE t IS 'x'; VACUUM t; LOCK t", "other; other; other; other"},
        /* faults: the others are told all the same */
        {"CREATE TABLE a (x int); ALTER TABLE WHAT; CREATE TABLE b (x int)", "schema [+ a]; schema ?; schema [+ b]"},
        {"SELECT 'abc", "unknown ?"},
        {"CREATE TABLE t (a int", "schema ?"},
        {"nonsense", "unknown ?"},
    };
    check(examples, COUNT(examples));
}

static void places(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct sqlparse_list list;
    const char *sql = "-- é\nCREATE TABLE \"é\" (a int) ;\n\n/* x */ Alter /* y */ Table é WHERE; select 1";

    assert_true(sqlparse_statements(&cx, sql, strlen(sql), &list));
    assert_int_equal(list.statements.n, 3);
    const struct sqlparse_statement *s = list.statements.at;
    assert_int_equal(s[0].offset, strstr(sql, "CREATE") - sql);
    assert_string_equal(arena_strndup(&a, sql + s[0].offset, s[0].len), "CREATE TABLE \"é\" (a int)");
    assert_string_equal(s[0].verb, "CREATE TABLE");
    assert_string_equal(arena_strndup(&a, sql + s[1].offset, s[1].len), "Alter /* y */ Table é WHERE");
    assert_string_equal(s[1].verb, "ALTER TABLE");
    assert_int_equal(s[1].unseen_at, strstr(sql, "WHERE") - sql);
    assert_non_null(strstr(s[1].unseen, "syntax error at or near \"WHERE\""));
    assert_non_null(strstr(s[1].unseen, sqlparse_library()));
    assert_string_equal(s[2].verb, "SELECT");
    arena_free(&a);
}

/* Text, pattern repeated, text. */
static const char *repeated(struct arena *a, const char *before, const char *pattern, size_t times, const char *after)
{
    struct str s = str_new(a);
    str_add(&s, before);
    for (size_t i = 0; i < times; i++)
        str_add(&s, pattern);
    str_add(&s, after);
    return s.s;
}

static void hostile_text(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    static const struct {
        const char *before, *pattern, *after, *expected;
    } deep[] = {
        {"SELECT 1", "+1", "", "query ?"},
        {"ALTER TABLE t ADD CHECK (1", "+1", ")", "schema ?"},
        {"SELECT 1", " UNION SELECT 1", "", "query ?"},
        {"SELECT 1 FROM a", " JOIN b ON 1", "", "query ?"},
        {"SELECT ", "(", "", "query ?"},
        {"SELECT ", "NOT ", "a", "query ?"},
        {"SELECT ", "CASE WHEN 1 THEN ", "1", "query ?"},
        {"SELECT a", "[1]", "", "query"},
        {"SELECT a", "::a", "", "query ?"},
        {"SELECT ", "ARRAY[", "", "query ?"},
        {"", "/*", "", "unknown ?"},
        {"", "(", "", "unknown ?"},
        {"", ";", "", ""},
        {"", "$", "", "unknown ?"},
        {"", "\x80\xff", "", "unknown ?"},
        {"CREATE TABLE \"", "x\"\"\x01", "\" (a int)", "schema [+ x\"\x01x\"\x01x\"\x01"},
    };
    for (size_t i = 0; i < COUNT(deep); i++) {
        struct arena_mark m = arena_mark(&a);
        size_t times = (SQLPARSE_MAX - 64) / strlen(deep[i].pattern);
        const char *got = told(&cx, repeated(&a, deep[i].before, deep[i].pattern, times, deep[i].after));
        if (!text_starts(got, deep[i].expected))
            fail_test("%s%s… gave %.200s, not %s", deep[i].before, deep[i].pattern, got, deep[i].expected);
        arena_reset(&a, m);
    }
    arena_free(&a);
}

static void more_than_is_looked_into(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    static const struct example long_ones[] = {{"CREATE TABLE t (a int DEFAULT 0", "schema ?"},
                                               {"INSERT INTO t VALUES (0", "data"},
                                               {"WITH x AS (SELECT 0", "unknown ?"},
                                               {"CREATE OR REPLACE FUNCTION f() RETURNS int AS (0", "schema"}};
    for (size_t i = 0; i < COUNT(long_ones); i++) {
        const char *sql = repeated(&a, long_ones[i].sql, "+1", SQLPARSE_MAX / 2, "); CREATE TABLE b (a int)");
        assert_string_equal(told(&cx, sql), arena_printf(&a, "%s; schema [+ b]", long_ones[i].expected));
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),          cmocka_unit_test(columns_and_constraints),
        cmocka_unit_test(everything_else), cmocka_unit_test(places),
        cmocka_unit_test(hostile_text),    cmocka_unit_test(more_than_is_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
