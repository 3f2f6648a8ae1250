/* main.c - one process, one stage: inputs in, the stage, the result out, the exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/emit.h"
#include "dbstep/help.h"
#include "dbstep/host.h"
#include "dbstep/inputs.h"
#include "dbstep/interrupt.h"
#include "dbstep/liquibase.h"
#include "dbstep/log.h"
#include "dbstep/out.h"
#include "dbstep/render.h"
#include "dbstep/stage.h"

/* The catalogue decides; a finding at or above fail_on, or a claim that could not be proven, is status 3. */
static void settle(struct result *r, struct ctx *cx, bool ran, const struct inputs *in)
{
    enum severity fail_on = (enum severity)in->common.fail_on;

    if (ran && r->verdict == VERDICT_NONE && !r->defect)
        r->defect = "the stage ended without a verdict";
    if (r->defect) {
        cx->err = (struct err){.code = E_OK};
        fail(cx, E_INTERNAL, "defect in stage %s: %s", r->stage ? r->stage->name : "(none)", r->defect);
        err_hint(cx, "please report this with the stage's inputs (without secrets)");
        ran = false;
    }
    /* A failure that was recorded and then overlooked must not end in a verdict. */
    ran = ran && cx->err.code == E_OK;
    if (!ran) {
        if (cx->err.code == E_OK)
            fail(cx, E_INTERNAL, "defect: the stage failed without saying why");
        r->error = &cx->err;
        r->verdict = cx->err.code == E_INCONCLUSIVE ? VERDICT_INCONCLUSIVE : VERDICT_ERROR;
        r->exit_status = cx->err.code == E_INCONCLUSIVE && fail_on == SEV_NEVER ? 0 : err_exit_status(cx->err.code);
        if (!*r->summary)
            result_summary(r, "%s", cx->err.message);
        return;
    }
    /* fail_on decides about the exit status; an error among the findings is no pass, whatever it says. */
    enum severity bar = fail_on == SEV_NEVER ? SEV_ERROR : fail_on;
    if (r->verdict == VERDICT_PASS && result_count_findings(r, bar))
        r->verdict = VERDICT_FAIL;
    if (fail_on == SEV_NEVER)
        return;
    if (r->verdict == VERDICT_FAIL || result_count_findings(r, bar))
        r->exit_status = err_exit_status(E_GATE);
    else if (r->verdict == VERDICT_INCONCLUSIVE)
        r->exit_status = err_exit_status(E_INCONCLUSIVE);
}

static void set_common_outputs(struct result *r, const struct common_config *common)
{
    result_output(r, "verdict", verdict_name(r->verdict));
    result_output_int(r, "exit_code", r->exit_status);
    result_output(r, "summary", r->summary);
    result_output(r, "result_file", arena_printf(r->arena, "%s/result.json", common->output_dir));
    result_output(r, "started_at", clock_rfc3339(r->arena, r->started_wall_ms));
    result_output_int(r, "duration_ms", r->duration_ms);
}

static bool run_stage(struct ctx *cx, struct host_run *h, const struct inputs *in, struct result *r)
{
    cx->deadline = host_deadline(h);
    struct run run = {.cx = cx,
                      .result = r,
                      .output_dir = in->common.output_dir,
                      .dry_run = in->common.dry_run,
                      .fail_on = (enum severity)in->common.fail_on};
    log_info("stage %s on host %s%s", in->stage->name, h->host->name, run.dry_run ? ", dry run" : "");
    return ctx_alive(cx, "starting") && in->stage->run(&run, in->config);
}

/* call: NULL, or what the arguments were translated to; then `cx` holds the failure of that, if it failed. */
static int perform(struct ctx *cx, int argc, const char *const *argv, const struct liquibase_call *call)
{
    struct arena *a = cx->arena;
    struct ctx out = {.arena = a};
    struct env env = env_process();
    struct inputs in;
    struct result result;

    interrupt_install();
    bool ok = inputs_load_given(cx, env, argc, argv, call ? &call->given : NULL, &in) && cx->err.code == E_OK;
    log_setup((enum log_level)in.common.log_level, (enum log_format)in.common.log_format);
    for (size_t i = 0; i < in.warnings.n; i++)
        log_warning("%s", in.warnings.at[i]);
    for (size_t i = 0; call && i < call->warnings.n; i++)
        log_warning("%s", call->warnings.at[i]);
    inputs_apply(a, env, &in);
    result_init(&result, a, in.stage);
    if (in.problems.n > 1)
        for (size_t i = 0; i < in.problems.n; i++)
            result_finding(&result, SEV_ERROR, "input", "%s", in.problems.at[i]);

    struct host_run host = {.host = host_find(env, in.common.host), .env = env, .config = &in.common, .cx = &out};
    bool begun = host_begin(&host);
    if (!begun && ok) {
        cx->err = out.err;
        ok = false;
    }
    out.err = (struct err){.code = E_OK};
    if (ok)
        ok = run_stage(cx, &host, &in, &result);
    if (ok && call)
        ok = liquibase_answer(cx, call, &result);
    result.duration_ms = clock_ms() - result.started_ms;
    settle(&result, cx, ok, &in);
    if (call)
        result.exit_status = liquibase_exit_status(result.exit_status);
    set_common_outputs(&result, &in.common);

    if (!host_publish(&host, &result) || !out_ok()) {
        if (out.err.code == E_OK)
            fail(&out, E_OUTPUT, "cannot write to standard output");
        /* A folder that could not be made is the stage's own error already, and said once. */
        if (begun)
            log_error("%s%s%s", out.err.message, out.err.hint[0] ? "; " : "", out.err.hint);
        /* A stage's own failure says more than a full disk. */
        if (!result.exit_status)
            result.exit_status = call ? 1 : err_exit_status(out.err.code);
    }
    return result.exit_status;
}

/* Arguments of a Liquibase call are copied, so that a password among them can be taken out of the process list. */
static int perform_liquibase(struct arena *a, int argc, char **argv)
{
    const char **copy = arena_array(a, (size_t)argc + 1, sizeof *copy);
    struct ctx cx = {.arena = a};
    struct liquibase_call call;

    for (int i = 0; i < argc; i++)
        copy[i] = arena_strdup(a, argv[i]);
    bool shown = liquibase_scrub(a, argc, argv);
    liquibase_translate(&cx, env_process(), argc, copy, &call);
    if (shown)
        *VEC_PUSH(a, &call.warnings) = "a password among the arguments can be seen in process lists until it is "
                                       "overwritten; give it as LIQUIBASE_COMMAND_PASSWORD or in liquibase.properties";
    return perform(&cx, (int)call.args.n, call.args.at, &call);
}

static int print(const char *text)
{
    out_text(text);
    return out_ok() ? 0 : err_exit_status(E_OUTPUT);
}

static bool asks(const char *arg, const char *word)
{
    return text_equal(arg, word) || (text_starts(arg, "--") && text_equal(arg + 2, word));
}

static int unknown_stage(struct arena *a, const char *name)
{
    const char *names[128];
    size_t n = 0;
    for (; n < COUNT(names) && stages[n]; n++)
        names[n] = stages[n]->name;
    const char *near = text_nearest(name, names, n);
    log_error("stage '%s' does not exist; %s", name,
              near ? arena_printf(a, "did you mean %s?", near) : "`dbstep stages` lists them");
    return err_exit_status(E_INPUT);
}

static int generate(struct arena *a, const char *folder)
{
    struct ctx cx = {.arena = a};
    if (emit_write(&cx, folder))
        return 0;
    log_error("%s", cx.err.message);
    return err_exit_status(cx.err.code);
}

/* -1: not one of the questions about the program itself. */
static int answer(struct arena *a, int argc, const char *const *argv)
{
    const char *first = argc ? argv[0] : "", *second = argc > 1 ? argv[1] : NULL;

    if (asks(first, "help") || text_equal(first, "-h")) {
        const struct stage *stage = second ? stage_find(second) : NULL;
        if (second && !stage && (text_equal(second, "liquibase") || liquibase_asked(a, (struct env){0}, 1, &second)))
            return print(liquibase_help(a, second));
        if (second && !stage)
            return unknown_stage(a, second);
        return print(stage ? help_stage(a, stage) : help_short(a));
    }
    if (asks(first, "version"))
        return print(help_version(a));
    if (text_equal(first, "stages"))
        return print(help_stages(a));
    if (text_equal(first, "completion")) {
        if (second && text_equal(second, "bash"))
            return print(help_completion_bash(a));
        log_error("completion exists for: bash");
        return err_exit_status(E_INPUT);
    }
    if (text_equal(first, "generate") && second)
        return generate(a, second);
    for (int i = 1; i < argc; i++)
        if (text_equal(argv[i], "--help") || text_equal(argv[i], "-h")) {
            const struct stage *stage = stage_find(first);
            if (!stage && liquibase_asked(a, env_process(), argc, argv))
                return print(liquibase_help(a, first));
            return stage ? print(help_stage(a, stage)) : unknown_stage(a, first);
        }
    if (!argc && !env_get(env_process(), "DBSTEP_STAGE") && !env_get(env_process(), "PLUGIN_STAGE") &&
        !env_get(env_process(), "INPUT_STAGE") && !env_get(env_process(), "PLUGIN_COMMAND")) {
        log_block(help_short(a));
        return err_exit_status(E_INPUT);
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    const char *const *args = (const char *const *)argv + (argc > 0);
    int n = argc > 0 ? argc - 1 : 0, status = answer(&arena, n, args);

    if (status < 0 && liquibase_asked(&arena, env_process(), n, args)) {
        status = perform_liquibase(&arena, n, argv + (argc > 0));
    } else if (status < 0) {
        struct ctx cx = {.arena = &arena};
        status = perform(&cx, n, args, NULL);
    }
    arena_free(&arena);
    return status;
}
