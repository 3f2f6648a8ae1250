/* host_argocd.c - a Kubernetes Job run as an Argo CD hook: no step variables, only the container's termination message.
 *
 * Kubernetes shows at most 4096 bytes of the file. The outcome comes first, then the error, proofs and findings. The file is
 * made by the kubelet; it is never created, and never replaced (it is a mount).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/host.h"
#include "dbstep/log.h"

enum { MESSAGE_MAX = 4096 };

static bool publish(struct host_run *h)
{
    const struct result *r = h->result;
    const char *path = h->config->termination_log;
    struct str text = str_new(h->cx->arena);

    str_addf(&text, "%s: %s (exit status %d): %s\n", r->stage ? r->stage->name : "dbstep", verdict_name(r->verdict),
             r->exit_status, r->summary);
    if (r->error) {
        if (!text_equal(r->error->message, r->summary))
            str_addf(&text, "%s\n", r->error->message);
        if (r->error->detail[0])
            str_addf(&text, "detail: %s\n", r->error->detail);
        if (r->error->hint[0])
            str_addf(&text, "hint: %s\n", r->error->hint);
    }
    for (size_t i = 0; i < r->findings.n && text.len < MESSAGE_MAX; i++)
        str_addf(&text, "%s: %s\n", severity_name(r->findings.at[i].severity), r->findings.at[i].message);
    for (size_t i = 0; i < r->proofs.n && text.len < MESSAGE_MAX; i++)
        str_addf(&text, "proven: %s\n", r->proofs.at[i]);

    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) {
        log_warning("no termination message: cannot open '%s': %s", path, strerror(errno));
        return true; /* outside of Kubernetes there is none, and the log has it all */
    }
    size_t n = text_utf8_prefix(text.s, text.len, MESSAGE_MAX);
    ssize_t done = write(fd, text.s, n);
    int why = errno;
    close(fd);
    if (done == (ssize_t)n)
        return true;
    return fail(h->cx, E_OUTPUT, "cannot write the termination message to '%s': %s", path,
                done < 0 ? strerror(why) : "short write");
}

const struct host host_argocd = {.name = "argocd", .publish = publish};
