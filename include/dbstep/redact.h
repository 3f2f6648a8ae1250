/* redact.h - secrets never leave the process.
 *
 * A secret is registered once, as soon as it is known; log, result and errors pass their text through redact_text().
 * Each line of a multi-line secret counts by itself. Secrets of one or two characters are not registered: hiding every "a" would
 * make the output useless, and reveals the secret all the same. Percent-encoded and JSON-escaped forms are covered too.
 */
#ifndef DBSTEP_REDACT_H
#define DBSTEP_REDACT_H

#include <stdbool.h>

#include "dbstep/arena.h"

#define REDACT_MARK "********"

void redact_add(const char *secret); /* copies; NULL and short ones are ignored */
/* Registers a value when the name that it goes by says that it is a secret: password, passwd, secret. */
void redact_add_named(const char *name, const char *value);
void redact_clear(void); /* for tests */
/* Copy of s in the arena with every secret replaced by REDACT_MARK; s itself when there is none in it. */
const char *redact_text(struct arena *a, const char *s);
bool redact_contains(const char *s); /* would redact_text() change it? */
/* Every form that is hidden, for a host that must be told what to mask. */
void redact_each(void (*fn)(void *user, const char *secret), void *user);
/* The password, if any, of a libpq URI or keyword string is registered. */
void redact_add_conninfo(const char *conninfo);

#endif
