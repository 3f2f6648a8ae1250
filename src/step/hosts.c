/* hosts.c - choosing the host, and what is the same on all of them; see host.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dbstep/clock.h"
#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/interrupt.h"
#include "dbstep/log.h"
#include "dbstep/render.h"

/* In the order of enum host_id, from HOST_HARNESS. */
static const struct host *const by_id[] = {&host_harness, &host_drone,  &host_argo,   &host_argocd,
                                           &host_github,  &host_gitlab, &host_tekton, &host_plain};

const struct host *host_find(struct env env, int chosen)
{
    static const struct host *const order[] = {&host_harness, &host_argo, &host_github, &host_gitlab, &host_drone};

    if (chosen > HOST_AUTO && chosen <= HOST_PLAIN)
        return by_id[chosen - HOST_HARNESS];
    for (size_t i = 0; i < COUNT(order); i++)
        if (order[i]->here(env))
            return order[i];
    return &host_plain;
}

bool host_begin(struct host_run *h)
{
    h->fd_output = h->fd_summary = -1;
    if (!dir_make(h->cx, h->config->output_dir)) {
        err_hint(
            h->cx,
            "input 'output_dir' must be a folder that can be made and written; in a container with a read-only root, mount one");
        return false;
    }
    if (h->host->begin && !h->host->begin(h))
        return false;
    if (!dir_check_writable(h->cx, h->config->output_dir)) {
        err_hint(
            h->cx,
            "input 'output_dir' must be a folder that can be made and written; in a container with a read-only root, mount one");
        return false;
    }
    return true;
}

/* Argo kills the pod at its deadline; a step that stops a little earlier can still say what happened. */
struct deadline host_deadline(const struct host_run *h)
{
    enum { MARGIN_MS = 15000 };
    struct deadline own = h->config->timeout_ms > 0 ? deadline_in(h->config->timeout_ms) : (struct deadline){0};
    const char *text = env_get(h->env, "ARGO_DEADLINE");
    long long wall;

    if (h->host != &host_argo || !text || text_starts(text, "0001-01-01T00:00:00"))
        return own;
    if (!clock_parse_rfc3339(text, &wall)) {
        log_warning("ARGO_DEADLINE '%s' is not a time and ignored", text);
        return own;
    }
    long long left = wall - clock_wall_ms(), margin = left / 10 < MARGIN_MS ? left / 10 : MARGIN_MS;
    if (left - margin < 1)
        return (struct deadline){.at_ms = 1}; /* passed already */
    return deadline_min(own, deadline_in(left - margin));
}

/* ---- publishing ---- */

static void add_value(struct host_run *h, const struct output_spec *o)
{
    const char *value = result_output_get(h->result, o->name);
    struct host_value *v = &h->values[h->n_values++];
    *v = (struct host_value){o->name, value ? value : o->type == OUT_JSON ? "{}" : "", o->type, value != NULL};
}

static void collect_values(struct host_run *h)
{
    const struct stage *stage = h->result->stage;
    size_t n = stage ? stage->n_outputs : 0;

    h->values = arena_array(h->cx->arena, n + n_common_outputs, sizeof *h->values);
    h->n_values = 0;
    for (size_t i = 0; i < n; i++)
        add_value(h, &stage->outputs[i]);
    for (size_t i = 0; i < n_common_outputs; i++)
        add_value(h, &common_outputs[i]);
    struct host_value *last = &h->values[h->n_values - 1];
    last->value = render_compact(h->cx->arena, h->result, HOST_VALUE_MAX);
    last->set = true;
}

static bool write_report(struct host_run *h, const char *name, const char *text)
{
    return file_write_atomic(h->cx, path_join(h->cx->arena, h->config->output_dir, name), text, strlen(text));
}

/* The summary beside them can show them; a host's own page, where no such file lies, cannot. */
static char *pictures(const struct host_run *h, const struct result *r)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    struct str s = str_new(h->cx->arena);

    for (size_t i = 0; i < r->files.n; i++) {
        const char *name = path_base(r->files.at[i]);
        if (text_ends(name, ".svg") && strspn(name, safe) == strlen(name) &&
            text_equal(path_join(s.arena, h->config->output_dir, name), r->files.at[i]))
            str_addf(&s, "\n![Picture: %s](%s)\n", name, name);
    }
    return s.s;
}

bool host_publish(struct host_run *h, const struct result *r)
{
    struct arena *a = h->cx->arena;
    bool ok = true;

    /* A signal or a passed deadline must not keep the result from being written. */
    interrupt_shield();
    h->cx->deadline = (struct deadline){0};
    struct result *c = render_clean(a, r);
    h->result = c;
    h->markdown = render_markdown(a, c);
    collect_values(h);

    log_progress_done();
    log_block(render_text(a, c));
    struct render_facts facts = {.host = h->host->name, .dry_run = h->config->dry_run};
    ok &= write_report(h, "result.json", render_json(a, c, facts));
    ok &= write_report(h, "summary.md", arena_printf(a, "%s%s", h->markdown, pictures(h, c)));
    if (render_has_junit(c))
        ok &= write_report(h, "junit.xml", render_junit(a, c));
    if (render_has_sarif(c))
        ok &= write_report(h, "results.sarif", render_sarif(a, c));
    ok &= h->host->publish(h);

    if (h->omitted.n) {
        struct str names = str_new(a);
        for (size_t i = 0; i < h->omitted.n; i++)
            str_addf(&names, "%s%s", i ? ", " : "", h->omitted.at[i]);
        log_warning("not written as step variables: %s; result.json in %s holds them", names.s, h->config->output_dir);
    }
    interrupt_unshield();
    return ok;
}

/* ---- for adapters ---- */

bool host_plain_safe(const char *value)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:/@+,%=~-;()[]{}!?*<>|&";
    size_t n = strlen(value);
    return n && value[0] != ' ' && value[n - 1] != ' ' && strspn(value, allowed) == n && !text_starts(value, "__B64__");
}

void host_omit(struct host_run *h, const struct host_value *v, const char *why)
{
    *VEC_PUSH(h->cx->arena, &h->omitted) = arena_printf(h->cx->arena, "%s (%s)", v->name, why);
}

/* Does the file end in the middle of a line, left so by whoever wrote before? */
static bool ends_midline(int fd)
{
    char last;
    off_t size = lseek(fd, 0, SEEK_END);
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

bool host_append(struct host_run *h, const char *path, int fd, const char *text, size_t n)
{
    struct ctx *cx = h->cx;
    int own = -1, use = fd;

    if (use < 0)
        use = own = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (use < 0 && errno == EACCES) /* a file that may be written but not read */
        use = own = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (use < 0) {
        fail(cx, E_OUTPUT, "cannot open '%s' to append step variables: %s", path, strerror(errno));
        err_hint(cx, "the host gave this file to the step; is the container's user allowed to write it?");
        return false;
    }
    struct str all = str_new(cx->arena);
    if (ends_midline(use))
        str_addc(&all, '\n');
    str_addn(&all, text, n);

    ssize_t done = write(use, all.s, all.len);
    int why = done < 0 ? errno : ENOSPC;
    if (own >= 0)
        close(own);
    if (done == (ssize_t)all.len)
        return true;
    bool full = why == ENOSPC || why == EDQUOT || why == EFBIG;
    return fail(cx, full ? E_CAPACITY : E_OUTPUT, "cannot append step variables to '%s': %s", path,
                done < 0 ? strerror(why) : "only a part was written");
}

size_t *host_by_size(struct host_run *h)
{
    size_t *order = arena_array(h->cx->arena, h->n_values, sizeof *order);
    for (size_t i = 0; i < h->n_values; i++) {
        size_t at = i, n = strlen(h->values[i].value);
        for (; at && strlen(h->values[order[at - 1]].value) > n; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

bool host_random_token(char *hex, size_t digits)
{
    unsigned char raw[32];
    size_t have = 0, need = digits / 2 < sizeof raw ? digits / 2 : sizeof raw;

    while (have < need) {
        ssize_t n = getrandom(raw + have, need - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    for (size_t i = 0; i < need; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    return true;
}
