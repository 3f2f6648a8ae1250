/* result.h - the result document: what a stage fills and step/hosts renders.
 *
 * Everything is copied into the run's arena and passes redaction when it is rendered. Setting an output that the stage's
 * table does not declare, or twice with different values of another type, is a defect and ends in E_INTERNAL.
 */
#ifndef DBSTEP_RESULT_H
#define DBSTEP_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/vec.h"

#define RESULT_SCHEMA_VERSION 1

enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE, VERDICT_ERROR };
enum severity { SEV_NEVER, SEV_ERROR, SEV_WARNING, SEV_NOTE }; /* as fail_on: a finding at or above fails the step */

struct finding {
    enum severity severity;
    const char *code;    /* stable, kebab-case: "rows-changed" */
    const char *message; /* one line */
    const char *object;  /* "public.warehouses", or NULL */
    const char *file;    /* the user's file, or NULL */
    int line, column;    /* 0: unknown */
    const char *hint;    /* NULL: none */
};

/* What a column holds: plain text; something to be set in a fixed-width font and never cut; what was there, or is there instead. */
enum cell_style { CELL_PLAIN, CELL_FIXED, CELL_REMOVED, CELL_ADDED };

/* A table for people. Cells are text; the first row of `cells` follows directly after the headers. */
struct result_table {
    const char *title;
    const char **headers;
    size_t n_columns;
    struct str_list cells; /* row by row */
    bool numeric[16];      /* right-aligned columns */
    enum cell_style style[16];
};

/* One JUnit test case. */
struct test_case {
    const char *suite, *name;
    long long ms;
    const char *failure; /* NULL: passed */
    const char *skipped; /* reason, NULL: ran */
    const char *output;  /* detail, may be NULL */
};

/* A phase with its length, in order. */
struct timing {
    const char *name;
    long long ms;
};

struct output_value {
    const char *name;
    const char *value; /* as text; JSON outputs hold JSON */
};

struct stage;

struct result {
    struct arena *arena;
    const struct stage *stage; /* NULL before a stage is known */
    enum verdict verdict;
    const char *summary; /* one line: what was done or proven */
    VEC(struct output_value) outputs;
    VEC(struct finding) findings;
    VEC(struct result_table) tables;
    VEC(struct test_case) cases;
    VEC(struct timing) timings;
    struct str_list proofs;    /* sentences: what was proven, with the figures */
    struct str_list uncovered; /* sentences: what was not looked at, and why */
    struct str_list files;     /* evidence written, paths */
    long long started_wall_ms, started_ms, duration_ms;
    const struct err *error; /* the failure that ended the stage, NULL: none */
    int exit_status;
    const char *defect; /* set by a misuse of this interface */
};

void result_init(struct result *r, struct arena *a, const struct stage *stage);

void result_verdict(struct result *r, enum verdict v);
void result_summary(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void result_output(struct result *r, const char *name, const char *value);
void result_output_int(struct result *r, const char *name, long long value);
void result_output_bool(struct result *r, const char *name, bool value);
const char *result_output_get(const struct result *r, const char *name); /* NULL when not set */

/* Returns the finding so that object, place and hint can be added. Texts put there must live in the run's arena. */
struct finding *result_finding(struct result *r, enum severity s, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
size_t result_count_findings(const struct result *r, enum severity at_or_above);

/* headers: "table|rows|verdict"; a header that starts with '#' is numeric (right-aligned, without the '#'); with '=' fixed-width,
 * with '-' a removed value, with '+' an added one. */
struct result_table *result_table(struct result *r, const char *title, const char *headers);
/* As many cells as there are columns. */
void result_row(struct result *r, struct result_table *t, const char *const *cells);

void result_case(struct result *r, struct test_case c); /* texts are copied */
void result_timing(struct result *r, const char *name, long long ms);
void result_proof(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void result_uncovered(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void result_file(struct result *r, const char *path);

const char *verdict_name(enum verdict v);
const char *severity_name(enum severity s);

#endif
