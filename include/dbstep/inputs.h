/* inputs.h - from the command line and the environment to a stage's configuration, by the registry's tables.
 *
 * Input foo_bar is looked for in this order; the first place where it is not empty wins:
 *   1. --foo-bar VALUE, --foo-bar=VALUE          refused for secrets: process lists show arguments
 *   2. DBSTEP_FOO_BAR
 *   3. PLUGIN_FOO_BAR                            Harness, Drone
 *   4. INPUT_FOO_BAR, INPUT_FOO-BAR              GitHub's runner keeps hyphens; every mixture is accepted
 * A secret may also be given as the name of a file that holds it: --foo-bar-file, DBSTEP_FOO_BAR_FILE and so on; one line break
 * at the file's end is dropped. Both at the same place are a problem. Booleans may stand alone on the command line.
 *
 * A list is a JSON array when it starts with "[", else one item per line when it has several lines, else a comma list; blanks
 * around items and empty items are dropped (not in JSON).
 *
 * Every problem is reported, not only the first. A name that no stage knows is a problem under DBSTEP_ and on the command
 * line, and a warning under PLUGIN_ and INPUT_, where hosts put their own. A name that only other stages know is ignored, so
 * that the steps of a pipeline can share one block of variables. Secrets are given to redact_add() before anything else
 * happens to them, and no problem shows their value.
 */
#ifndef DBSTEP_INPUTS_H
#define DBSTEP_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/stage.h"
#include "dbstep/vec.h"

/* An environment: "NAME=value" texts, ended by NULL. */
struct env {
    const char *const *vars;
};

struct env env_process(void);                          /* the process's own; the only reader of environ */
const char *env_get(struct env env, const char *name); /* NULL when unset or empty */
bool env_is(struct env env, const char *name, const char *value);

struct inputs {
    struct common_config common;
    void *config; /* the stage's, config_size bytes; NULL without a stage */
    const struct stage *stage;
    struct str_list problems, warnings; /* one sentence each; no secret in them */
};

/* argv without the program's name; argv[0] may be the stage. Fields whose input is wrong hold their default, so that a result
 * can still be written. False with E_INPUT recorded when there is any problem. */
bool inputs_load(struct ctx *cx, struct env env, int argc, const char *const *argv, struct inputs *in);

/* An input that another way of calling translated to (step/liquibase): it stands where the command line stands, and may be a secret. */
struct given_input {
    const char *name, *value;
    const char *place; /* for messages: "--url", "liquibase.properties, line 3" */
};
struct given_inputs {
    VEC(struct given_input) list; /* no name twice */
};
/* As inputs_load(); an argument of the same name beats what is given. `given` may be NULL. */
bool inputs_load_given(struct ctx *cx, struct env env, int argc, const char *const *argv,
                       const struct given_inputs *given, struct inputs *in);

/* What holds for the whole process, from inputs and environment: how databases are connected to (pg_setup). */
void inputs_apply(struct arena *a, struct env env, const struct inputs *in);

/* One value by the rules of a row: fills the field at `field` (see enum input_type). NULL, or what is wrong with the text,
 * without the name and, for a secret, without the value. */
const char *input_parse(struct arena *a, const struct input_spec *row, const char *text, void *field);

/* Faults of the registry's tables themselves (types, defaults, choices, names, sentences); empty when all is well. */
void registry_check(struct arena *a, struct str_list *faults);

#endif
