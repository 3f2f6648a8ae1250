/* liquibase_internal.h - the tables behind liquibase.h, and collecting what was said. */
#ifndef DBSTEP_LIQUIBASE_INTERNAL_H
#define DBSTEP_LIQUIBASE_INTERNAL_H

#include "dbstep/liquibase.h"
#include "dbstep/str.h"

/* What standard output gets. */
enum liquibase_print {
    PRINT_NOTHING,
    PRINT_SQL,
    PRINT_STATUS,
    PRINT_UNEXPECTED,
    PRINT_HISTORY,
    PRINT_LOCKS,
    PRINT_TAG
};

struct liquibase_command {
    const char *name;     /* kebab-case */
    const char *stage;    /* NULL: not supported */
    const char *fixed[3]; /* "input=value" */
    /* Options that only some commands have, as "option>input". Those that end in "!" are required. */
    const char *takes[5];
    const char *positional; /* the option that a bare word is the value of, as older scripts have it; NULL: none */
    enum liquibase_print print;
    bool no_changelog;   /* what the properties say of a changelog is not for it */
    const char *instead; /* not supported: what to do */
};

enum option_kind {
    OPT_INPUT,   /* its text is an input's */
    OPT_SECRET,  /* likewise, and never shown */
    OPT_OWN,     /* translated by code */
    OPT_TAKEN,   /* only where a command takes it */
    OPT_IGNORED, /* has no meaning here, and none is missed */
    OPT_TOLD,    /* likewise, but the user is told */
    OPT_REFUSED, /* asks for what is not there: an error unless it is "false" */
};

struct liquibase_option {
    const char *name; /* kebab-case */
    enum option_kind kind;
    const char *input; /* OPT_INPUT, OPT_SECRET */
    bool flag;         /* may stand without a value */
    const char *note;  /* OPT_TOLD, OPT_REFUSED: why */
};

/* Where a value comes from; the higher one wins. */
enum rank { FROM_FILE, FROM_LOCAL_FILE, FROM_ENVIRONMENT, FROM_COMMAND_ENVIRONMENT, FROM_CALL };

struct setting {
    const struct liquibase_option *option;
    const char *value, *place;
    enum rank rank;
};

struct parameter_setting {
    const char *name, *value;
    enum rank rank;
};

struct collected {
    struct ctx *cx;
    struct arena *a;
    struct liquibase_call *call;
    VEC(struct setting) settings; /* one for each option */
    VEC(struct parameter_setting) parameters;
    struct str_list unexpected; /* arguments that nobody knows */
};

extern const struct liquibase_command liquibase_commands[];
extern const size_t n_liquibase_commands;
extern const struct liquibase_option liquibase_options[];
extern const size_t n_liquibase_options;

/* Lower case, without hyphens, underscores and dots: one text for all spellings of a name. */
const char *liquibase_collapse(struct arena *a, const char *name);
const struct liquibase_command *liquibase_command_find(struct arena *a, const char *name);
const struct liquibase_option *liquibase_option_find(struct arena *a, const char *name);
/* The input that this command's option fills; NULL: it does not take the option. */
const char *liquibase_takes(struct arena *a, const struct liquibase_command *c, const char *option, bool *required);

/* A stage or an input of the row that does not exist, or NULL. Without it the command would do something else. */
const char *liquibase_command_fault(struct arena *a, const struct liquibase_command *c);

/* Keeps the value if nothing of a higher rank is there. */
void liquibase_set(struct collected *k, const struct liquibase_option *o, const char *value, const char *place,
                   enum rank rank);
void liquibase_set_parameter(struct collected *k, const char *name, const char *value, enum rank rank);
const struct setting *liquibase_setting(const struct collected *k, const char *option); /* NULL: not given */

/* LIQUIBASE_…; and the passwords in it, registered. */
void liquibase_read_environment(struct collected *k, struct env env);
/* Likewise PLUGIN_LIQUIBASE_… and the rest of that image's contract. */
bool liquibase_read_plugin(struct collected *k, struct env env);
/* liquibase.properties and liquibase.local.properties, or the file that was named. */
bool liquibase_read_defaults(struct collected *k);

#endif
