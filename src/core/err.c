/* err.c - the catalogue's table, and recording the first failure; see err.h and ctx.h. */
#include "dbstep/err.h"

#include <stdio.h>
#include <string.h>

#include "dbstep/ctx.h"
#include "dbstep/interrupt.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"

static const struct {
    const char *name;
    int exit;
    bool retryable;
    const char *category, *text;
} catalogue[E_COUNT] = {
#define E(name, exit, retry, category, text) {#name, exit, retry, category, text},
    ERR_CATALOGUE(E)
#undef E
};

int err_exit_status(enum err_code code)
{
    return catalogue[code].exit;
}

bool err_retryable(enum err_code code)
{
    return catalogue[code].retryable;
}

const char *err_category(enum err_code code)
{
    return catalogue[code].category;
}

const char *err_text(enum err_code code)
{
    return catalogue[code].text;
}

const char *err_name(enum err_code code)
{
    return catalogue[code].name;
}

/* Redacted before it is cut to size: half a secret at the edge would not be found any more. */
static void __attribute__((format(printf, 4, 0)))
record(struct ctx *cx, char *field, size_t size, const char *fmt, va_list ap)
{
    struct str text = str_new(cx->arena);
    str_vaddf(&text, fmt, ap);
    const char *clean = redact_text(cx->arena, text.s);
    size_t n = text_utf8_prefix(clean, strlen(clean), size - 1);
    memcpy(field, clean, n);
    field[n] = '\0';
}

bool fail(struct ctx *cx, enum err_code code, const char *fmt, ...)
{
    if (cx->err.code == E_OK) {
        va_list ap;
        va_start(ap, fmt);
        cx->err = (struct err){.code = code};
        record(cx, cx->err.message, sizeof cx->err.message, fmt, ap);
        va_end(ap);
    }
    return false;
}

void err_detail(struct ctx *cx, const char *fmt, ...)
{
    if (cx->err.code == E_OK || cx->err.detail[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    record(cx, cx->err.detail, sizeof cx->err.detail, fmt, ap);
    va_end(ap);
}

void err_hint(struct ctx *cx, const char *fmt, ...)
{
    if (cx->err.code == E_OK || cx->err.hint[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    record(cx, cx->err.hint, sizeof cx->err.hint, fmt, ap);
    va_end(ap);
}

void err_place(struct ctx *cx, const char *file, int line, int column)
{
    if (cx->err.code == E_OK || cx->err.file[0])
        return;
    snprintf(cx->err.file, sizeof cx->err.file, "%s", file);
    cx->err.line = line;
    cx->err.column = column;
}

void err_clear(struct ctx *cx)
{
    cx->err = (struct err){.code = E_OK};
}

bool ctx_alive(struct ctx *cx, const char *waiting_for)
{
    if (interrupted())
        return fail(cx, E_INTERRUPTED, "interrupted by signal %d while %s", interrupt_signal(), waiting_for);
    if (deadline_passed(cx->deadline)) {
        fail(cx, E_TIMEOUT, "out of time while %s", waiting_for);
        err_hint(cx, "raise the input 'timeout', or find out what it waits for");
        return false;
    }
    return true;
}
