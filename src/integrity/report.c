/* report.c - filling the report. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

static char *__attribute__((format(printf, 2, 0))) vprint(struct arena *a, const char *fmt, va_list ap)
{
    struct str s = str_new(a);
    str_vaddf(&s, fmt, ap);
    return s.s;
}

struct integrity_finding *it_finding(struct ctx *cx, struct integrity_report *r, enum integrity_severity s,
                                     const char *code, const char *object, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct integrity_finding *f = VEC_PUSH(cx->arena, &r->findings);
    *f = (struct integrity_finding){
        .severity = s, .code = code, .object = object, .message = vprint(cx->arena, fmt, ap)};
    va_end(ap);
    return f;
}

void it_proof(struct ctx *cx, struct integrity_report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *VEC_PUSH(cx->arena, &r->proofs) = vprint(cx->arena, fmt, ap);
    va_end(ap);
}

void it_uncovered(struct ctx *cx, struct integrity_report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *VEC_PUSH(cx->arena, &r->uncovered) = vprint(cx->arena, fmt, ap);
    va_end(ap);
}

char *it_join(struct arena *a, const struct str_list *list, const char *between)
{
    struct str s = str_new(a);
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            str_add(&s, between);
        str_add(&s, list->at[i]);
    }
    return s.s;
}

enum integrity_verdict integrity_verdict(const struct integrity_report *r)
{
    for (size_t i = 0; i < r->findings.n; i++)
        if (r->findings.at[i].severity == INTEGRITY_ERROR)
            return INTEGRITY_FAIL;
    return r->unproven ? INTEGRITY_INCONCLUSIVE : INTEGRITY_PASS;
}

const char *it_server_said(struct arena *a, const struct err *e)
{
    const char *first = strchr(e->message, '"'), *last = strrchr(e->message, '"');

    /* Class 22, but for text that is no text: only its bytes are named. */
    if (!text_starts(e->sqlstate, "22") || text_equal(e->sqlstate, "22021") || text_equal(e->sqlstate, "22P05"))
        return arena_printf(a, "%s%s%s", e->message, *e->detail ? "; " : "", e->detail);
    if (!first || first == last)
        return arena_strdup(a, e->message);
    return arena_printf(a, "%.*s\"…\"%s", (int)(first - e->message), e->message, last + 1);
}
