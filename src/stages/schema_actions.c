/* schema_actions.c - what schema-deploy does to the history and the lock alone: tag, clear-checksums, release-lock. */
#include "schema_common.h"

static bool put_tag(struct run *run, const struct schema_config *c, struct deploy *d)
{
    struct deploy_report report;
    const struct ran *last = deploy_last(d);

    result_output(run->result, "pre_start_tag", last ? last->tag : "");
    if (run->dry_run) {
        result_summary(run->result, "dry run: the newest row would get the tag '%s'", c->tag);
        return true;
    }
    if (!deploy_put_tag(run->cx, d, c->tag, &report) || !schema_report_sql(run, "deploy.sql", &report, true))
        return false;
    result_summary(run->result, "the newest row of the history has the tag '%s'", c->tag);
    return true;
}

static bool clear_sums(struct run *run, struct deploy *d)
{
    struct deploy_report report;
    size_t cleared;

    if (run->dry_run) {
        result_summary(run->result, "dry run: the checksums of the history would be cleared");
        return true;
    }
    if (!deploy_clear_sums(run->cx, d, &cleared, &report) || !schema_report_sql(run, "deploy.sql", &report, true))
        return false;
    result_summary(run->result, "%s cleared; the next deploy computes them again",
                   text_plural(run->cx->arena, (long long)cleared, "checksum"));
    return true;
}

static bool release(struct run *run, const struct schema_config *c, struct deploy *d)
{
    struct lock_state before;
    bool released = false;

    if (run->dry_run ? !deploy_lock_state(run->cx, d, &before)
                     : !deploy_release_lock(run->cx, d, c->force, &before, &released))
        return false;
    result_output_bool(run->result, "lock_released", released);
    if (!before.locked && !before.session)
        result_summary(run->result, "the changelog lock is free");
    else
        result_summary(run->result, "%s the changelog lock of '%s' since %s",
                       released ? "released" : "dry run: did not release", *before.by ? before.by : "nobody",
                       *before.since ? before.since : "an unknown time");
    return true;
}

bool schema_action(struct run *run, const struct schema_config *c)
{
    struct changelog log = {.path = "", .file = ""};
    DEPLOY_AUTO d = NULL;

    if (c->action == ACTION_TAG && text_empty(c->tag))
        return fail(run->cx, E_INPUT, "the action tag needs the input tag");
    if (!schema_connect(run, c, &log, &d))
        return false;
    if (c->action == ACTION_TAG          ? !put_tag(run, c, d)
        : c->action == ACTION_CLEAR_SUMS ? !clear_sums(run, d)
                                         : !release(run, c, d))
        return false;
    result_output_int(run->result, "changesets_applied", 0);
    result_verdict(run->result, VERDICT_PASS);
    return true;
}
