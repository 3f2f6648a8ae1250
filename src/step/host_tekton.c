/* host_tekton.c - Tekton: one file per result in results_dir.
 *
 * All results of a step share the container's termination message of 4096 bytes with Tekton's own data, and the TaskRun
 * fails when it overflows. So only small outputs become results, the smallest first, below 1 KB in all with their names; the
 * others are in result.json on the workspace. Which results exist is the Task's declaration; further files do no harm.
 */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/host.h"

enum { TOTAL_MAX = 1000, OVERHEAD = 40 /* the JSON around one result */ };

static bool publish(struct host_run *h)
{
    struct arena *a = h->cx->arena;
    const size_t *order = host_by_size(h);
    bool ok = dir_make(h->cx, h->config->results_dir);
    size_t total = 0;

    for (size_t i = 0; ok && i < h->n_values; i++) {
        const struct host_value *v = &h->values[order[i]];
        if (!*v->value || text_equal(v->name, "result"))
            continue;
        size_t n = strlen(v->value), cost = n + strlen(v->name) + OVERHEAD;
        if (total + cost > TOTAL_MAX) {
            host_omit(h, v, "over Tekton's limit");
            continue;
        }
        total += cost;
        ok = file_write_atomic(h->cx, path_join(a, h->config->results_dir, v->name), v->value, n);
    }
    return ok;
}

const struct host host_tekton = {.name = "tekton", .publish = publish};
