/* host_github.c - GitHub Actions (a docker:// action).
 *
 * GITHUB_OUTPUT: NAME=value, or NAME<<DELIMITER, the lines, DELIMITER; each line ends with LF, and the delimiter must be
 * unguessable or a value could end its own block. GITHUB_STEP_SUMMARY is dropped as a whole above 1,048,576 bytes.
 * Annotations are workflow commands on stdout, ten of each type per step, 4096 characters each; GITHUB_ENV is never written.
 *
 * The runner starts a container action as root and gives it files that only the runner's user may write. As root, both files
 * are opened first; then the process becomes another user (input run_as). By default that is the owner of the workspace: who
 * can read the checkout, write evidence into it, and whose files later steps can remove. Nothing else needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/log.h"
#include "dbstep/out.h"
#include "dbstep/redact.h"
#include "dbstep/render.h"

enum { SUMMARY_MAX = 1000000, ANNOTATIONS_PER_TYPE = 10, ANNOTATION_MAX = 4000, NOBODY = 65532 };

static bool here(struct env env)
{
    return env_is(env, "GITHUB_ACTIONS", "true");
}

/* ---- workflow commands ---- */

static void add_data(struct str *out, const char *s, bool property)
{
    for (; *s; s++)
        if (*s == '%')
            str_add(out, "%25");
        else if (*s == '\r')
            str_add(out, "%0D");
        else if (*s == '\n')
            str_add(out, "%0A");
        else if (property && *s == ':')
            str_add(out, "%3A");
        else if (property && *s == ',')
            str_add(out, "%2C");
        else if (*s == '[' && out->len >= 2 && out->s[out->len - 1] == '#' && out->s[out->len - 2] == '#')
            str_add(out, " ["); /* the runner's older command form counts anywhere in a line */
        else
            str_addc(out, *s);
}

static void add_mask(void *user, const char *secret)
{
    struct str line = str_new(user);
    str_add(&line, "::add-mask::");
    for (const char *s = secret; *s; s++)
        if (*s == '%')
            str_add(&line, "%25");
        else
            str_addc(&line, *s);
    str_addc(&line, '\n');
    out_raw(line.s, line.len);
}

static void annotate(struct host_run *h, const char *type, const char *title, const char *text, const char *file,
                     int line, int column)
{
    struct arena *a = h->cx->arena;
    struct str out = str_new(a);

    str_addf(&out, "::%s ", type);
    if (file) {
        str_add(&out, "file=");
        add_data(&out, file, true);
        str_addc(&out, ',');
    }
    if (file && line > 0)
        str_addf(&out, "line=%d,", line);
    if (file && line > 0 && column > 0)
        str_addf(&out, "col=%d,", column);
    str_add(&out, "title=");
    add_data(&out, title, true);
    str_add(&out, "::");
    add_data(&out, arena_strndup(a, text, text_utf8_prefix(text, strlen(text), ANNOTATION_MAX)), false);
    str_addc(&out, '\n');
    out_raw(out.s, out.len);
}

static void annotate_all(struct host_run *h)
{
    static const char *const types[] = {"", "error", "warning", "notice"};
    struct arena *a = h->cx->arena;
    const struct result *r = h->result;
    const char *stage = r->stage ? r->stage->name : "dbstep";
    size_t used[COUNT(types)] = {0};

    if (r->error) {
        const struct err *e = r->error;
        char *text = arena_printf(a, "%s%s%s%s%s", e->message, e->detail[0] ? "\n" : "", e->detail,
                                  e->hint[0] ? "\n" : "", e->hint);
        annotate(h, "error", arena_printf(a, "%s: %s", stage, err_text(e->code)), text, e->file[0] ? e->file : NULL,
                 e->line, e->column);
        used[SEV_ERROR]++;
    }
    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *f = &r->findings.at[i];
        if (f->severity == SEV_NEVER || used[f->severity]++ >= ANNOTATIONS_PER_TYPE)
            continue;
        char *text = arena_printf(a, "%s%s%s%s%s%s", f->message, f->object ? " [" : "", f->object ? f->object : "",
                                  f->object ? "]" : "", f->hint ? "\n" : "", f->hint ? f->hint : "");
        annotate(h, types[f->severity], arena_printf(a, "%s: %s", stage, f->code), text, f->file, f->line, f->column);
    }
}

/* ---- privileges ---- */

static bool parse_user(struct host_run *h, uid_t *uid, gid_t *gid, bool *drop)
{
    const char *text = h->config->run_as, *workspace = env_get(h->env, "GITHUB_WORKSPACE");
    struct stat st;

    *drop = true;
    *uid = *gid = NOBODY;
    if (text_equal(text, "root")) {
        *drop = false;
        return true;
    }
    if (text_equal(text, "auto")) {
        if (stat(workspace ? workspace : ".", &st) == 0 && st.st_uid) {
            *uid = st.st_uid;
            *gid = st.st_gid ? st.st_gid : NOBODY;
        }
        return true;
    }
    return owner_parse(text, uid, gid) ||
           fail(h->cx, E_INPUT, "run_as: '%s' is neither auto, root, UID nor UID:GID", text);
}

static bool become(struct host_run *h)
{
    uid_t uid;
    gid_t gid;
    bool drop;

    if (geteuid() != 0)
        return true;
    if (!parse_user(h, &uid, &gid, &drop))
        return false;
    if (!drop || !uid)
        return true;
    /* The folder for results was made as root just before. A link of that name may come from the checkout: never followed. */
    if (lchown(h->config->output_dir, uid, gid) != 0)
        log_debug("cannot give '%s' to user %u: %s", h->config->output_dir, (unsigned)uid, strerror(errno));
    if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
        return fail(h->cx, E_OUTPUT, "cannot go on as user %u instead of root: %s", (unsigned)uid, strerror(errno));
    log_debug("going on as user %u, group %u", (unsigned)uid, (unsigned)gid);
    return true;
}

static int open_host_file(struct host_run *h, const char *variable)
{
    const char *path = env_get(h->env, variable);
    if (!path)
        return -1;
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (fd < 0) {
        fail(h->cx, E_OUTPUT, "cannot open '%s' (%s): %s", path, variable, strerror(errno));
        err_hint(
            h->cx,
            "a container action must start as root, because the runner's files are its own: use the image tag that ends in -gha");
    }
    return fd;
}

static bool begin(struct host_run *h)
{
    static char token[33];

    if (here(h->env)) {
        redact_each(add_mask, h->cx->arena);
        if (!host_random_token(token, 32))
            return fail(h->cx, E_INTERNAL, "the kernel gives no random bytes: %s", strerror(errno));
        out_guard(token);
    }
    h->fd_output = open_host_file(h, "GITHUB_OUTPUT");
    h->fd_summary = open_host_file(h, "GITHUB_STEP_SUMMARY");
    return h->cx->err.code == E_OK && become(h);
}

/* ---- outputs ---- */

static void add_output(struct host_run *h, struct str *out, const struct host_value *v)
{
    char random[33];

    if (!strchr(v->value, '\n'))
        str_addf(out, "%s=%s\n", v->name, v->value);
    else if (!host_random_token(random, 32))
        host_omit(h, v, "no random bytes for its delimiter");
    else
        str_addf(out, "%s<<dbstep_%s\n%s\ndbstep_%s\n", v->name, random, v->value, random);
}

static bool publish(struct host_run *h)
{
    struct str text = str_new(h->cx->arena);
    bool ok = true;

    out_guard(NULL);
    annotate_all(h);
    for (size_t i = 0; i < h->n_values; i++) {
        if (strlen(h->values[i].value) > HOST_VALUE_MAX)
            host_omit(h, &h->values[i], "over 32 KiB");
        else
            add_output(h, &text, &h->values[i]);
    }
    if (h->fd_output >= 0)
        ok &= host_append(h, "GITHUB_OUTPUT", h->fd_output, text.s, text.len);
    if (h->fd_summary >= 0) {
        off_t have = lseek(h->fd_summary, 0, SEEK_END);
        size_t room = have >= 0 && have < SUMMARY_MAX ? (size_t)(SUMMARY_MAX - have) : 0;
        char *page = render_cut(h->cx->arena, h->markdown, room);
        if (room > 1000)
            ok &= host_append(h, "GITHUB_STEP_SUMMARY", h->fd_summary, page, strlen(page));
        else
            log_warning("the job's summary page is full; this stage's is in %s/summary.md", h->config->output_dir);
    }
    return ok;
}

const struct host host_github = {.name = "github", .here = here, .begin = begin, .publish = publish};
