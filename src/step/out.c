/* out.c - stdout; see out.h. */
#include "dbstep/out.h"

#include <errno.h>
#include <unistd.h>

#include "dbstep/redact.h"
#include "dbstep/str.h"

static const char *guard;
static bool failed;

bool out_ok(void)
{
    return !failed;
}

void out_guard(const char *token)
{
    guard = token;
}

void out_raw(const char *bytes, size_t n)
{
    while (n && !failed) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            failed = true;
            return;
        }
        bytes += done;
        n -= (size_t)done;
    }
}

void out_text(const char *text)
{
    struct arena scratch = {0};
    const char *clean = redact_text(&scratch, text);
    struct str all = str_new(&scratch);

    if (guard)
        str_addf(&all, "::stop-commands::%s\n", guard);
    str_add(&all, clean);
    if (guard)
        str_addf(&all, "%s::%s::\n", text_ends(clean, "\n") ? "" : "\n", guard);
    out_raw(all.s, all.len);
    arena_free(&scratch);
}
