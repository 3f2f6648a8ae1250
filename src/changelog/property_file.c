/* property_file.c - Java's .properties, which <property file="…"> names; see changelog_internal.h. */
#include "changelog_internal.h"
#include "dbstep/java_properties.h"

bool properties_read(struct ctx *cx, struct properties *p, const char *file, const char *text, bool global)
{
    struct java_property_list all;
    int line = java_properties_read(cx->arena, text, &all);

    if (line) {
        fail(cx, E_CHANGELOG, "malformed \\u escape in the properties of '%s'", file);
        err_place(cx, file, line, 1);
        err_hint(cx, "four hexadecimal digits of a character other than NUL and surrogates; or write it as UTF-8");
        return false;
    }
    for (size_t i = 0; i < all.list.n; i++)
        properties_define(cx, p, all.list.at[i].key, all.list.at[i].value, global);
    return true;
}
