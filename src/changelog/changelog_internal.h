/* changelog_internal.h - what the files of this folder share. */
#ifndef DBSTEP_CHANGELOG_INTERNAL_H
#define DBSTEP_CHANGELOG_INTERNAL_H

#include "dbstep/changelog.h"
#include "dbstep/node.h"

enum {
    INCLUDE_DEPTH_MAX = 100,   /* files that include one another, one within the other */
    INCLUDE_FILES_MAX = 50000, /* of one changelog */
    PATH_DEPTH_MAX = 30,       /* folders of an includeAll, one within the other */
    PATH_ENTRIES_MAX = 100000,
};

/* A file of the changelog while it is read, and what its changesets inherit. */
struct log_file {
    const struct log_file *parent; /* that includes it; NULL: the root */
    const char *path;              /* normalised, relative to the search path */
    const char *file;              /* on disk, for messages */
    const char *logical;           /* its logicalFilePath as written; NULL: none */
    enum quoting quoting;
    struct str_list contexts;    /* innermost first: its own, its include's, those of what includes it */
    VEC(struct str_list) labels; /* likewise; only includes have them */
    bool ignore;                 /* an include says so */
    const char *run_with;        /* of modifyChangeSets; NULL: none */
    bool xml;                    /* unknown names are errors there, warnings in YAML */
    int depth;
    unsigned number;           /* of the files that were read */
    struct change_files named; /* how its changes reach files */
};

/* ---- ${} ---- */

struct property {
    struct property *older; /* of the same bucket */
    const char *name;       /* lower case */
    const char *value;
    unsigned file; /* number of the file that alone sees it; 0: global */
};

enum { PROPERTY_BUCKETS = 8192 };

struct properties {
    const struct changelog_source *source;
    const struct log_file *at; /* whose local ones are seen; NULL: none */
    struct property *buckets[PROPERTY_BUCKETS];
};

void properties_init(struct ctx *cx, struct properties *p, const struct changelog_source *source);
/* The first definition of a name stays; global ones come before those of the file. */
void properties_define(struct ctx *cx, struct properties *p, const char *name, const char *value, bool global);
/* NULL: not defined. Not expanded. */
const char *properties_value(struct ctx *cx, const struct properties *p, const char *name);
/* Does a definition that is bound to these count? */
bool property_applies(const struct changelog_source *source, const char *context, const struct str_list *labels,
                      const struct str_list *dbms);
/* Expands ${name}; the text itself when there is nothing to expand. With a map, it is kept in step. Values that refer to one
 * another in a circle, or grow beyond all measure, are an E_CHANGELOG failure. */
bool properties_expand(struct ctx *cx, const struct properties *p, const char *text, size_t len, struct source_map *map,
                       const char **out, size_t *out_len);
/* Java's .properties: name=value, name: value, \ at the end of a line, \uXXXX. `file` is for messages. */
bool properties_read(struct ctx *cx, struct properties *p, const char *file, const char *text, bool global);

/* ---- reading ---- */

/* It lives as long as the changelog: some changes read their files only when they run. */
struct loader {
    struct ctx *cx;
    const struct changelog_source *source;
    struct properties props;
    struct changelog *log;
    struct log_file *at;
    unsigned n_files;
    bool unsettled;              /* a precondition asks for a property that is not there yet */
    struct change_list gathered; /* room in which the changes of a list are put together */
};

/* The parser that the name's end asks for; false without an error: none does. */
bool load_known(const char *path);
/* What a changeset has from its file. */
void load_inherit(struct arena *a, const struct log_file *f, struct changeset *cs);
/* `f` has path, file and what its include says. */
bool load_file(struct loader *l, struct log_file *f);

/* ---- paths ---- */

struct found_path {
    const char *path, *file; /* relative to the search path; on disk */
    int depth;               /* 1: in the folder itself */
};

struct path_list {
    VEC(struct found_path) list;
    size_t entries;
};

/* A logicalFilePath as the history has it: as written, without leading "/". */
const char *path_stored(struct arena *a, const char *logical);
bool path_absolute(struct arena *a, const char *path);
bool path_leads_out(const char *normal);
/* `path`, relative to the folder in which a changelog lies; normalised. */
const char *path_beside(struct arena *a, const char *changelog, const char *path);
/* The one file of that path in the search path. E_FILE when there is none. `what` is for messages: "changelog". */
bool path_find(struct ctx *cx, const struct changelog_source *source, const char *what, const char *path,
               const char **file);
/* Its text, and a note in the changelog that it was read; NULL: in none. */
bool load_read(struct ctx *cx, struct changelog *log, const char *file, char **text, size_t *len);
/* All files below a folder of the search path, in the order of their paths' UTF-16. */
bool path_list(struct ctx *cx, const struct changelog_source *source, const char *path, struct path_list *out,
               bool *exists);

/* ---- formatted and plain SQL ---- */

/* UTF-8 without byte order mark; each invalid sequence becomes U+FFFD. The text itself when it is valid. */
bool sql_decode(struct ctx *cx, const char *file, char **text, size_t *len);
bool formatted_sql_header(const char *line, size_t len);
bool formatted_sql_parse(struct ctx *cx, const struct changelog_source *source, struct properties *props, char *text,
                         size_t len, struct changelog *log);
void raw_sql_parse(struct ctx *cx, struct properties *props, char *text, size_t len, struct changelog *log);

/* After "--" and blanks, the keyword, case ignored: the rest of the line; else NULL. */
const char *directive(const char *line, const char *keyword);
/* The last place where `name:` is followed by a value that `stops` ends; NULL when there is none. */
enum attr_kind { ATTR_WORD, ATTR_TOKEN, ATTR_QUOTED, ATTR_DBMS };
const char *attribute(struct arena *a, const char *line, const char *name, enum attr_kind kind, bool at_word_start);
/* Items of a comma list, trimmed, without empty ones. */
void split_commas(struct arena *a, const char *text, bool lower, struct str_list *out);

/* ---- trees ---- */

bool tree_parse(struct loader *l, struct node *document);
bool tree_changeset(struct loader *l, struct node *n);
bool tree_preconditions(struct loader *l, const struct node *n, enum quoting quoting, struct preconditions *out);
bool tree_include(struct loader *l, const struct node *n);
bool tree_include_all(struct loader *l, const struct node *n);

/* Children as Liquibase sees them, whatever the notation: items of a list that are mappings count as what they hold. */
struct tree_walk {
    const struct node *parent, *item, *next;
};
struct tree_walk tree_walk(const struct node *parent);
struct node *tree_next(struct tree_walk *w);

const struct node *tree_child(const struct node *parent, const char *name);
/* The text of a child; NULL when there is none. A list or mapping in its place is a failure. */
bool tree_text(struct loader *l, const struct node *parent, const char *name, const char **out);
bool tree_flag(struct loader *l, const struct node *parent, const char *name, bool otherwise, bool *out);
/* contextFilter, else context; NULL: none. Checked. */
bool tree_context(struct loader *l, const struct node *parent, const char **out);
/* Texts of a node and all below: YAML scalars as Java prints them, ${} expanded. */
bool tree_expand(struct loader *l, struct node *n);
/* objectQuotingStrategy; *out stays when there is none. */
bool tree_quoting(struct loader *l, const struct node *parent, enum quoting *out);
bool tree_fault(struct loader *l, const struct node *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A child whose name is not known: a failure in XML, and where a known name is near; else a warning, as Liquibase ignores it. */
bool tree_unknown(struct loader *l, const struct node *n, const char *where, const char *const *known, size_t n_known);

/* ---- the whole ---- */

bool check_changelog(struct ctx *cx, const struct changelog *log);
/* properties that are defined behind a precondition count for it, too */
void preconditions_settle(struct loader *l);

#endif
