/* node_internal.h - what the readers of trees share. */
#ifndef DBSTEP_NODE_INTERNAL_H
#define DBSTEP_NODE_INTERNAL_H

#include "dbstep/node.h"

enum node_type node_plain_type(const char *s);
/* JSON writes a character beyond U+FFFF as two escapes, which libyaml refuses: the text with one escape for both. `from` is the start of a
 * double-quoted text, or with `whole` everything behind it consists of such texts and of what has no escapes. */
char *node_join_surrogates(struct arena *a, const char *text, size_t len, size_t from, bool whole, size_t *out_len);

#endif
