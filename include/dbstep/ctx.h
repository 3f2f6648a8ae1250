/* ctx.h - what every operation of a run needs: memory, the first error, the deadline.
 *
 * Functions that can fail, allocate or wait take a context first and return false after fail(). The first error of a
 * context wins: a later fail() while one is recorded changes nothing, so clean-up code may fail without hiding the cause.
 */
#ifndef DBSTEP_CTX_H
#define DBSTEP_CTX_H

#include <stdarg.h>
#include <stdbool.h>

#include "dbstep/arena.h"
#include "dbstep/clock.h"
#include "dbstep/err.h"

struct ctx {
    struct arena *arena;
    struct err err;
    struct deadline deadline;
};

/* Always false, so that `return fail(cx, …)` reads as it acts. */
bool fail(struct ctx *cx, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4), cold));
/* Adds to the recorded error; the first text of each kind wins. No-ops when nothing failed. */
void err_detail(struct ctx *cx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_hint(struct ctx *cx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_place(struct ctx *cx, const char *file, int line, int column);
/* Forget the recorded error, for operations that are tried again or whose failure is an answer. */
void err_clear(struct ctx *cx);

/* False after E_INTERRUPTED or E_TIMEOUT is recorded, when a signal came or the deadline passed. `waiting_for` completes
 * the sentence "out of time while …". Call it in every loop that waits or does long work. */
bool ctx_alive(struct ctx *cx, const char *waiting_for);
/* Sleep at most ms, woken by a signal or the deadline; then as ctx_alive(). */
bool ctx_sleep(struct ctx *cx, long long ms, const char *waiting_for);

/* Clean-up must be able to talk to a server although the deadline passed or a signal came: between begin and end signals
 * are shielded and waits have `ms` from now, whatever the deadline was. The recorded error stays. */
struct ctx_grace {
    struct deadline saved;
};
struct ctx_grace ctx_grace_begin(struct ctx *cx, long long ms);
void ctx_grace_end(struct ctx *cx, struct ctx_grace g);

#endif
