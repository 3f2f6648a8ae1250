/* neutral.c - a copy that keeps quiet; see neutral.h. */
#include "neutral.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/str.h"
#include "tree.h"

struct setting {
    const char *name, *value;
    int since; /* server version */
};

static const struct setting quiet[] = {
    {"archive_mode", "off", 0},
    {"archive_command", "", 0},
    {"archive_library", "", 150000},
    {"synchronous_standby_names", "", 0},
    {"synchronized_standby_slots", "", 170000},
    {"primary_conninfo", "", 0},
    {"primary_slot_name", "", 0},
    {"restore_command", "", 0},
    {"recovery_target_timeline", "latest", 0},
    {"max_logical_replication_workers", "0",
     0}, /* subscriptions would take over production's slots at their publisher */
    {"cron.launch_active_jobs", "off",
     0}, /* of pg_cron; a name with a dot is accepted when the library is not loaded */
};

/* A configuration value in quotes, as the server's parser reads it: quotes doubled, backslashes too. */
static void add_setting(struct str *out, const char *name, const char *value)
{
    str_addf(out, "%s = '", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\'' || *p == '\\')
            str_addc(out, *p);
        str_addc(out, *p);
    }
    str_add(out, "'\n");
}

static bool is_setting_name(const char *s, size_t n)
{
    if (!n || (s[0] >= '0' && s[0] <= '9'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9') &&
            s[i] != '_' && s[i] != '.')
            return false;
    return true;
}

static bool add_users_settings(struct ctx *cx, const struct clone_request *q, struct str *out)
{
    for (size_t i = 0; i < q->clone_settings.n; i++) {
        const char *pair = q->clone_settings.at[i], *equals = strchr(pair, '=');
        char *name = equals ? text_trim(cx->arena, arena_strndup(cx->arena, pair, (size_t)(equals - pair))) : NULL;
        char *value = equals ? text_trim(cx->arena, equals + 1) : NULL;
        if (!name || !is_setting_name(name, strlen(name)) || strpbrk(value, "\r\n"))
            return fail(cx, E_INPUT, "clone_settings wants NAME=VALUE, not '%s'", pair);
        size_t n = strlen(value);
        if (n >= 2 && value[0] == '\'' && value[n - 1] == '\'')
            value = arena_strndup(cx->arena, value + 1, n - 2);
        add_setting(out, name, value);
    }
    return true;
}

static bool remove_if_there(struct ctx *cx, struct clone_report *r, const char *data_dir, const char *name)
{
    const char *path = path_join(cx->arena, data_dir, name);
    if (unlink(path) == 0) {
        clone_note(cx, r, CLONE_NOTE, "clone-promoted",
                   "%s was removed: the copy starts as a server of its own, not as a standby", name);
        return true;
    }
    return errno == ENOENT || tree_fail(cx, "remove", path);
}

/* The old file without the settings that are switched off: primary_conninfo may hold the password of production's replication. */
static void add_old(struct str *out, const char *text, size_t len, bool neutralise)
{
    for (const char *end = text + len, *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line)), *next = newline ? newline + 1 : end;
        const char *name = line + strspn(line, " \t");
        size_t n = strcspn(name, " \t=\n");
        bool dropped = false;
        for (size_t i = 0; neutralise && i < COUNT(quiet); i++)
            dropped = dropped || (n == strlen(quiet[i].name) && strncasecmp(name, quiet[i].name, n) == 0);
        if (!dropped)
            str_addn(out, line, (size_t)(next - line));
        line = next;
    }
}

bool neutral_apply(struct ctx *cx, const struct clone_request *q, struct clone_report *r, const char *data_dir,
                   int server_version)
{
    const char *path = path_join(cx->arena, data_dir, "postgresql.auto.conf");
    struct str out = str_new(cx->arena);
    char *old;
    size_t len;

    if (file_exists(path)) {
        if (!file_read(cx, path, 16 << 20, &old, &len))
            return false;
        add_old(&out, old, len, q->neutralise);
        if (out.len && out.s[out.len - 1] != '\n')
            str_addc(&out, '\n');
    }
    size_t before = out.len;
    if (q->neutralise) {
        str_add(&out, "# A copy must not act as the server it was taken from.\n");
        for (size_t i = 0; i < COUNT(quiet); i++)
            if (server_version >= quiet[i].since)
                add_setting(&out, quiet[i].name, quiet[i].value);
        if (!remove_if_there(cx, r, data_dir, "standby.signal") || !remove_if_there(cx, r, data_dir, "recovery.signal"))
            return false;
    }
    if (!add_users_settings(cx, q, &out))
        return false;
    return out.len == before || file_write_private(cx, path, out.s, out.len);
}

bool neutral_write_config(struct ctx *cx, struct clone_report *r, const char *data_dir, const struct neutral_facts *f,
                          bool config_missing, bool hba_missing)
{
    if (config_missing) {
        struct str s = str_new(cx->arena);
        str_add(&s, "# The source keeps its configuration outside its data directory, so the copy came without one.\n"
                    "# These are the source's values of what a copy may need in order to start.\n");
        const struct setting settings[] = {{"max_connections", f->max_connections, 0},
                                           {"max_prepared_transactions", f->max_prepared_transactions, 0},
                                           {"max_locks_per_transaction", f->max_locks_per_transaction, 0},
                                           {"max_worker_processes", f->max_worker_processes, 0},
                                           {"shared_preload_libraries", f->shared_preload_libraries, 0}};
        for (size_t i = 0; i < COUNT(settings); i++)
            if (!text_empty(settings[i].value))
                add_setting(&s, settings[i].name, settings[i].value);
        str_add(&s, "listen_addresses = '*'\n");
        if (!file_write_private(cx, path_join(cx->arena, data_dir, "postgresql.conf"), s.s, s.len))
            return false;
    }
    if (hba_missing) {
        /* md5 lets passwords stored either way in: it becomes SCRAM by itself where the stored password is one. */
        static const char hba[] = "# The source keeps its own pg_hba.conf outside its data directory.\n"
                                  "local all all peer\n"
                                  "host all all all md5\n";
        if (!file_write_private(cx, path_join(cx->arena, data_dir, "pg_hba.conf"), hba, sizeof hba - 1))
            return false;
    }
    if (config_missing || hba_missing) {
        struct clone_note *n =
            clone_note(cx, r, CLONE_WARNING, "clone-config-written",
                       "the source keeps %s%s%s outside its data directory; a minimal one was written into the copy",
                       config_missing ? "postgresql.conf" : "", config_missing && hba_missing ? " and " : "",
                       hba_missing ? "pg_hba.conf" : "");
        n->hint =
            "mount the configuration that the copy shall have, or add settings with clone_settings; set write_config: false when the server brings its own";
    }
    return true;
}

bool neutral_look_at_config(struct ctx *cx, struct clone_report *r, const char *data_dir)
{
    static const char *const leading_out[] = {"data_directory",    "hba_file",      "ident_file",
                                              "include",           "include_dir",   "include_if_exists",
                                              "external_pid_file", "log_directory", "unix_socket_directories",
                                              "ssl_cert_file",     "ssl_key_file",  "ssl_ca_file"};
    const char *path = path_join(cx->arena, data_dir, "postgresql.conf");
    struct str found = str_new(cx->arena);
    char *content;
    size_t len;

    if (!file_exists(path))
        return true;
    if (!file_read(cx, path, 16 << 20, &content, &len))
        return false;
    for (char *line = content; *line;) {
        size_t n = strcspn(line, "\n");
        const char *p = line + strspn(line, " \t");
        size_t name = strcspn(p, " \t=#\n");
        const char *value = p + name + strspn(p + name, " \t='");
        for (size_t i = 0; i < COUNT(leading_out); i++)
            if (name == strlen(leading_out[i]) && strncasecmp(p, leading_out[i], name) == 0 && *value == '/')
                str_addf(&found, "%s%s = %.*s", found.len ? ", " : "", leading_out[i], (int)strcspn(value, "'\n"),
                         value);
        line += n + (line[n] == '\n');
    }
    if (found.len) {
        struct clone_note *note =
            clone_note(cx, r, CLONE_WARNING, "clone-config-points-outside",
                       "the copied postgresql.conf names files outside the data directory: %s", found.s);
        note->hint =
            "the copy's server will look for them too: provide them there, or override the settings with clone_settings or on its command line";
    }
    return true;
}
