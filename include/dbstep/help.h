/* help.h - what the program says about itself; all of it from the registry. */
#ifndef DBSTEP_HELP_H
#define DBSTEP_HELP_H

#include "dbstep/arena.h"
#include "dbstep/stage.h"

const char *help_short(struct arena *a);
const char *help_stage(struct arena *a, const struct stage *stage);
const char *help_stages(struct arena *a); /* one line each, for scripts: name, tab, summary */
const char *help_version(struct arena *a);
const char *help_completion_bash(struct arena *a);

/* "text", "integer", "size", "duration", … as help and the manual name an input's type. */
const char *help_type(const struct input_spec *row);

#endif
