/* readers.h - what hosts do with the files they read back, after their own rules; oracles for tests and fuzzing. */
#ifndef DBSTEP_READERS_H
#define DBSTEP_READERS_H

#include <stdbool.h>
#include <string.h>

#include "dbstep/host.h"
#include "dbstep/json.h"

/* A value of GITHUB_OUTPUT by the runner's grammar: LF ends a line, "=" or "<<" decides by which comes first in it. NULL
 * when the name is not there or the file is malformed, which fails the step. */
static inline const char *read_github(struct arena *a, const char *text, const char *name)
{
    const char *found = NULL;
    while (*text) {
        size_t line = strcspn(text, "\n");
        if (!line) {
            text++;
            continue;
        }
        if (!text[line])
            return NULL;
        char *one = arena_strndup(a, text, line), *equals = strchr(one, '='), *heredoc = strstr(one, "<<");
        if (!equals && !heredoc)
            return NULL;
        if (equals && (!heredoc || equals < heredoc)) {
            *equals = '\0';
            if (strcmp(one, name) == 0)
                found = equals + 1;
            text += line + 1;
            continue;
        }
        const char *delimiter = heredoc + 2, *start = text + line + 1, *p = start;
        *heredoc = '\0';
        for (;;) {
            size_t n = strcspn(p, "\n");
            if (!p[n])
                return NULL;
            if (n == strlen(delimiter) && strncmp(p, delimiter, n) == 0)
                break;
            p += n + 1;
        }
        if (strcmp(one, name) == 0)
            found = p == start ? "" : arena_strndup(a, start, (size_t)(p - start) - 1);
        text = p + strcspn(p, "\n") + 1;
    }
    return found;
}

/* A value of the dotenv file that two parsers read: only what both are proven to read alike is well-formed. */
static inline bool read_dotenv(struct arena *a, const char *text, const char *name, const char **value)
{
    *value = NULL;
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *line = arena_strndup(a, text, n), *equals = strchr(line, '=');
        if (!text[n] || !equals || n >= 65536)
            return false;
        *equals = '\0';
        const char *v = equals + 1;
        if (strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789") != strlen(line))
            return false;
        if (*v == '[' || *v == '{') {
            struct json_doc *doc = json_parse(v, strlen(v), NULL);
            json_free(doc);
            if (!host_plain_safe(v) && (!doc || strpbrk(v, "#$\r")))
                return false;
        } else if (!host_plain_safe(v) && strncmp(v, "__B64__", 7) != 0) {
            return false;
        }
        if (strcmp(line, name) == 0)
            *value = v;
        text += n + 1;
    }
    return true;
}

#endif
