/* history.c - what a certificate keeps of a changelog's history, so that later runs can tell which changesets came since.
 *
 * Per table named databasechangelog: its highest orderexecuted, and 64 bits of SHA-256 over each row's path, id and author, in lower case as
 * they are compared: eight bytes a changeset, and no text of anybody's. A changeset that runs again gets a new orderexecuted. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/base64.h"
#include "dbstep/hash.h"
#include "dbstep/json.h"
#include "model.h"
#include "sql.h"

static uint64_t identity(struct arena *a, const char *path, const char *id, const char *author)
{
    char hex[HASH_HEX_MAX];
    const char *text = text_lower(a, arena_printf(a, "%s\n%s\n%s", path, id, author));
    hash_hex(HASH_SHA256, text, strlen(text), hex);
    hex[16] = '\0';
    return strtoull(hex, NULL, 16);
}

bool it_history_take(struct ctx *cx, struct it_side *side)
{
    PG_ROWS_AUTO tables = {.n = 0};
    struct pg *pg = pg_pool_first(side->pool);

    side->histories_known = true;
    if (!pg_query(cx, pg, &tables, sql_integrity_histories, 0, NULL))
        return false;
    for (int t = 0; t < tables.n; t++) {
        PG_ROWS_AUTO rows = {.n = 0};
        if (!pg_bool(&tables, t, 2)) { /* one that cannot be read: nothing can be said of what ran */
            side->histories_known = false;
            return true;
        }
        const char *name = pg_qualified(cx, pg, pg_text(&tables, t, 0), pg_text(&tables, t, 1));
        const char *const pairs[] = {"history", name, NULL};
        if (!pg_query(cx, pg, &rows, pg_fill(cx, sql_integrity_history, pairs), 0, NULL))
            return false;
        struct it_history *h = VEC_PUSH(cx->arena, &side->histories);
        h->schema = arena_strdup(cx->arena, pg_text(&tables, t, 0));
        h->name = arena_strdup(cx->arena, pg_text(&tables, t, 1));
        for (int i = 0; i < rows.n; i++) {
            struct arena_mark m = arena_mark(cx->arena);
            uint64_t row = identity(cx->arena, pg_text(&rows, i, 0), pg_text(&rows, i, 1), pg_text(&rows, i, 2));
            arena_reset(cx->arena, m);
            *VEC_PUSH(cx->arena, &h->rows) = row;
            if (pg_int(&rows, i, 3) > h->last_order)
                h->last_order = pg_int(&rows, i, 3);
        }
    }
    return true;
}

void it_history_write(struct json_writer *w, struct arena *a, const struct it_side *side)
{
    if (!side->histories_known)
        return;
    json_array(w, "histories");
    for (size_t i = 0; i < side->histories.n; i++) {
        const struct it_history *h = &side->histories.at[i];
        struct str bytes = str_new(a);
        for (size_t r = 0; r < h->rows.n; r++)
            for (int b = 0; b < 8; b++)
                str_addc(&bytes, (char)(h->rows.at[r] >> (8 * b) & 255));
        json_object(w, NULL);
        json_string(w, "schema", h->schema);
        json_string(w, "name", h->name);
        json_int64_string(w, "last_order", h->last_order);
        json_string(w, "rows", base64_text(a, bytes.s, bytes.len));
        json_end_object(w);
    }
    json_end_array(w);
}

bool it_history_read(struct arena *a, const struct json *body, struct it_side *side)
{
    const struct json *list = json_get(body, "histories");

    side->histories_known = list != NULL;
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        unsigned char *data = NULL;
        size_t len = 0;
        struct it_history *h = VEC_PUSH(a, &side->histories);
        h->schema = arena_strdup(a, json_get_text(v, "schema", ""));
        h->name = arena_strdup(a, json_get_text(v, "name", ""));
        if (!json_int64(json_get(v, "last_order"), &h->last_order) ||
            !base64_read(a, json_get_text(v, "rows", "?"), &data, &len) || len % 8)
            return false;
        for (size_t i = 0; i < len; i += 8) {
            uint64_t row = 0;
            for (size_t b = 8; b-- > 0;)
                row = row << 8 | data[i + b];
            *VEC_PUSH(a, &h->rows) = row;
        }
    }
    return true;
}

bool integrity_history_open(struct ctx *cx, const char *certificate, const char *schema, const char *table,
                            struct integrity_history *out)
{
    struct arena scratch = {0};
    struct ctx own = {.arena = &scratch, .deadline = cx->deadline};
    struct it_side side = {.live = false};
    bool ok = it_certificate_read(&own, certificate, &side);

    *out = (struct integrity_history){.last_order = 0};
    if (!ok)
        cx->err = cx->err.code == E_OK ? own.err : cx->err;
    out->taken_at = arena_strdup(cx->arena, ok ? side.taken_at : "");
    out->recorded = ok && side.histories_known && text_equal_nocase(table, "databasechangelog");
    for (size_t i = 0; ok && i < side.histories.n; i++) {
        const struct it_history *h = &side.histories.at[i];
        if (!text_equal(h->schema, schema) || !text_equal(h->name, table))
            continue;
        out->last_order = h->last_order;
        for (size_t r = 0; r < h->rows.n; r++)
            *VEC_PUSH(cx->arena, &out->rows) = h->rows.at[r];
    }
    arena_free(&scratch);
    return ok;
}

bool integrity_history_has(struct ctx *cx, const struct integrity_history *h, const char *path, const char *id,
                           const char *author)
{
    struct arena_mark m = arena_mark(cx->arena);
    uint64_t wanted = identity(cx->arena, path, id, author);
    size_t i = 0;

    arena_reset(cx->arena, m);
    while (i < h->rows.n && h->rows.at[i] != wanted)
        i++;
    return i < h->rows.n;
}
