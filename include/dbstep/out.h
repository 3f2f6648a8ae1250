/* out.h - the only writer to stdout: what a user asked to be printed, and the workflow commands that hosts read there. */
#ifndef DBSTEP_OUT_H
#define DBSTEP_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Text for people or pipes, redacted. Under GitHub's runner it is wrapped so that nothing in it is taken for a command. */
void out_text(const char *text);
/* Bytes as they are: workflow commands, cards. The caller has escaped and redacted them. */
void out_raw(const char *bytes, size_t n);
/* From now on out_text() stands between stop-commands and its token. NULL ends that. */
void out_guard(const char *token);
/* False when a write failed (closed pipe, full disk). */
bool out_ok(void);

#endif
