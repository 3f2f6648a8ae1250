/* host_argo.c - Argo Workflows.
 *
 * outputs.parameters[].valueFrom.path: one file per parameter, output_dir/outputs/NAME. The executor drops exactly one final
 * line break, and makes the node an Error when a declared file is missing; it saves parameters of a failed command too. So
 * every declared output is written, always: "" when the stage did not set it, "{}" for JSON (one "" among a loop's objects
 * would turn them all into strings).
 *
 * Progress: "N/M" in ARGO_PROGRESS_FILE. The deadline is host_deadline()'s.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/log.h"

static unsigned long long last_total;

static bool here(struct env env)
{
    return env_get(env, "ARGO_CONTAINER_NAME") && env_get(env, "ARGO_NODE_ID");
}

static void progress(void *user, unsigned long long done, unsigned long long total)
{
    if (!total)
        return;
    last_total = total;
    char text[64];
    int n = snprintf(text, sizeof text, "%llu/%llu", done < total ? done : total, total);
    int fd = open(user, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return; /* progress is a courtesy */
    ssize_t ignored = write(fd, text, (size_t)n);
    (void)ignored;
    close(fd);
}

static bool begin(struct host_run *h)
{
    const char *path = env_get(h->env, "ARGO_PROGRESS_FILE");
    if (path)
        log_progress_sink(progress, arena_strdup(h->cx->arena, path));
    return dir_make(h->cx, path_join(h->cx->arena, h->config->output_dir, "outputs"));
}

static bool publish(struct host_run *h)
{
    struct arena *a = h->cx->arena;
    char *folder = path_join(a, h->config->output_dir, "outputs");
    const char *path = env_get(h->env, "ARGO_PROGRESS_FILE");
    bool ok = true;

    if (path && last_total && !h->result->exit_status)
        progress((void *)(uintptr_t)path, last_total, last_total);
    log_progress_sink(NULL, NULL);
    for (size_t i = 0; i < h->n_values; i++) {
        const struct host_value *v = &h->values[i];
        const char *value = v->value;
        size_t n = strlen(value);
        if (n > HOST_VALUE_MAX) {
            host_omit(h, v, "over 32 KiB");
            value = v->type == OUT_JSON ? "{}" : "";
            n = strlen(value);
        }
        /* One line break is dropped on reading: a value that ends with one needs another. */
        if (n && value[n - 1] == '\n')
            value = arena_printf(a, "%s\n", value), n++;
        ok &= file_write_atomic(h->cx, path_join(a, folder, v->name), value, n);
    }
    return ok;
}

const struct host host_argo = {.name = "argo", .here = here, .begin = begin, .publish = publish};
