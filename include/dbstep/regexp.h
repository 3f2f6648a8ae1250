/* regexp.h - Java's regular expressions, as modifySql's regExpReplace has them. The only face of PCRE2.
 *
 * Bounded: a pattern that goes back and forth over the text for too long is a failure, whatever it is. Where PCRE2 would quietly understand
 * something else than Java, the pattern is refused: classes within classes and "&&", flags other than i, m and s, "(*". Java's ASCII classes
 * (\p{Alpha} …) are rewritten. What remains of differences: (?i) also folds letters beyond ASCII; \b knows letters of
 * ASCII only; "." also matches U+0085, U+2028 and U+2029, and $ does not stop before them; looking behind wants alternatives of fixed
 * lengths; anchors cannot be repeated, nor groups be referred to that do not exist; groups that repeat what can be empty may match otherwise.
 */
#ifndef DBSTEP_REGEXP_H
#define DBSTEP_REGEXP_H

#include <stdbool.h>

#include "dbstep/ctx.h"

/* What is wrong with a pattern; NULL: nothing. */
const char *regexp_fault(struct arena *a, const char *pattern);
/* Java's replaceAll: every match by `with`, in which $1, ${name} and \ have their meaning. E_CHANGELOG failures. */
bool regexp_replace_all(struct ctx *cx, const char *pattern, const char *text, const char *with, const char **out);

#endif
