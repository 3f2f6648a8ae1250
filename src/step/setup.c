/* setup.c - what inputs and environment say about the process as a whole; see inputs.h. */
#include "dbstep/inputs.h"
#include "dbstep/pg.h"

void inputs_apply(struct arena *a, struct env env, const struct inputs *in)
{
    struct pg_setup setup = {
        .application_name = in->stage ? arena_printf(a, "dbstep %s", in->stage->name) : "dbstep",
        .ca_bundle = env_get(env, "SSL_CERT_FILE"),
        .connect_wait_ms = in->common.connect_timeout_ms ? in->common.connect_timeout_ms : 1,
    };
    pg_setup(&setup);
}
