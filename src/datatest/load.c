/* load.c - test files and their headers; see datatest.h. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/datatest.h"
#include "dbstep/files.h"

enum { MAX_FILE = 4 << 20, MAX_DEPTH = 16 };

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct datatest *)a)->path, ((const struct datatest *)b)->path);
}

/* "-- key: value" lines before the first other text. Unknown keys are plain comments; known ones must make sense. */
static bool read_header(struct ctx *cx, struct datatest *t)
{
    int number = 0;

    for (const char *line = t->sql; *line;) {
        size_t n = strcspn(line, "\n");
        char *text = text_trim(cx->arena, arena_strndup(cx->arena, line, n));

        number++;
        if (*text && !text_starts(text, "--"))
            break;
        char *colon = *text ? strchr(text, ':') : NULL;
        if (colon) {
            const char *key = text_lower(
                cx->arena, text_trim(cx->arena, arena_strndup(cx->arena, text + 2, (size_t)(colon - text - 2))));
            const char *value = text_trim(cx->arena, colon + 1);
            if (text_equal(key, "name") && *value) {
                t->name = value;
            } else if (text_equal(key, "description")) {
                t->description = value;
            } else if (text_equal(key, "severity")) {
                t->warning_only = text_equal_nocase(value, "warning");
                if (!t->warning_only && !text_equal_nocase(value, "error")) {
                    fail(cx, E_INPUT, "severity '%s' of a data test is neither 'error' nor 'warning'", value);
                    err_place(cx, t->path, number, 1);
                    return false;
                }
            }
        }
        line += n + (line[n] == '\n');
    }
    return true;
}

static bool load_file(struct ctx *cx, const char *path, const char *suite, struct datatest_list *out)
{
    char *content;
    size_t len;
    const char *base = path_base(path);

    if (!file_read(cx, path, MAX_FILE, &content, &len))
        return false;
    if (strlen(content) != len) {
        fail(cx, E_INPUT, "a data test holds a zero byte, so it is no text file");
        err_place(cx, path, 1, 1);
        return false;
    }
    struct datatest *t = VEC_PUSH(cx->arena, out);
    *t = (struct datatest){.path = path, .suite = suite, .sql = content, .description = "", .sample = ""};
    t->name = arena_strndup(cx->arena, base, strlen(base) - strlen(".sql"));
    if (text_starts(t->sql, "\xEF\xBB\xBF"))
        t->sql += 3;
    return read_header(cx, t);
}

static bool load_folder(struct ctx *cx, const char *folder, const char *suite, int depth, struct datatest_list *out)
{
    struct str_list names;

    if (depth > MAX_DEPTH)
        return fail(cx, E_INPUT, "folders below '%s' are nested more than %d deep", folder, MAX_DEPTH);
    if (!dir_list(cx, folder, &names))
        return false;
    for (size_t i = 0; i < names.n; i++) {
        char *path = path_join(cx->arena, folder, names.at[i]);
        if (file_is_dir(path)) {
            if (!load_folder(cx, path, path_join(cx->arena, suite, names.at[i]), depth + 1, out))
                return false;
        } else if (text_ends(names.at[i], ".sql") && !load_file(cx, path, suite, out)) {
            return false;
        }
    }
    return true;
}

bool datatest_load(struct ctx *cx, const char *folder, struct datatest_list *out)
{
    *out = (struct datatest_list){0};
    if (!file_is_dir(folder)) {
        fail(cx, E_FILE, "cannot read the folder of data tests '%s': %s", folder,
             file_exists(folder) ? "it is a file" : "it does not exist");
        err_hint(cx, "give the folder that holds the .sql files, as seen from inside the container");
        return false;
    }
    if (!load_folder(cx, folder, "", 0, out))
        return false;
    if (!out->n) {
        fail(cx, E_INPUT, "the folder '%s' holds no data test", folder);
        err_hint(cx, "a data test is a .sql file with one query that returns the rows which must not exist");
        return false;
    }
    qsort(out->at, out->n, sizeof *out->at, by_path);
    return true;
}
