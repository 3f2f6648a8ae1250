/* version.c - versions of migrations: numbers of any size between dots. */
#include <string.h>

#include "dbstep/flyway.h"

bool flyway_version_parse(struct arena *a, const char *text, struct flyway_version *out)
{
    char *dotted = arena_strdup(a, text);
    *out = (struct flyway_version){.text = dotted};
    for (char *p = dotted; *p; p++)
        *p = *p == '_' ? '.' : *p;
    for (const char *p = dotted;; p++) {
        size_t n = strspn(p, "0123456789"), zeros = strspn(p, "0");
        if (!n || (p[n] && p[n] != '.'))
            return false;
        *VEC_PUSH(a, &out->parts) = zeros < n ? arena_strndup(a, p + zeros, n - zeros) : "";
        p += n;
        if (!*p)
            break;
    }
    while (out->parts.n > 1 && !*out->parts.at[out->parts.n - 1])
        out->parts.n--;
    return true;
}

static int compare_numbers(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

int flyway_version_compare(const struct flyway_version *a, const struct flyway_version *b)
{
    for (size_t i = 0; i < a->parts.n || i < b->parts.n; i++) {
        int c = compare_numbers(i < a->parts.n ? a->parts.at[i] : "", i < b->parts.n ? b->parts.at[i] : "");
        if (c)
            return c < 0 ? -1 : 1;
    }
    return 0;
}
