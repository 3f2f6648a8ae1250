/* clone.c - the list of providers, and filling a report; see clone.h. */
#include "dbstep/clone.h"

#include "dbstep/log.h"
#include "dbstep/str.h"

const struct clone_provider *const clone_providers[] = {&clone_provider_template, &clone_provider_basebackup, NULL};

static const char *__attribute__((format(printf, 2, 0))) text(struct ctx *cx, const char *fmt, va_list ap)
{
    struct str s = str_new(cx->arena);
    str_vaddf(&s, fmt, ap);
    return s.s;
}

void clone_proof(struct ctx *cx, struct clone_report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *VEC_PUSH(cx->arena, &r->proofs) = text(cx, fmt, ap);
    va_end(ap);
}

void clone_uncovered(struct ctx *cx, struct clone_report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *VEC_PUSH(cx->arena, &r->uncovered) = text(cx, fmt, ap);
    va_end(ap);
}

struct clone_note *clone_note(struct ctx *cx, struct clone_report *r, enum clone_note_level level, const char *code,
                              const char *fmt, ...)
{
    struct clone_note *n = VEC_PUSH(cx->arena, &r->notes);
    va_list ap;
    va_start(ap, fmt);
    *n = (struct clone_note){.level = level, .code = code, .message = text(cx, fmt, ap)};
    va_end(ap);
    log_at(level == CLONE_WARNING ? LOG_WARNING : LOG_INFO, "%s", n->message);
    return n;
}

void clone_phase(struct ctx *cx, struct clone_report *r, const char *name, long long *since)
{
    long long now = clock_ms();
    *VEC_PUSH(cx->arena, &r->phases) = (struct clone_phase){.name = name, .ms = now - *since};
    *since = now;
}
