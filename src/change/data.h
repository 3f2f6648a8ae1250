/* data.h - what the types that change rows share; see type.h. */
#ifndef DBSTEP_CHANGE_DATA_H
#define DBSTEP_CHANGE_DATA_H

#include "type.h"

/* A row's values, by column. */
struct row_value {
    const char *column; /* as the changelog or the file has it */
    const char *sql;
};

struct row {
    struct row_value *at;
    size_t n, cap;
};

/* Again for a column that is there already: its new value, in the old place. */
void row_set(struct arena *a, struct row *row, const char *column, const char *sql);
/* "a, b" */
const char *row_columns(struct arena *a, const struct change_env *env, const struct row *row);
/* "1, 'x'" */
const char *row_values(struct arena *a, const struct row *row);
/* "a = 1, b = 'x'", by column in the order of Java's texts, without those in `but`. "": there are none. */
const char *row_assignments(struct arena *a, const struct change_env *env, const struct row *row,
                            const struct str_list *but);

/* loadData, loadUpdateData (types_load.c) */
bool load_data_load(struct ctx *cx, const struct change_files *files, struct change *c);
bool load_data_generate(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out);
bool load_update_data_generate(struct ctx *cx, const struct change_env *env, const struct change *c,
                               struct str_list *out);
bool load_update_data_invert(struct ctx *cx, const struct change_env *env, const struct change *c,
                             struct str_list *out);

#endif
