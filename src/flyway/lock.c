/* lock.c - Flyway's advisory lock: "Flyway" in ASCII as a number, plus Java's hash of the history table's quoted name. It is only ever tried: a
 * session that waits for it in the server holds a snapshot, which a CREATE INDEX CONCURRENTLY of the holder would wait for. */
#include <stdio.h>
#include <string.h>

#include "dbstep/log.h"
#include "flyway_internal.h"

/* String.hashCode() of Java: over UTF-16. */
static int32_t java_hash(const char *utf8)
{
    uint32_t h = 0;
    for (const unsigned char *p = (const unsigned char *)utf8; *p;) {
        size_t n = *p < 0x80 ? 1 : text_utf8_sequence((const char *)p);
        uint32_t c = n == 2   ? (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu)
                     : n == 3 ? (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu)
                     : n == 4 ? (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
                                    (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3Fu)
                              : *p;
        if (c >= 0x10000) {
            h = 31 * h + (0xD800 + ((c - 0x10000) >> 10));
            c = 0xDC00 + ((c - 0x10000) & 0x3FF);
        }
        h = 31 * h + c;
        p += n ? n : 1;
    }
    return (int32_t)h;
}

void flyway_lock_key(const char *schema, const char *table, char out[24])
{
    struct arena a = {0};
    const char *name = arena_printf(&a, "\"%s\".\"%s\"", text_replace(&a, schema, "\"", "\"\""),
                                    text_replace(&a, table, "\"", "\"\""));
    long long key = 0;
    for (const char *p = "Flyway"; *p; p++)
        key = key << 8 | *p;
    snprintf(out, 24, "%lld", key + java_hash(name));
    arena_free(&a);
}

void flyway_lock_name(struct flyway *f)
{
    flyway_lock_key(f->schema, f->config->table, f->lock_key);
}

bool flyway_lock_holder(struct ctx *cx, struct flyway *f, const char **what)
{
    return pg_advisory_holder(cx, f->pg, f->lock_key, what);
}

static bool try_lock(struct ctx *cx, struct flyway *f)
{
    const char *params[] = {f->lock_key}, *got;
    if (!pg_query_text(cx, f->pg, &got, "SELECT pg_try_advisory_lock($1::bigint)", 1, params))
        return false;
    f->locked = text_equal(got, "t");
    return true;
}

static bool wait_for_lock(struct ctx *cx, struct flyway *f, long long ms)
{
    struct deadline until = deadline_in(ms > 0 ? ms : 1);
    const char *holder = "";
    for (long long pause = 100;; pause = pause * 2 > 1000 ? 1000 : pause * 2) {
        if (!try_lock(cx, f))
            return false;
        if (f->locked)
            return true;
        bool first = !*holder;
        if (first && !flyway_lock_holder(cx, f, &holder))
            return false;
        holder = *holder ? holder : "another session";
        if (first)
            log_info("waiting for Flyway's lock, held by %s", holder);
        if (ms <= 0 || deadline_passed(until)) {
            fail(cx, E_LOCKED, "Flyway's lock on %s (%s) is held by %s", f->table, pg_where(f->pg), holder);
            err_hint(cx, "wait for that run to end, or raise lock_wait; it is the advisory lock %s", f->lock_key);
            return false;
        }
        if (!ctx_sleep(cx, deadline_left(until, pause), "waiting for Flyway's lock"))
            return false;
    }
}

bool flyway_lock_take(struct ctx *cx, struct flyway *f)
{
    return f->locked || (pg_watch_client(cx, f->pg) && wait_for_lock(cx, f, f->config->lock_wait_ms));
}

void flyway_lock_release(struct flyway *f)
{
    struct ctx cx = {.arena = f->cx->arena};
    const char *params[] = {f->lock_key};
    if (f->pg && f->locked && pg_alive(f->pg)) {
        struct ctx_grace g = ctx_grace_begin(&cx, 5000);
        if (pg_in_transaction(f->pg))
            pg_exec(&cx, f->pg, "ROLLBACK");
        pg_query(&cx, f->pg, NULL, "SELECT pg_advisory_unlock($1::bigint)", 1, params);
        ctx_grace_end(&cx, g);
    }
    f->locked = false;
}

bool flyway_lock_recover(struct ctx *cx, struct flyway *f)
{
    struct pg_options o = {.role = "database"};
    struct pg *old = f->pg;
    f->pg = NULL;
    f->locked = false;
    pg_close(old);
    /* The old session may still be at work, even committing: only when its lock is free is its outcome final. */
    return pg_open(cx, f->target, &o, &f->pg) &&
           (text_empty(f->config->init_sql) || pg_exec(cx, f->pg, f->config->init_sql)) && pg_watch_client(cx, f->pg) &&
           wait_for_lock(cx, f, 30000);
}
