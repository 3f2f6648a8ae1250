/* change_files.h - changes that name files, which lie in memory here; and rows of what Liquibase 4.28.0 answered. */
#ifndef DBSTEP_CHANGE_FILES_H
#define DBSTEP_CHANGE_FILES_H

#include "change_testing.h"
#include "dbstep/split.h"

struct memory_file {
    const char *path, *text;
};

static inline bool read_memory(struct ctx *cx, void *user, const char *path, const char *relative_to, char **text,
                               size_t *len, const char **shown)
{
    (void)relative_to;
    for (const struct memory_file *f = user; f->path; f++)
        if (text_equal(f->path, path)) {
            *len = strlen(f->text);
            *text = arena_strndup(cx->arena, f->text, *len);
            *shown = arena_printf(cx->arena, "db/%s", path);
            return true;
        }
    return fail(cx, E_FILE, "cannot find the file %s", path);
}

/* ${zz} is ZED. */
static inline bool expand_memory(struct ctx *cx, void *user, const char *text, size_t len, struct source_map *map,
                                 const char **out, size_t *out_len)
{
    (void)user, (void)map;
    *out = text_replace(cx->arena, arena_strndup(cx->arena, text, len), "${zz}", "ZED");
    *out_len = strlen(*out);
    return true;
}

static inline struct change_files memory(struct memory_file *files)
{
    return (struct change_files){
        .read = read_memory, .expand = expand_memory, .user = files, .changelog = "log.xml", .file = "db/log.xml"};
}

struct verified_file_change {
    const char *xml, *description, *v8, *v9, *sql, *inverse;
};

/* The statements of a change, also of one that is SQL text, a line each. */
static inline const char *any_sql_of(struct ctx *cx, const struct change_env *env, const struct change *c)
{
    struct str_list out = {0};
    if (!c->sql)
        return sql_of(cx, env, c);
    struct splitter *s =
        split_start(cx, SPLIT_LIQUIBASE, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
    struct statement statement;
    for (bool more = true; split_next(cx, s, &statement, &more) && more;)
        *VEC_PUSH(cx->arena, &out) = arena_strndup(cx->arena, statement.text, statement.len);
    split_end(s);
    return lines_of(cx->arena, &out);
}

static inline void check_file_changes(const struct verified_file_change *rows, size_t n, struct memory_file *files)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct change_env env = {.server_version = 150000};
        struct change_files access = memory(files);
        struct change c;
        char sum[CHECKSUM_MAX];
        if (!change_load(&cx, tree(&a, rows[i].xml), &access, &c))
            fail_test("%s: %s", rows[i].xml, cx.err.message);
        const char *inverse = inverse_of(&cx, &env, &c);
        assert_string_equal(c.description, rows[i].description);
        assert_string_equal(any_sql_of(&cx, &env, &c), rows[i].sql);
        change_checksum(&c, CHECKSUM_V8, sum);
        assert_string_equal(sum, rows[i].v8);
        change_checksum(&c, CHECKSUM_V9, sum);
        assert_string_equal(sum, rows[i].v9);
        assert_string_equal(inverse ? inverse : "none", rows[i].inverse ? rows[i].inverse : "none");
        arena_free(&a);
    }
}

struct refused_change {
    const char *xml, *message, *file;
    int line;
};

/* Loading it or making its statements fails. */
static inline void check_refused(const struct refused_change *rows, size_t n, struct memory_file *files)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct change_env env = {.server_version = 150000};
        struct change_files access = memory(files);
        struct str_list out = {0};
        struct change c;
        if (change_load(&cx, tree(&a, rows[i].xml), &access, &c) && change_statements(&cx, &env, &c, &out))
            fail_test("accepted: %s", rows[i].xml);
        assert_string_equal(cx.err.message, rows[i].message);
        assert_string_equal(cx.err.file, rows[i].file);
        assert_int_equal(cx.err.line, rows[i].line);
        arena_free(&a);
    }
}

#endif
