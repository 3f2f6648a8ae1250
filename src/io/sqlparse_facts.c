/* sqlparse_facts.c - from a statement's tree, as libpg_query prints it, to the facts of sqlparse.h.
 *
 * Members that hold one sort of node have it bare ("relation":{…}), the others wrapped in its name ("val":{"FuncCall":{…}}). False and null
 * members are left out. */
#include <ctype.h>
#include <string.h>

#include "dbstep/str.h"
#include "sqlparse_internal.h"

struct reader {
    struct arena *arena;
    struct sqlparse_statement *out;
    const char *schema; /* of what is made inside CREATE SCHEMA, else "" */
};

/* ---- trees ---- */

static const char *text(struct reader *r, const struct json *o, const char *key)
{
    const char *s = json_get_text(o, key, "");
    return *s ? arena_strdup(r->arena, s) : "";
}

static bool is(const struct json *o, const char *key)
{
    return json_is_true(json_get(o, key));
}

/* The bare node of {"Name":{…}} when it has that name, else NULL. */
static const struct json *unwrap(const struct json *wrapped, const char *name)
{
    return wrapped ? json_get(wrapped, name) : NULL;
}

static const char *string_of(struct reader *r, const struct json *wrapped)
{
    return text(r, unwrap(wrapped, "String"), "sval");
}

/* a, a.b or a.b.c, as a list of strings. */
static void name_of(struct reader *r, const struct json *list, const char **schema, const char **name)
{
    *schema = *name = "";
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        *schema = *name;
        *name = string_of(r, v);
    }
}

static struct sqlparse_fact *fact(struct reader *r, enum sqlparse_fact_kind kind, enum sqlparse_object object)
{
    struct sqlparse_fact *f = VEC_PUSH(r->arena, &r->out->facts);
    *f = (struct sqlparse_fact){
        .kind = kind, .object = object, .schema = "", .name = "", .part = "", .to_schema = "", .to = "", .detail = ""};
    return f;
}

static struct sqlparse_fact *about(struct reader *r, enum sqlparse_fact_kind kind, enum sqlparse_object object,
                                   const struct json *relation)
{
    struct sqlparse_fact *f = fact(r, kind, object);
    const char *persistence = json_get_text(relation, "relpersistence", "p");
    f->schema = text(r, relation, "schemaname");
    f->name = text(r, relation, "relname");
    f->temporary = *persistence == 't' || text_equal(f->schema, "pg_temp");
    f->unlogged = *persistence == 'u';
    if (!*f->schema && !f->temporary)
        f->schema = r->schema;
    return f;
}

static enum sqlparse_object object_of(const char *type)
{
    static const struct {
        const char *name;
        enum sqlparse_object object;
    } objects[] = {
        {"OBJECT_TABLE", SQLPARSE_TABLE},       {"OBJECT_VIEW", SQLPARSE_VIEW},
        {"OBJECT_MATVIEW", SQLPARSE_MATVIEW},   {"OBJECT_FOREIGN_TABLE", SQLPARSE_FOREIGN_TABLE},
        {"OBJECT_SEQUENCE", SQLPARSE_SEQUENCE}, {"OBJECT_INDEX", SQLPARSE_INDEX},
        {"OBJECT_SCHEMA", SQLPARSE_NAMESPACE},
    };
    for (size_t i = 0; i < COUNT(objects); i++)
        if (text_equal(type, objects[i].name))
            return objects[i].object;
    return SQLPARSE_OBJECT_OTHER;
}

static const char *constraint_type(const char *contype)
{
    static const struct {
        const char *contype, *name;
    } types[] = {
        {"CONSTR_CHECK", "check"},         {"CONSTR_PRIMARY", "primary key"}, {"CONSTR_UNIQUE", "unique"},
        {"CONSTR_FOREIGN", "foreign key"}, {"CONSTR_EXCLUSION", "exclusion"}, {"CONSTR_NOTNULL", "not null"},
    };
    for (size_t i = 0; i < COUNT(types); i++)
        if (text_equal(contype, types[i].contype))
            return types[i].name;
    return NULL;
}

/* ---- relations that come, go and change ---- */

static void dispatch(struct reader *r, const struct json *wrapped);

static void create(struct reader *r, const struct json *n)
{
    struct sqlparse_fact *f = about(r, SQLPARSE_RELATION_ADDED, SQLPARSE_TABLE, json_get(n, "relation"));
    f->conditional = is(n, "if_not_exists");
    f->partition = json_get(n, "partbound") != NULL;
}

static void create_foreign(struct reader *r, const struct json *n)
{
    const struct json *base = json_get(n, "base");
    struct sqlparse_fact *f = about(r, SQLPARSE_RELATION_ADDED, SQLPARSE_FOREIGN_TABLE, json_get(base, "relation"));
    f->conditional = is(base, "if_not_exists");
    f->partition = json_get(base, "partbound") != NULL;
}

static void create_as(struct reader *r, const struct json *n)
{
    const struct json *rel = json_get(json_get(n, "into"), "rel");
    about(r, SQLPARSE_RELATION_ADDED, object_of(json_get_text(n, "objtype", json_get_text(n, "relkind", ""))), rel)
        ->conditional = is(n, "if_not_exists");
    if (unwrap(json_get(n, "query"), "ExecuteStmt"))
        r->out->unseen = "it runs a prepared statement";
}

static void create_view(struct reader *r, const struct json *n)
{
    about(r, SQLPARSE_RELATION_ADDED, SQLPARSE_VIEW, json_get(n, "view"));
}

static void create_sequence(struct reader *r, const struct json *n)
{
    about(r, SQLPARSE_RELATION_ADDED, SQLPARSE_SEQUENCE, json_get(n, "sequence"))->conditional = is(n, "if_not_exists");
}

static void create_index(struct reader *r, const struct json *n)
{
    struct sqlparse_fact *f = about(r, SQLPARSE_INDEX_ADDED, SQLPARSE_TABLE, json_get(n, "relation"));
    f->part = text(r, n, "idxname");
    f->detail = is(n, "unique") ? "unique" : "";
    f->conditional = is(n, "if_not_exists");
    f->concurrently = is(n, "concurrent");
}

static void hook(struct reader *r, const struct json *relation, const char *what, const char *name)
{
    struct sqlparse_fact *f = about(r, SQLPARSE_HOOK_ADDED, SQLPARSE_TABLE, relation);
    f->part = name;
    f->detail = what;
}

static void create_trigger(struct reader *r, const struct json *n)
{
    hook(r, json_get(n, "relation"), "trigger", text(r, n, "trigname"));
}

static void create_rule(struct reader *r, const struct json *n)
{
    hook(r, json_get(n, "relation"), "rule", text(r, n, "rulename"));
}

static void create_policy(struct reader *r, const struct json *n)
{
    hook(r, json_get(n, "table"), "policy", text(r, n, "policy_name"));
}

static void create_schema(struct reader *r, const struct json *n)
{
    struct sqlparse_fact *f = fact(r, SQLPARSE_RELATION_ADDED, SQLPARSE_NAMESPACE);
    f->name = text(r, n, "schemaname");
    f->conditional = is(n, "if_not_exists");
    r->schema = f->name;
    for (const struct json *v = json_first(json_get(n, "schemaElts")); v; v = json_next(v))
        dispatch(r, v);
    r->schema = "";
}

static void constraint(struct reader *r, const struct json *relation, enum sqlparse_object object, const struct json *c)
{
    const char *type = constraint_type(json_get_text(c, "contype", ""));
    if (!type)
        return;
    struct sqlparse_fact *f = about(r, SQLPARSE_CONSTRAINT_ADDED, object, relation);
    f->part = text(r, c, "conname");
    f->detail = type;
    f->not_valid = is(c, "skip_validation");
}

static void add_column(struct reader *r, const struct json *relation, enum sqlparse_object object,
                       const struct json *cmd)
{
    const struct json *column = unwrap(json_get(cmd, "def"), "ColumnDef");
    struct sqlparse_fact *f = about(r, SQLPARSE_COLUMN_ADDED, object, relation);
    const char *name = text(r, column, "colname");

    f->part = name;
    f->conditional = is(cmd, "missing_ok");
    for (const struct json *v = json_first(json_get(column, "constraints")); v; v = json_next(v)) {
        const struct json *c = unwrap(v, "Constraint");
        const char *type = json_get_text(c, "contype", "");
        if (text_equal(type, "CONSTR_NOTNULL"))
            about(r, SQLPARSE_NOT_NULL_SET, object, relation)->part = name;
        else if (text_equal(type, "CONSTR_DEFAULT") || text_equal(type, "CONSTR_GENERATED") ||
                 text_equal(type, "CONSTR_IDENTITY"))
            about(r, SQLPARSE_DEFAULT_SET, object, relation)->part = name;
        else
            constraint(r, relation, object, c);
    }
}

static void partition(struct reader *r, const struct json *relation, enum sqlparse_fact_kind kind,
                      const struct json *cmd)
{
    const struct json *name = json_get(unwrap(json_get(cmd, "def"), "PartitionCmd"), "name");
    struct sqlparse_fact *f = about(r, kind, SQLPARSE_TABLE, relation);
    f->to_schema = text(r, name, "schemaname");
    f->to = text(r, name, "relname");
}

static void alter_table(struct reader *r, const struct json *n)
{
    static const struct {
        const char *subtype;
        enum sqlparse_fact_kind kind;
    } simple[] = {
        {"AT_DropColumn", SQLPARSE_COLUMN_DROPPED},         {"AT_AlterColumnType", SQLPARSE_COLUMN_RETYPED},
        {"AT_SetNotNull", SQLPARSE_NOT_NULL_SET},           {"AT_DropNotNull", SQLPARSE_NOT_NULL_DROPPED},
        {"AT_AddIdentity", SQLPARSE_DEFAULT_SET},           {"AT_DropIdentity", SQLPARSE_DEFAULT_DROPPED},
        {"AT_DropConstraint", SQLPARSE_CONSTRAINT_DROPPED}, {"AT_ValidateConstraint", SQLPARSE_CONSTRAINT_VALIDATED},
    };
    const struct json *relation = json_get(n, "relation");
    enum sqlparse_object object = object_of(json_get_text(n, "objtype", json_get_text(n, "relkind", "")));

    for (const struct json *v = json_first(json_get(n, "cmds")); v; v = json_next(v)) {
        const struct json *cmd = unwrap(v, "AlterTableCmd");
        const char *subtype = json_get_text(cmd, "subtype", "");
        size_t i = 0, from = r->out->facts.n;

        while (i < COUNT(simple) && !text_equal(subtype, simple[i].subtype))
            i++;
        if (i < COUNT(simple)) {
            struct sqlparse_fact *f = about(r, simple[i].kind, object, relation);
            f->part = text(r, cmd, "name");
            f->conditional = is(cmd, "missing_ok");
            f->cascade = text_equal(json_get_text(cmd, "behavior", ""), "DROP_CASCADE");
        } else if (text_equal(subtype, "AT_AddColumn")) {
            add_column(r, relation, object, cmd);
        } else if (text_equal(subtype, "AT_ColumnDefault")) {
            about(r, json_get(cmd, "def") ? SQLPARSE_DEFAULT_SET : SQLPARSE_DEFAULT_DROPPED, object, relation)->part =
                text(r, cmd, "name");
        } else if (text_equal(subtype, "AT_AddConstraint")) {
            constraint(r, relation, object, unwrap(json_get(cmd, "def"), "Constraint"));
        } else if (text_equal(subtype, "AT_AttachPartition")) {
            partition(r, relation, SQLPARSE_PARTITION_ATTACHED, cmd);
        } else if (text_equal(subtype, "AT_DetachPartition")) {
            partition(r, relation, SQLPARSE_PARTITION_DETACHED, cmd);
        } else {
            about(r, SQLPARSE_OTHER_ACTION, object, relation)->detail = text(r, cmd, "subtype");
        }
        for (size_t f = from; is(n, "missing_ok") && f < r->out->facts.n; f++)
            r->out->facts.at[f].conditional = true;
    }
}

static void rename_object(struct reader *r, const struct json *n)
{
    const struct json *relation = json_get(n, "relation");
    const char *what = json_get_text(n, "renameType", "");
    enum sqlparse_object object = object_of(what);
    struct sqlparse_fact *f;

    if (text_equal(what, "OBJECT_COLUMN") || text_equal(what, "OBJECT_ATTRIBUTE")) {
        f = about(r, SQLPARSE_COLUMN_RENAMED, object_of(json_get_text(n, "relationType", "")), relation);
        f->part = text(r, n, "subname");
    } else if (text_equal(what, "OBJECT_TABCONSTRAINT")) {
        f = about(r, SQLPARSE_CONSTRAINT_RENAMED, SQLPARSE_TABLE, relation);
        f->part = text(r, n, "subname");
    } else if (object == SQLPARSE_NAMESPACE) {
        f = fact(r, SQLPARSE_RELATION_RENAMED, object);
        f->name = text(r, n, "subname");
    } else if (object != SQLPARSE_OBJECT_OTHER) {
        f = about(r, SQLPARSE_RELATION_RENAMED, object, relation);
    } else {
        return;
    }
    f->to = text(r, n, "newname");
    f->conditional = is(n, "missing_ok");
}

static void set_schema(struct reader *r, const struct json *n)
{
    enum sqlparse_object object = object_of(json_get_text(n, "objectType", ""));
    if (object == SQLPARSE_OBJECT_OTHER)
        return;
    struct sqlparse_fact *f = about(r, SQLPARSE_RELATION_MOVED, object, json_get(n, "relation"));
    f->to = text(r, n, "newschema");
    f->conditional = is(n, "missing_ok");
}

/* DROP TRIGGER x ON a.t names a.t.x. */
static bool drop_hook(struct reader *r, const struct json *n, const char *type)
{
    static const char *const types[] = {"OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY"};
    static const char *const names[] = {"trigger", "rule", "policy"};
    size_t i = 0;

    while (i < COUNT(types) && !text_equal(type, types[i]))
        i++;
    if (i == COUNT(types))
        return false;
    const struct json *path = json_get(unwrap(json_first(json_get(n, "objects")), "List"), "items");
    struct sqlparse_fact *f = fact(r, SQLPARSE_HOOK_DROPPED, SQLPARSE_TABLE);
    for (const struct json *v = json_first(path); v; v = json_next(v)) {
        f->schema = f->name;
        f->name = f->part;
        f->part = string_of(r, v);
    }
    f->detail = names[i];
    f->conditional = is(n, "missing_ok");
    return true;
}

static void drop(struct reader *r, const struct json *n)
{
    enum sqlparse_object object = object_of(json_get_text(n, "removeType", ""));
    if (drop_hook(r, n, json_get_text(n, "removeType", "")) || object == SQLPARSE_OBJECT_OTHER)
        return;
    for (const struct json *v = json_first(json_get(n, "objects")); v; v = json_next(v)) {
        struct sqlparse_fact *f = fact(r, SQLPARSE_RELATION_DROPPED, object);
        if (object == SQLPARSE_NAMESPACE)
            f->name = string_of(r, v);
        else
            name_of(r, json_get(unwrap(v, "List"), "items"), &f->schema, &f->name);
        f->conditional = is(n, "missing_ok");
        f->concurrently = is(n, "concurrent");
        f->cascade = text_equal(json_get_text(n, "behavior", ""), "DROP_CASCADE");
    }
}

/* ---- rows ---- */

/* WITH x AS (UPDATE …): the statement's own kind stays, unless it only reads. */
static void with(struct reader *r, const struct json *n)
{
    for (const struct json *v = json_first(json_get(json_get(n, "withClause"), "ctes")); v; v = json_next(v)) {
        const struct json *query = json_get(unwrap(v, "CommonTableExpr"), "ctequery");
        if (query && !unwrap(query, "SelectStmt")) {
            enum sqlparse_kind kind = r->out->kind;
            dispatch(r, query);
            if (kind != SQLPARSE_QUERY)
                r->out->kind = kind;
        }
    }
}

static void insert(struct reader *r, const struct json *n)
{
    const struct json *relation = json_get(n, "relation"), *conflict = json_get(n, "onConflictClause");
    about(r, SQLPARSE_ROWS_INSERTED, SQLPARSE_TABLE, relation);
    for (const struct json *v = json_first(json_get(conflict, "targetList")); v; v = json_next(v))
        about(r, SQLPARSE_ROWS_UPDATED, SQLPARSE_TABLE, relation)->part = text(r, unwrap(v, "ResTarget"), "name");
    with(r, n);
}

static void update(struct reader *r, const struct json *n)
{
    for (const struct json *v = json_first(json_get(n, "targetList")); v; v = json_next(v))
        about(r, SQLPARSE_ROWS_UPDATED, SQLPARSE_TABLE, json_get(n, "relation"))->part =
            text(r, unwrap(v, "ResTarget"), "name");
    with(r, n);
}

static void delete_rows(struct reader *r, const struct json *n)
{
    about(r, SQLPARSE_ROWS_DELETED, SQLPARSE_TABLE, json_get(n, "relation"));
    with(r, n);
}

static void truncate_rows(struct reader *r, const struct json *n)
{
    for (const struct json *v = json_first(json_get(n, "relations")); v; v = json_next(v))
        about(r, SQLPARSE_ROWS_DELETED, SQLPARSE_TABLE, unwrap(v, "RangeVar"))->cascade =
            text_equal(json_get_text(n, "behavior", ""), "DROP_CASCADE");
}

static void merge(struct reader *r, const struct json *n)
{
    static const enum sqlparse_fact_kind kinds[] = {SQLPARSE_ROWS_INSERTED, SQLPARSE_ROWS_UPDATED,
                                                    SQLPARSE_ROWS_DELETED};
    static const char *const commands[] = {"CMD_INSERT", "CMD_UPDATE", "CMD_DELETE"};
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (const struct json *v = json_first(json_get(n, "mergeWhenClauses")); v; v = json_next(v))
            if (text_equal(json_get_text(unwrap(v, "MergeWhenClause"), "commandType", ""), commands[k])) {
                about(r, kinds[k], SQLPARSE_TABLE, json_get(n, "relation"));
                break;
            }
    with(r, n);
}

static void copy(struct reader *r, const struct json *n)
{
    if (is(n, "is_from"))
        about(r, SQLPARSE_ROWS_INSERTED, SQLPARSE_TABLE, json_get(n, "relation"));
    else
        r->out->kind = SQLPARSE_QUERY;
    if (is(n, "is_program"))
        r->out->unseen = "it runs a program on the server";
}

static void select_rows(struct reader *r, const struct json *n)
{
    with(r, n);
    while (json_get(n, "larg")) /* INTO stands in the leftmost arm */
        n = json_get(n, "larg");
    const struct json *into = json_get(json_get(n, "intoClause"), "rel");
    if (into) {
        r->out->kind = SQLPARSE_SCHEMA;
        about(r, SQLPARSE_RELATION_ADDED, SQLPARSE_TABLE, into);
    }
    for (const struct json *v = json_first(json_get(n, "targetList")); v; v = json_next(v)) {
        const struct json *call = unwrap(json_get(unwrap(v, "ResTarget"), "val"), "FuncCall");
        const char *schema, *name;
        if (!call || json_get(n, "fromClause"))
            continue;
        name_of(r, json_get(call, "funcname"), &schema, &name);
        if (!text_equal(name, "setval") && !text_equal(name, "nextval"))
            r->out->unseen = arena_printf(r->arena, "it calls the function %s, which may do anything", name);
    }
}

/* ---- the session ---- */

static void set_variable(struct reader *r, const struct json *n)
{
    const struct json *first = json_first(json_get(n, "args"));
    if (!text_equal(json_get_text(n, "name", ""), "search_path"))
        return;
    struct sqlparse_fact *f = fact(r, SQLPARSE_PATH_SET, SQLPARSE_NAMESPACE);
    const struct json *constant = unwrap(first, "A_Const");
    f->name = text(r, json_get(constant, "sval"), "sval");
}

/* ---- statements ---- */

static void code(struct reader *r, const struct json *n)
{
    (void)n;
    r->out->unseen = "what it does shows only when it runs";
}

static void extension(struct reader *r, const struct json *n)
{
    r->out->unseen = arena_printf(r->arena, "the extension %s brings objects of its own", text(r, n, "extname"));
}

static void owned(struct reader *r, const struct json *n)
{
    (void)n;
    r->out->unseen = "it drops whatever a role owns";
}

static const struct {
    const char *node;
    enum sqlparse_kind kind;
    void (*read)(struct reader *r, const struct json *n);
} nodes[] = {
    {"CreateStmt", SQLPARSE_SCHEMA, create},
    {"CreateForeignTableStmt", SQLPARSE_SCHEMA, create_foreign},
    {"CreateTableAsStmt", SQLPARSE_SCHEMA, create_as},
    {"ViewStmt", SQLPARSE_SCHEMA, create_view},
    {"CreateSeqStmt", SQLPARSE_SCHEMA, create_sequence},
    {"IndexStmt", SQLPARSE_SCHEMA, create_index},
    {"CreateSchemaStmt", SQLPARSE_SCHEMA, create_schema},
    {"AlterTableStmt", SQLPARSE_SCHEMA, alter_table},
    {"RenameStmt", SQLPARSE_SCHEMA, rename_object},
    {"AlterObjectSchemaStmt", SQLPARSE_SCHEMA, set_schema},
    {"DropStmt", SQLPARSE_SCHEMA, drop},
    {"DropOwnedStmt", SQLPARSE_SCHEMA, owned},
    {"CreateExtensionStmt", SQLPARSE_SCHEMA, extension},
    {"AlterExtensionStmt", SQLPARSE_SCHEMA, extension},
    {"DefineStmt", SQLPARSE_SCHEMA, NULL},
    {"CreateTrigStmt", SQLPARSE_SCHEMA, create_trigger},
    {"RuleStmt", SQLPARSE_SCHEMA, create_rule},
    {"CreatePolicyStmt", SQLPARSE_SCHEMA, create_policy},
    {"CompositeTypeStmt", SQLPARSE_SCHEMA, NULL},
    {"ImportForeignSchemaStmt", SQLPARSE_SCHEMA, NULL},
    {"RefreshMatViewStmt", SQLPARSE_OTHER, NULL},
    {"InsertStmt", SQLPARSE_DATA, insert},
    {"UpdateStmt", SQLPARSE_DATA, update},
    {"DeleteStmt", SQLPARSE_DATA, delete_rows},
    {"MergeStmt", SQLPARSE_DATA, merge},
    {"TruncateStmt", SQLPARSE_DATA, truncate_rows},
    {"CopyStmt", SQLPARSE_DATA, copy},
    {"SelectStmt", SQLPARSE_QUERY, select_rows},
    {"ExplainStmt", SQLPARSE_QUERY, NULL},
    {"VariableShowStmt", SQLPARSE_QUERY, NULL},
    {"DeclareCursorStmt", SQLPARSE_QUERY, NULL},
    {"FetchStmt", SQLPARSE_QUERY, NULL},
    {"ClosePortalStmt", SQLPARSE_QUERY, NULL},
    {"DoStmt", SQLPARSE_CODE, code},
    {"CallStmt", SQLPARSE_CODE, code},
    {"ExecuteStmt", SQLPARSE_CODE, code},
    {"TransactionStmt", SQLPARSE_TRANSACTION, NULL},
    {"ConstraintsSetStmt", SQLPARSE_TRANSACTION, NULL},
    {"VariableSetStmt", SQLPARSE_SESSION, set_variable},
    {"PrepareStmt", SQLPARSE_SESSION, NULL},
    {"DeallocateStmt", SQLPARSE_SESSION, NULL},
    {"DiscardStmt", SQLPARSE_SESSION, NULL},
    {"ListenStmt", SQLPARSE_SESSION, NULL},
    {"UnlistenStmt", SQLPARSE_SESSION, NULL},
    {"NotifyStmt", SQLPARSE_SESSION, NULL},
    {"LoadStmt", SQLPARSE_SESSION, NULL},
};

static void dispatch(struct reader *r, const struct json *wrapped)
{
    const struct json *node = json_first(wrapped);
    const char *name = node ? json_key(node) : "";
    size_t i = 0;

    while (i < COUNT(nodes) && !text_equal(name, nodes[i].node))
        i++;
    if (i < COUNT(nodes)) {
        r->out->kind = nodes[i].kind;
        if (nodes[i].read)
            nodes[i].read(r, node);
    } else {
        bool schema = text_starts(name, "Create") || text_starts(name, "Alter") || text_starts(name, "Drop");
        r->out->kind = schema ? SQLPARSE_SCHEMA : SQLPARSE_OTHER;
    }
}

void sqlparse_read(struct arena *a, const struct json *tree, struct sqlparse_statement *out)
{
    struct reader r = {.arena = a, .out = out, .schema = ""};
    dispatch(&r, tree);
}

/* ---- without a tree ---- */

static const char *next_word(struct arena *a, const char **s, size_t *len)
{
    size_t skip = sqlparse_leading(*s, *len), n = 0;
    const char *from = *s + skip;
    *len -= skip;
    while (n < *len && n < 32 && (isalpha((unsigned char)from[n]) || from[n] == '_'))
        n++;
    *s = from + n;
    *len -= n;
    return text_upper(a, arena_strndup(a, from, n));
}

void sqlparse_guess(struct arena *a, const char *sql, size_t len, struct sqlparse_statement *out)
{
    static const struct {
        enum sqlparse_kind kind;
        const char *words;
    } kinds[] = {
        {SQLPARSE_SCHEMA, " CREATE ALTER DROP "},
        {SQLPARSE_DATA, " INSERT UPDATE DELETE MERGE TRUNCATE COPY "},
        {SQLPARSE_QUERY, " SELECT VALUES TABLE SHOW EXPLAIN FETCH DECLARE CLOSE MOVE "},
        {SQLPARSE_CODE, " DO CALL EXECUTE "},
        {SQLPARSE_TRANSACTION, " BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE "},
        {SQLPARSE_SESSION, " SET RESET DISCARD LISTEN UNLISTEN NOTIFY PREPARE DEALLOCATE LOAD "},
        {SQLPARSE_OTHER, " COMMENT GRANT REVOKE VACUUM ANALYZE ANALYSE CLUSTER REINDEX LOCK CHECKPOINT SECURITY "},
    };
    static const char fillers[] = " OR REPLACE TEMP TEMPORARY UNLOGGED GLOBAL LOCAL UNIQUE RECURSIVE ";
    static const char halves[] = " MATERIALIZED FOREIGN EVENT TEXT ACCESS DEFAULT USER ";
    const char *verb = next_word(a, &sql, &len), *word = "";

    out->kind = SQLPARSE_UNKNOWN;
    out->verb = verb;
    if (!*verb)
        return;
    const char *spaced = arena_printf(a, " %s ", verb);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strstr(kinds[i].words, spaced))
            out->kind = kinds[i].kind;
    if (out->kind == SQLPARSE_CODE)
        out->unseen = "what it does shows only when it runs";
    if (out->kind != SQLPARSE_SCHEMA)
        return;
    do {
        word = next_word(a, &sql, &len);
    } while (*word && strstr(fillers, arena_printf(a, " %s ", word)));
    out->verb = *word ? arena_printf(a, "%s %s", verb, word) : verb;
    if (*word && strstr(halves, arena_printf(a, " %s ", word)) && *(word = next_word(a, &sql, &len)))
        out->verb = arena_printf(a, "%s %s", out->verb, word);
}
