/* java_properties.h - Java's .properties format, as java.util.Properties reads it: in ISO-8859-1, whatever wrote it.
 *
 * "key=value", "key: value" or "key value", one on a logical line: a line that ends in a backslash goes on in the next one, whose leading
 * blanks do not count. Lines that begin with "#" or "!" are comments. \t \n \r \f and \uXXXX stand for characters (surrogates in pairs),
 * any other backslash for the character behind it. What comes out is UTF-8.
 */
#ifndef DBSTEP_JAVA_PROPERTIES_H
#define DBSTEP_JAVA_PROPERTIES_H

#include <stdbool.h>

#include "dbstep/arena.h"
#include "dbstep/vec.h"

struct java_property {
    const char *key, *value; /* the key is never empty */
    int line;                /* at which it begins */
};
struct java_property_list {
    VEC(struct java_property) list; /* in the order of the file; a key may come twice */
};

/* 0, or the line with the first \u that is malformed, or names NUL or half of a character. */
int java_properties_read(struct arena *a, const char *text, struct java_property_list *out);

#endif
