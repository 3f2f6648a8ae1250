/* types_other.c - SQL text, procedures, and what is no SQL: tags, messages, stops; and the types that are refused; see type.h. */
#include <string.h>

#include "change_file.h"
#include "dbstep/log.h"
#include "dbstep/unicode.h"

/* ---- sql, sqlFile ---- */

static void set_flags(struct change *c)
{
    const struct node *delimiter = node_child(c->node, "endDelimiter");

    c->split = field_bool(c->node, "splitStatements", true);
    c->strip_comments = field_bool(c->node, "stripComments", false);
    c->end_delimiter = delimiter && delimiter->text ? delimiter->text : NULL;
}

static const struct change_field sql_fields[] = {
    FIELD("sql", BODY, FIELD_REQUIRED),
    BOOLEAN_FIELD("splitStatements"),
    BOOLEAN_FIELD("stripComments"),
    TEXT_FIELD("endDelimiter"),
    TEXT_FIELD("dbms"),
    FIELD("comment", TEXT, FIELD_IGNORED),
};

static bool load_sql(struct ctx *cx, const struct change_files *files, struct change *c)
{
    const struct node *inner = node_child(c->node, "sql"), *n = inner && inner->text ? inner : c->node;
    size_t lead;

    (void)files;
    set_flags(c);
    c->sql = text_trim(cx->arena, n->text);
    c->sql_len = strlen(c->sql);
    if (!c->sql_len)
        return change_fault(cx, c, NULL, "it holds no SQL");
    c->map = node_map(cx->arena, n);
    for (lead = 0; (unsigned char)n->text[lead] <= ' ';)
        lead++;
    source_map_cut(cx->arena, &c->map, n->text, lead);
    return true;
}

static const struct change_field sql_file_fields[] = {
    REQUIRED_FIELD("path"),
    BOOLEAN_FIELD("relativeToChangelogFile"),
    TEXT_FIELD("encoding"),
    BOOLEAN_FIELD("splitStatements"),
    BOOLEAN_FIELD("stripComments"),
    TEXT_FIELD("endDelimiter"),
    TEXT_FIELD("dbms"),
    FIELD("doExpandExpressionsInGenerateChecksum", BOOLEAN, FIELD_IGNORED),
};

/* The sum covers the file as it is, before anything is put in for ${}. */
static bool load_sql_file(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct change_file f = {0};
    char sum[CHECKSUM_MAX];

    set_flags(c);
    if (!change_file_read(cx, files, c, "path", &f))
        return false;
    sum_of_sql(c, f.bytes, f.len, CHECKSUM_V8, sum);
    c->sum_v8 = arena_strdup(cx->arena, sum);
    sum_of_sql(c, f.text, f.text_len, CHECKSUM_V9, sum);
    c->sum_v9 = arena_strdup(cx->arena, sum);
    c->file = f.shown;
    c->line = c->column = 0;
    *VEC_PUSH(cx->arena, &c->map.places) = (struct text_place){.line = 1, .column = 1};
    c->sql = f.text, c->sql_len = f.text_len;
    if (!files->expand)
        return true;
    c->map.places.n = 0;
    return files->expand(cx, files->user, f.text, f.text_len, &c->map, &c->sql, &c->sql_len);
}

/* ---- procedures ---- */

static const struct change_field create_procedure[] = {
    SCHEMA_FIELDS,
    TEXT_FIELD("procedureName"),
    {"procedureText", FIELD_BODY, FIELD_NOT_IN_SUM_V9, "procedureBody"},
    FIELD("procedureBody", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("path", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("relativeToChangelogFile", BOOLEAN, FIELD_NOT_IN_SUM_V9),
    FIELD("encoding", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("dbms", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("comments", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("comment", TEXT, FIELD_IGNORED),
    BOOLEAN_FIELD("replaceIfExists"),
};

static bool load_create_procedure(struct ctx *cx, const struct change_files *files, struct change *c)
{
    const char *body = field_body(c->node, "procedureText");

    if (field_set(c->node, "replaceIfExists")) {
        change_fault(cx, c, node_child(c->node, "replaceIfExists"), "replaceIfExists is not for PostgreSQL");
        err_hint(cx, "write CREATE OR REPLACE in the procedure's text");
        return false;
    }
    return body_load(cx, files, c, body ? body : field(c->node, "procedureBody"), "the procedure");
}

/* CREATE PROCEDURE a.p … with another schema, or with one. */
static const char *in_schema(struct arena *a, const char *sql, const char *schema)
{
    const char *word = sql_find_word(sql, "procedure");
    if (!word)
        return sql;
    const char *name = text_skip_blanks(word + strlen("procedure")), *rest = name;
    if (*rest == '"')
        rest += 1 + strcspn(rest + 1, "\"");
    rest += strcspn(rest, ". \t\r\n(");
    return arena_printf(a, "%.*s%s.%s", (int)(name - sql), sql, schema, *rest == '.' ? rest + 1 : name);
}

/* One statement, whatever is in it; one semicolon at its end is dropped. */
static bool generate_create_procedure(struct ctx *cx, const struct change_env *env, const struct change *c,
                                      struct str_list *out)
{
    const char *sql = text_trim(cx->arena, c->data), *schema = field(c->node, "schemaName");
    size_t n = strlen(sql);

    if (n && sql[n - 1] == ';')
        sql = text_trim(cx->arena, arena_strndup(cx->arena, sql, n - 1));
    *VEC_PUSH(cx->arena, out) = schema ? in_schema(cx->arena, sql, sql_name(cx->arena, env, schema)) : sql;
    return true;
}

static const struct change_field drop_procedure[] = {SCHEMA_FIELDS, REQUIRED_FIELD("procedureName")};

static bool generate_drop_procedure(struct ctx *cx, const struct change_env *env, const struct change *c,
                                    struct str_list *out)
{
    add_statement(cx->arena, out, "DROP PROCEDURE %s",
                  sql_table(cx->arena, env, field(c->node, "schemaName"), field(c->node, "procedureName")));
    return true;
}

/* ---- what is no SQL ---- */

static bool nothing(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    (void)cx, (void)env, (void)c, (void)out;
    return true;
}

static const struct change_field tag_database[] = {
    REQUIRED_FIELD("tag"),
    FIELD("keepTagOnRollback", BOOLEAN, FIELD_NOT_IN_SUM),
};

static const struct change_field output_fields[] = {FIELD("message", BODY, FIELD_REQUIRED), TEXT_FIELD("target")};
static const struct change_field stop_fields[] = {FIELD("message", BODY, 0)};

static const char *message_of(struct arena *a, const struct change *c, const char *otherwise)
{
    const char *given = field_body(c->node, "message");

    return given ? text_trim(a, given) : otherwise;
}

static bool output_sum(struct ctx *cx, struct change *c)
{
    const char *target = field(c->node, "target");

    c->sum_text_v8 = c->sum_text_v9 =
        unicode_nfc(cx->arena, arena_printf(cx->arena, "output:[\n    message=\"%s\"\n    target=\"%s\"\n]",
                                            message_of(cx->arena, c, ""), target ? target : "STDERR"));
    return true;
}

static bool generate_output(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    static const struct {
        const char *target;
        enum log_level level;
    } targets[] = {{"STDERR", LOG_INFO},  {"STDOUT", LOG_INFO}, {"FATAL", LOG_ERROR},
                   {"WARN", LOG_WARNING}, {"INFO", LOG_INFO},   {"DEBUG", LOG_DEBUG}};
    const char *target = field(c->node, "target");

    (void)env, (void)out;
    for (size_t i = 0; i < COUNT(targets); i++)
        if (!target || text_equal_nocase(target, targets[i].target)) {
            log_at(targets[i].level, "%s", message_of(cx->arena, c, ""));
            return true;
        }
    return change_fault(cx, c, node_child(c->node, "target"),
                        "the target \"%s\" is none of STDERR, STDOUT, FATAL, WARN, INFO, DEBUG", target);
}

#define STOP_MESSAGE "Stop command in changelog file"

static bool stop_sum(struct ctx *cx, struct change *c)
{
    c->sum_text_v8 = c->sum_text_v9 = unicode_nfc(
        cx->arena, arena_printf(cx->arena, "stop:[\n    message=\"%s\"\n]", message_of(cx->arena, c, STOP_MESSAGE)));
    return true;
}

static bool generate_stop(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    (void)env, (void)out;
    fail(cx, E_GUARD, "the changelog says stop: %s", message_of(cx->arena, c, STOP_MESSAGE));
    err_place(cx, c->file, c->line, c->column);
    return false;
}

/* ---- the table ---- */

#define PRO(type)                                                                                              \
    {                                                                                                          \
        .name = type, .refused = "this change type is Liquibase Pro's, and is not known here; write it as sql" \
    }

const struct change_type types_other[] = {
    {.name = "sql", .fields = sql_fields, .n_fields = COUNT(sql_fields), .load = load_sql},
    {.name = "sqlFile", .fields = sql_file_fields, .n_fields = COUNT(sql_file_fields), .load = load_sql_file},
    {.name = "createProcedure",
     .fields = create_procedure,
     .n_fields = COUNT(create_procedure),
     .load = load_create_procedure,
     .generate = generate_create_procedure},
    {.name = "dropProcedure",
     .fields = drop_procedure,
     .n_fields = COUNT(drop_procedure),
     .generate = generate_drop_procedure},
    {.name = "tagDatabase",
     .fields = tag_database,
     .n_fields = COUNT(tag_database),
     .generate = nothing,
     .invert = nothing},
    {.name = "empty", .generate = nothing, .invert = nothing},
    {.name = "output",
     .fields = output_fields,
     .n_fields = COUNT(output_fields),
     .generate = generate_output,
     .invert = nothing,
     .sum = output_sum},
    {.name = "stop", .fields = stop_fields, .n_fields = COUNT(stop_fields), .generate = generate_stop, .sum = stop_sum},
    {.name = "executeCommand",
     .refused = "running programs from a changelog is not supported; make it a step of the pipeline"},
    {.name = "customChange", .refused = "it runs a Java class, which is not possible here; write it as sql"},
    PRO("addCheckConstraint"),
    PRO("createFunction"),
    PRO("createPackage"),
    PRO("createPackageBody"),
    PRO("createSynonym"),
    PRO("createTrigger"),
    PRO("disableCheckConstraint"),
    PRO("disableTrigger"),
    PRO("dropCheckConstraint"),
    PRO("dropFunction"),
    PRO("dropPackage"),
    PRO("dropPackageBody"),
    PRO("dropSynonym"),
    PRO("dropTrigger"),
    PRO("enableCheckConstraint"),
    PRO("enableTrigger"),
    PRO("markUnused"),
    PRO("renameTrigger"),
};
const size_t n_types_other = COUNT(types_other);
