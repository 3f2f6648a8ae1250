/* host.h - the system that runs the step: what it gives, and what it reads back.
 *
 * One adapter per host, a const struct in src/step/host_NAME.c. Every host gets the files in output_dir (result.json,
 * summary.md, junit.xml, results.sarif) and the summary on stderr; the adapter adds step variables in the host's own grammar.
 * Grammar, limits and their sources are described at the head of each adapter.
 *
 * An output that is over a host's limit is never cut: it is left out of the step variables, a warning names it, and
 * result.json holds it.
 */
#ifndef DBSTEP_HOST_H
#define DBSTEP_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/inputs.h"
#include "dbstep/result.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

#define HOST_VALUE_MAX (32u * 1024) /* bytes of one step variable on any host */

/* As the choices of input `host`. */
enum host_id {
    HOST_AUTO,
    HOST_HARNESS,
    HOST_DRONE,
    HOST_ARGO,
    HOST_ARGOCD,
    HOST_GITHUB,
    HOST_GITLAB,
    HOST_TEKTON,
    HOST_PLAIN
};
#define HOST_CHOICES "auto|harness|drone|argo|argocd|github|gitlab|tekton|plain"

/* A declared output and its value as text; "" when the stage did not set it ("{}" for JSON): an unset number is not zero. */
struct host_value {
    const char *name, *value;
    enum output_type type;
    bool set;
};

struct host_run {
    const struct host *host;
    struct env env;
    const struct common_config *config;
    struct ctx *cx;              /* for beginning and publishing: no deadline, so that results are always written */
    const struct result *result; /* cleaned, see render.h; set by host_publish() */
    struct host_value *values;   /* all declared outputs, in order; the last is `result` */
    size_t n_values;
    const char *markdown;
    int fd_output, fd_summary; /* GitHub's files, opened before privileges are dropped; else -1 */
    struct str_list omitted;   /* outputs too large for the host */
};

struct host {
    const char *name;
    bool (*here)(struct env env);        /* NULL: only by explicit choice */
    bool (*begin)(struct host_run *h);   /* may be NULL */
    bool (*publish)(struct host_run *h); /* step variables */
};

extern const struct host host_harness, host_drone, host_argo, host_argocd, host_github, host_gitlab, host_tekton,
    host_plain;

/* The host chosen, or the one the environment speaks of: Harness, Argo, GitHub, GitLab, Drone, else plain. Harness comes
 * before Drone because it sets DRONE_ variables too. */
const struct host *host_find(struct env env, int chosen);

/* The commit and the branch that the host's variables name; "" when they name none. */
struct host_checkout {
    const char *commit, *branch;
};
struct host_checkout host_checkout(struct env env);

/* Before the stage runs: the output folder, the host's files, privileges, progress, masks. */
bool host_begin(struct host_run *h);
/* The earlier of the timeout input and the host's own deadline (minus time to report). */
struct deadline host_deadline(const struct host_run *h);
/* After the stage: all files and step variables, and the summary on stderr. False with the first failure in h->cx->err; the
 * others were tried all the same. */
bool host_publish(struct host_run *h, const struct result *r);

/* ---- for adapters ---- */

/* May this value be written to a dotenv file as it is? Letters, digits, inner blanks, ._:/@+,%=~-;()[]{}!?*<>|& */
bool host_plain_safe(const char *value);
/* Appends to a file that others write too: starts on a fresh line, one write, never truncates. */
bool host_append(struct host_run *h, const char *path, int fd, const char *text, size_t n);
void host_omit(struct host_run *h, const struct host_value *v, const char *why);
/* Indexes of h->values, the shortest value first: where room is short, one large text must not push out the numbers. */
size_t *host_by_size(struct host_run *h);
/* Unguessable; hex holds digits + 1 bytes. False when the kernel gives no random bytes: then nothing may rely on the token. */
bool host_random_token(char *hex, size_t digits);

#endif
