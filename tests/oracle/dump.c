/* dump.c - what dbstep makes of changelogs, in the words of Ask.java, so that the two can be compared line by line.
 *
 * dump DIR [--contexts=C] [--labels=L] [-Dname=value]... FILE... ; FILE is relative to DIR, "-" reads names from stdin. Statements are generated
 * as without a database, and split as Liquibase splits. A line "#" ends each file.
 */
#include <stdio.h>
#include <string.h>

#include "dbstep/changelog.h"
#include "dbstep/json.h"

struct asked {
    struct changelog_source source;
    struct str_list folders, parameters;
};

static void put_list(struct json_writer *w, const char *key, const struct str_list *list)
{
    json_array(w, key);
    for (size_t i = 0; i < list->n; i++)
        json_string(w, NULL, list->at[i]);
    json_end_array(w);
}

static bool split(struct ctx *cx, enum split_mode mode, const struct change *c, struct str_list *out)
{
    SPLIT_AUTO s = split_start(cx, mode, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
    struct statement st;
    bool more = true;
    while (split_next(cx, s, &st, &more)) {
        if (!more)
            return true;
        *VEC_PUSH(cx->arena, out) = arena_strndup(cx->arena, st.text, st.len);
    }
    return false;
}

static struct change_env environment(const struct changeset *cs)
{
    return (struct change_env){.server_version = 150000, .quoting = cs->quoting};
}

/* The statements of one change, as the changeset's modifySql leaves them. */
static bool statements(struct ctx *cx, const struct asked *q, const struct changeset *cs, const struct change *c,
                       bool rollback, struct str_list *out)
{
    struct change_env env = environment(cs);
    struct str_list plain = {0};
    if (c->sql ? !split(cx, SPLIT_LIQUIBASE, c, &plain) : !change_statements(cx, &env, c, &plain))
        return false;
    for (size_t i = 0; i < plain.n; i++)
        if (!visitors_apply(cx, &cs->visitors, rollback, q->source.contexts, q->source.labels, plain.at[i],
                            VEC_PUSH(cx->arena, out)))
            return false;
    return true;
}

/* The statements under `key`, or what went wrong under `error_key`. */
static void put_outcome(struct ctx *cx, struct json_writer *w, const char *key, const char *error_key, bool ok,
                        const struct str_list *list)
{
    if (ok)
        put_list(w, key, list);
    else
        json_string(w, error_key, cx->err.message);
    err_clear(cx);
}

static void put_change(struct ctx *cx, struct json_writer *w, const struct asked *q, const struct changeset *cs,
                       const struct change *c)
{
    char sum[CHECKSUM_MAX];
    json_object(w, NULL);
    json_string(w, "name", c->name);
    json_string(w, "description", c->description);
    change_checksum(c, CHECKSUM_V8, sum);
    json_string(w, "v8", sum);
    change_checksum(c, CHECKSUM_V9, sum);
    json_string(w, "v9", sum);
    json_bool(w, "runs", !c->excluded_by_dbms);
    if (!c->excluded_by_dbms) {
        struct str_list list = {0};
        bool ok = statements(cx, q, cs, c, false, &list);
        put_outcome(cx, w, "statements", "statements_error", ok, &list);
        if (c->sql) {
            list = (struct str_list){0};
            ok = split(cx, SPLIT_POSTGRES, c, &list);
            put_outcome(cx, w, "statements_postgres", "statements_postgres_error", ok, &list);
        }
    }
    json_end_object(w);
}

static const struct changeset *find(const struct changelog *log, const struct changeset *from)
{
    const struct rollback *r = &from->rollback;
    for (size_t i = 0; i < log->sets.n; i++) {
        const struct changeset *cs = &log->sets.at[i];
        if (text_equal_nocase(cs->id, r->id) && text_equal_nocase(cs->author, r->author) &&
            text_equal_nocase(cs->path, r->path ? r->path : from->path))
            return cs;
    }
    return NULL;
}

static bool undo(struct ctx *cx, const struct asked *q, const struct changelog *log, const struct changeset *cs,
                 struct str_list *out)
{
    const struct rollback *r = &cs->rollback;
    const struct change_list *run = &r->changes;
    switch (r->kind) {
    case ROLLBACK_EMPTY: return true;
    case ROLLBACK_CHANGESET: {
        const struct changeset *other = find(log, cs);
        if (!other)
            return fail(cx, E_CHANGELOG, "no changeset %s by %s", r->id, r->author);
        run = &other->changes;
    }
        /* fall through */
    case ROLLBACK_CHANGES:
        for (size_t i = 0; i < run->n; i++)
            if (!run->at[i].excluded_by_dbms && !statements(cx, q, cs, &run->at[i], true, out))
                return false;
        return true;
    case ROLLBACK_NONE:
        for (size_t i = cs->changes.n; i-- > 0;) {
            struct change_env env = environment(cs);
            struct str_list plain = {0};
            bool possible = false;
            if (!change_inverse(cx, &env, &cs->changes.at[i], &plain, &possible))
                return false;
            if (!possible)
                return fail(cx, E_CHANGELOG, "no inverse to %s", cs->changes.at[i].name);
            for (size_t k = 0; k < plain.n; k++)
                if (!visitors_apply(cx, &cs->visitors, true, q->source.contexts, q->source.labels, plain.at[k],
                                    VEC_PUSH(cx->arena, out)))
                    return false;
        }
        return true;
    }
    return true;
}

static bool accepted(const struct changeset *cs, const struct asked *q)
{
    for (size_t i = 0; i < cs->contexts.n; i++)
        if (!context_matches(cs->contexts.at[i], q->source.contexts))
            return false;
    return labels_match(&cs->labels, q->source.labels) && dbms_matches(&cs->dbms);
}

static void put_changeset(struct ctx *cx, struct json_writer *w, const struct asked *q, const struct changelog *log,
                          const struct changeset *cs)
{
    static const char *const quoting[] = {"LEGACY", "QUOTE_ALL_OBJECTS", "QUOTE_ONLY_RESERVED_WORDS"};
    char sum[CHECKSUM_MAX];
    struct str_list back = {0};

    json_object(w, NULL);
    json_string(w, "root", q->source.file);
    json_string(w, "file", cs->filename);
    json_string(w, "id", cs->id);
    json_string(w, "author", cs->author);
    changeset_checksum(cx->arena, cs, CHECKSUM_V8, sum);
    json_string(w, "v8", sum);
    changeset_checksum(cx->arena, cs, CHECKSUM_V9, sum);
    json_string(w, "v9", sum);
    json_string(w, "description", changeset_description(cx->arena, cs));
    json_string(w, "comments", cs->comments);
    json_string(w, "contexts", changeset_contexts(cx->arena, cs));
    json_string(w, "labels", changeset_labels(cx->arena, cs));
    json_bool(w, "run_on_change", cs->run_on_change);
    json_bool(w, "run_always", cs->run_always);
    json_bool(w, "run_in_transaction", cs->run_in_transaction);
    json_bool(w, "fail_on_error", cs->fail_on_error);
    json_bool(w, "ignore", cs->ignore);
    json_string(w, "quoting", quoting[cs->quoting]);
    json_bool(w, "accepted", accepted(cs, q));
    json_bool(w, "for_postgresql", dbms_matches(&cs->dbms));
    json_array(w, "changes");
    for (size_t i = 0; i < cs->changes.n; i++)
        put_change(cx, w, q, cs, &cs->changes.at[i]);
    json_end_array(w);
    bool ok = undo(cx, q, log, cs, &back);
    if (ok) {
        put_list(w, "rollback", &back);
    } else {
        json_object(w, "rollback");
        json_string(w, "error", cx->err.message);
        json_end_object(w);
        err_clear(cx);
    }
    json_end_object(w);
}

/* One line each; false: the changelog could not be read, which is an answer too. */
static void put_file(struct asked *q, const char *file)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log = {0};

    q->source.file = file;
    if (!changelog_load(&cx, &q->source, &log)) {
        struct str line = str_new(&a);
        struct json_writer w = json_writer(&line);
        json_object(&w, NULL);
        json_string(&w, "root", file);
        json_string(&w, "error", cx.err.message);
        json_string(&w, "at_file", cx.err.file);
        json_int(&w, "line", cx.err.line);
        json_int(&w, "column", cx.err.column);
        json_end_object(&w);
        puts(line.s);
    }
    for (size_t i = 0; cx.err.code == E_OK && i < log.sets.n; i++) {
        struct arena_mark m = arena_mark(&a);
        struct str line = str_new(&a);
        struct json_writer w = json_writer(&line);
        put_changeset(&cx, &w, q, &log, &log.sets.at[i]);
        puts(line.s);
        arena_reset(&a, m);
    }
    arena_free(&a);
    puts("#"); /* done with this one, should the next one end the process */
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct arena a = {0};
    struct asked q = {0};
    char name[4096];

    if (argc < 2) {
        fputs("usage: dump DIR [--contexts=C] [--labels=L] [-Dname=value]... FILE...\n", stderr);
        return 2;
    }
    *VEC_PUSH(&a, &q.folders) = argv[1];
    q.source.search_path = &q.folders;
    q.source.parameters = &q.parameters;
    for (int i = 2; i < argc; i++) {
        if (text_starts(argv[i], "--contexts="))
            q.source.contexts = argv[i] + strlen("--contexts=");
        else if (text_starts(argv[i], "--labels="))
            q.source.labels = argv[i] + strlen("--labels=");
        else if (text_starts(argv[i], "-D"))
            *VEC_PUSH(&a, &q.parameters) = argv[i] + 2;
        else if (!text_equal(argv[i], "-"))
            put_file(&q, argv[i]);
        else
            while (fgets(name, sizeof name, stdin)) {
                name[strcspn(name, "\n")] = '\0';
                put_file(&q, name);
            }
    }
    arena_free(&a);
    return 0;
}
