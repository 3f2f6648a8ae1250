/* types_sequence.c - createSequence, alterSequence, dropSequence, renameSequence; see type.h. */
#include "ddl.h"

static const struct change_field create_sequence[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("sequenceName"),
    INTEGER_FIELD("startValue"),
    INTEGER_FIELD("incrementBy"),
    INTEGER_FIELD("minValue"),
    INTEGER_FIELD("maxValue"),
    INTEGER_FIELD("cacheSize"),
    TEXT_FIELD("dataType"),
    BOOLEAN_FIELD("cycle"),
    BOOLEAN_FIELD("ordered"),
    FIELD("ifNotExists", BOOLEAN, FIELD_IGNORED), /* it is always said */
};

static bool load_sequence(struct ctx *cx, const struct change_files *files, struct change *c)
{
    (void)files;
    return !field_set(c->node, "ordered") ||
           change_fault(cx, c, node_child(c->node, "ordered"), "PostgreSQL has no ordered sequences");
}

static const char *sequence_of(struct arena *a, const struct change_env *env, const struct change *c,
                               const char *name_field)
{
    return sql_table(a, env, field(c->node, "schemaName"), field(c->node, name_field));
}

static void add_number(struct arena *a, struct str *s, const struct change *c, const char *name, const char *keywords)
{
    if (field_set(c->node, name))
        str_addf(s, " %s %s", keywords, sql_integer(a, field(c->node, name)));
}

static bool generate_create_sequence(struct ctx *cx, const struct change_env *env, const struct change *c,
                                     struct str_list *out)
{
    struct arena *a = cx->arena;
    struct str s = str_new(a);

    str_addf(&s, "CREATE SEQUENCE  IF NOT EXISTS %s", sequence_of(a, env, c, "sequenceName"));
    if (field_set(c->node, "dataType"))
        str_addf(&s, " AS %s", field(c->node, "dataType"));
    add_number(a, &s, c, "startValue", "START WITH");
    add_number(a, &s, c, "incrementBy", "INCREMENT BY");
    add_number(a, &s, c, "minValue", "MINVALUE");
    add_number(a, &s, c, "maxValue", "MAXVALUE");
    if (field_set(c->node, "cacheSize") && !text_equal(sql_integer(a, field(c->node, "cacheSize")), "0"))
        add_number(a, &s, c, "cacheSize", "CACHE");
    if (field_bool(c->node, "cycle", false))
        str_add(&s, " CYCLE");
    *VEC_PUSH(a, out) = s.s;
    return true;
}

static bool drop(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    add_statement(cx->arena, out, "DROP SEQUENCE %s CASCADE", sequence_of(cx->arena, env, c, "sequenceName"));
    return true;
}

static const struct change_field alter_sequence[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("sequenceName"),
    FIELD("startValue", INTEGER, FIELD_IGNORED),
    INTEGER_FIELD("incrementBy"),
    INTEGER_FIELD("minValue"),
    INTEGER_FIELD("maxValue"),
    INTEGER_FIELD("cacheSize"),
    TEXT_FIELD("dataType"),
    BOOLEAN_FIELD("cycle"),
    BOOLEAN_FIELD("ordered"),
};

static bool generate_alter_sequence(struct ctx *cx, const struct change_env *env, const struct change *c,
                                    struct str_list *out)
{
    struct arena *a = cx->arena;
    struct str s = str_new(a);

    str_addf(&s, "ALTER SEQUENCE %s", sequence_of(a, env, c, "sequenceName"));
    if (field_set(c->node, "dataType"))
        str_addf(&s, " AS %s", field(c->node, "dataType"));
    add_number(a, &s, c, "incrementBy", "INCREMENT BY");
    add_number(a, &s, c, "minValue", "MINVALUE");
    add_number(a, &s, c, "maxValue", "MAXVALUE");
    if (field_set(c->node, "cacheSize") && text_equal(sql_integer(a, field(c->node, "cacheSize")), "0"))
        str_add(&s, " NOCACHE");
    else
        add_number(a, &s, c, "cacheSize", "CACHE");
    if (field_set(c->node, "cycle"))
        str_add(&s, field_bool(c->node, "cycle", false) ? " CYCLE" : " NO CYCLE");
    *VEC_PUSH(a, out) = s.s;
    return true;
}

static const struct change_field drop_sequence[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("sequenceName"),
    FIELD("startValue", TEXT, FIELD_IGNORED),
    FIELD("incrementBy", TEXT, FIELD_IGNORED),
    FIELD("minValue", TEXT, FIELD_IGNORED),
    FIELD("maxValue", TEXT, FIELD_IGNORED),
    FIELD("cacheSize", TEXT, FIELD_IGNORED),
    FIELD("dataType", TEXT, FIELD_IGNORED),
    FIELD("cycle", TEXT, FIELD_IGNORED),
    FIELD("ordered", TEXT, FIELD_IGNORED),
};

static const struct change_field rename_sequence[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("oldSequenceName"),
    REQUIRED_FIELD("newSequenceName"),
};

static bool generate_rename_sequence(struct ctx *cx, const struct change_env *env, const struct change *c,
                                     struct str_list *out)
{
    add_statement(cx->arena, out, "ALTER SEQUENCE %s RENAME TO %s", sequence_of(cx->arena, env, c, "oldSequenceName"),
                  sql_name(cx->arena, env, field(c->node, "newSequenceName")));
    return true;
}

static bool invert_rename_sequence(struct ctx *cx, const struct change_env *env, const struct change *c,
                                   struct str_list *out)
{
    add_statement(cx->arena, out, "ALTER SEQUENCE %s RENAME TO %s", sequence_of(cx->arena, env, c, "newSequenceName"),
                  sql_name(cx->arena, env, field(c->node, "oldSequenceName")));
    return true;
}

const struct change_type types_sequence[] = {
    {.name = "createSequence",
     .fields = create_sequence,
     .n_fields = COUNT(create_sequence),
     .load = load_sequence,
     .generate = generate_create_sequence,
     .invert = drop},
    {.name = "alterSequence",
     .fields = alter_sequence,
     .n_fields = COUNT(alter_sequence),
     .load = load_sequence,
     .generate = generate_alter_sequence},
    {.name = "dropSequence", .fields = drop_sequence, .n_fields = COUNT(drop_sequence), .generate = drop},
    {.name = "renameSequence",
     .fields = rename_sequence,
     .n_fields = COUNT(rename_sequence),
     .generate = generate_rename_sequence,
     .invert = invert_rename_sequence},
};
const size_t n_types_sequence = COUNT(types_sequence);
