/* liquibase.h - being called as Liquibase is called.
 *
 * Two ways, both translated to a stage and its inputs, so that everything behind them is the same:
 *   - a command line: dbstep [global options] COMMAND [options] [-Dkey=value], with the command names and options of Liquibase 4.33 in
 *     any of their spellings (update-sql, updateSQL; --changelog-file, --changeLogFile), its environment variables
 *     (LIQUIBASE_COMMAND_…, LIQUIBASE_…) and liquibase.properties;
 *   - the environment of the image that Harness Database DevOps runs: PLUGIN_COMMAND, PLUGIN_LIQUIBASE_…, PLUGIN_SUBSTITUTE_LIQUIBASE.
 * The command line beats LIQUIBASE_COMMAND_<command>_…, that beats LIQUIBASE_COMMAND_… and LIQUIBASE_…, these beat
 * liquibase.local.properties, and that beats liquibase.properties. Inputs of the stage that Liquibase has no word for may be given
 * as everywhere (--lock-timeout, DBSTEP_LOCK_TIMEOUT).
 *
 * The exit status is Liquibase's: 0, or 1 for any failure. SQL of the …-sql commands
 * and the answers of status, history and so on go to standard output, or to --output-file.
 */
#ifndef DBSTEP_LIQUIBASE_H
#define DBSTEP_LIQUIBASE_H

#include <stdbool.h>

#include "dbstep/ctx.h"
#include "dbstep/inputs.h"
#include "dbstep/result.h"

struct liquibase_command;

struct liquibase_call {
    const struct liquibase_command *command; /* NULL before it is known */
    const char *stage;                       /* NULL: the command has none here */
    struct given_inputs given;
    struct str_list args;     /* for inputs_load(): the stage, and options that are not Liquibase's */
    struct str_list warnings; /* one sentence each */
    const char *output_file;  /* NULL: standard output */
    const char
        *database;   /* as Liquibase names it: "user@jdbc:postgresql://host:5432/name"; "the database" when unknown */
    const char *tag; /* that tag-exists asks for */
    bool verbose;
};

/* A command of Liquibase among the arguments, or, without arguments, PLUGIN_COMMAND and no stage. */
bool liquibase_asked(struct arena *a, struct env env, int argc, const char *const *argv);

/* Secrets are given to redact_add() before anything can fail. False: E_INPUT, with the first problem. */
bool liquibase_translate(struct ctx *cx, struct env env, int argc, const char *const *argv,
                         struct liquibase_call *call);

/* Overwrites passwords among the process's own arguments, which every user of the machine can read in its process list. For after
 * they were copied. True when there was one. */
bool liquibase_scrub(struct arena *a, int argc, char **argv);

/* Prints what the command prints when its stage is over: the SQL of the output sql_file, or what was found; nothing for most. */
bool liquibase_answer(struct ctx *cx, const struct liquibase_call *call, const struct result *r);

int liquibase_exit_status(int status);

/* The command that a misspelt word may mean, or NULL. */
const char *liquibase_nearest(const char *word);

const char *liquibase_help(struct arena *a, const char *command); /* NULL: the list of commands */

/* The rows of the tables that name a stage or an input that does not exist; empty when all is well. */
void liquibase_check(struct arena *a, struct str_list *faults);

#endif
