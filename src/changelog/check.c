/* check.c - what must hold of a changelog as a whole before anything runs; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"
#include "dbstep/log.h"

static const char *const databases[] = {
    "postgresql",   "all",         "none",        "oracle",   "mysql",     "mariadb",      "mssql",
    "h2",           "hsqldb",      "derby",       "sqlite",   "db2",       "db2z",         "db2i",
    "sybase",       "asany",       "informix",    "firebird", "ingres",    "unsupported",  "edb",
    "enterprisedb", "cockroachdb", "yugabytedb",  "redshift", "snowflake", "bigquery",     "databricks",
    "vertica",      "teradata",    "hana",        "maxdb",    "spanner",   "cloudspanner", "clickhouse",
    "duckdb",       "singlestore", "exasol",      "dynamodb", "mongodb",   "cassandra",    "neo4j",
    "impala",       "hive",        "sqlanywhere",
};

/* Only what is meant for PostgreSQL must name databases that exist, as with Liquibase; that PostgreSQL was meant and misspelt can still be told. */
static bool check_dbms(struct ctx *cx, const struct changeset *cs)
{
    bool meant = dbms_matches(&cs->dbms);
    for (size_t i = 0; i < cs->dbms.n; i++) {
        bool negated = cs->dbms.at[i][0] == '!';
        const char *name = cs->dbms.at[i] + negated;
        size_t k = 0;
        while (k < COUNT(databases) && !text_equal_nocase(name, databases[k]))
            k++;
        if (k < COUNT(databases))
            continue;
        const char *near = text_nearest(text_lower(cx->arena, name), databases, COUNT(databases));
        if (!meant || negated) {
            if (near && text_equal(near, "postgresql"))
                log_warning(
                    "%s:%d: '%s' in dbms of changeset %s is no database; PostgreSQL is called 'postgresql' there",
                    cs->file, cs->line, name, changeset_name(cx->arena, cs));
            continue;
        }
        fail(cx, E_CHANGELOG, "changeset %s names an unknown database '%s' in dbms", changeset_name(cx->arena, cs),
             name);
        err_place(cx, cs->file, cs->line, 1);
        if (near)
            err_hint(cx, "did you mean '%s'?", near);
        else
            err_hint(cx, "PostgreSQL is called 'postgresql' there");
        return false;
    }
    return true;
}

static int compare(const char *id, const char *author, const char *path, const struct changeset *cs)
{
    int order = strcasecmp(id, cs->id);
    if (!order)
        order = strcasecmp(author, cs->author);
    return order ? order : strcasecmp(path, cs->path);
}

static int by_identity(const void *a, const void *b)
{
    const struct changeset *x = *(const struct changeset *const *)a, *y = *(const struct changeset *const *)b;
    int order = compare(x->id, x->author, x->path, y);
    return order ? order : x < y ? -1 : x > y;
}

/* Those that can run, by identity, then in document order. */
struct by_name {
    const struct changeset **at;
    size_t n;
};

static bool check_duplicates(struct ctx *cx, const struct by_name *all)
{
    for (size_t i = 1; i < all->n; i++) {
        const struct changeset *x = all->at[i - 1], *y = all->at[i];
        if (compare(x->id, x->author, x->path, y) != 0)
            continue;
        fail(cx, E_CHANGELOG, "changeset %s exists twice", changeset_name(cx->arena, y));
        err_detail(cx, "first at %s:%d, again at %s:%d", x->file, x->line, y->file, y->line);
        err_hint(cx, x->file != y->file && text_equal(x->file, y->file) /* read twice */
                         ? "the file is included twice: take one of the includes away"
                         : "give the second one an id of its own; ids are compared without regard to case");
        err_place(cx, y->file, y->line, 1);
        return false;
    }
    return true;
}

/* A changeset whose changes roll another one back must stand before it. */
static bool check_rollback(struct ctx *cx, const struct by_name *all, const struct changeset *cs)
{
    const struct rollback *r = &cs->rollback;
    const char *path = r->path ? r->path : cs->path;
    size_t lo = 0, hi = all->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(r->id, r->author, path, all->at[mid]) > 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct changeset *found =
        lo < all->n && compare(r->id, r->author, path, all->at[lo]) == 0 ? all->at[lo] : NULL;
    if (found && found < cs)
        return true;
    fail(cx, E_CHANGELOG, "the rollback of changeset %s names a changeset %s::%s::%s, which %s",
         changeset_name(cx->arena, cs), path, r->id, r->author, found ? "is not above it" : "does not exist");
    err_place(cx, cs->file, r->line, 1);
    if (!r->path)
        err_hint(cx, "a changeset of another file is named by its changeSetPath as well");
    return false;
}

/* At most, with what is written between them. */
static size_t columns_bytes(const struct changeset *cs)
{
    size_t n = strlen(cs->id) + strlen(cs->author) + strlen(cs->filename);
    for (size_t i = 0; i < cs->contexts.n; i++)
        n += strlen(cs->contexts.at[i]) + strlen(" AND ()");
    for (size_t i = 0; i < cs->labels.n; i++)
        n += strlen(cs->labels.at[i]) + 1;
    for (size_t k = 0; k < cs->inherited_labels.n; k++)
        for (size_t i = 0; i < cs->inherited_labels.at[k].n; i++)
            n += strlen(cs->inherited_labels.at[k].at[i]) + 1;
    return n;
}

/* What the columns of the history table cannot hold would fail in the middle of a deploy. */
static bool check_lengths(struct ctx *cx, const struct changeset *cs)
{
    struct arena_mark mark = arena_mark(cx->arena);
    if (columns_bytes(cs) <= 255) /* nearly all of them */
        return true;
    const struct {
        const char *what, *text;
    } columns[] = {{"id", cs->id},
                   {"author", cs->author},
                   {"path", cs->filename},
                   {"context", changeset_contexts(cx->arena, cs)},
                   {"labels", changeset_labels(cx->arena, cs)}};
    for (size_t i = 0; i < COUNT(columns); i++) {
        size_t characters = 0;
        for (const char *p = columns[i].text ? columns[i].text : ""; *p; p++)
            characters += ((unsigned char)*p & 0xC0) != 0x80;
        if (characters <= 255)
            continue;
        fail(cx, E_CHANGELOG, "the %s of the changeset is %zu characters long; the history table holds 255",
             columns[i].what, characters);
        err_place(cx, cs->file, cs->line, 1);
        return false;
    }
    arena_reset(cx->arena, mark);
    return true;
}

bool check_changelog(struct ctx *cx, const struct changelog *log)
{
    struct by_name all = {.at = arena_array(cx->arena, log->sets.n + 1, sizeof *all.at)};
    for (size_t i = 0; i < log->sets.n; i++) {
        const struct changeset *cs = &log->sets.at[i];
        if (!check_dbms(cx, cs) || !check_lengths(cx, cs))
            return false;
        if (!cs->ignore && dbms_matches(&cs->dbms))
            all.at[all.n++] = cs;
    }
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, by_identity);
    if (!check_duplicates(cx, &all))
        return false;
    for (size_t i = 0; i < log->sets.n; i++)
        if (log->sets.at[i].rollback.kind == ROLLBACK_CHANGESET && !check_rollback(cx, &all, &log->sets.at[i]))
            return false;
    return true;
}
