/* load.c - the folders of migrations: what is in them, their checksums, the settings beside them. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/hash.h"
#include "dbstep/log.h"
#include "flyway_internal.h"

enum { DEPTH_MAX = 32 };

int flyway_checksum(const char *text, size_t len)
{
    uint32_t crc = 0;
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3, len -= 3;
    for (const char *end = text + len; text < end;) {
        size_t n = 0, left = (size_t)(end - text);
        while (n < left && text[n] != '\n' && text[n] != '\r')
            n++;
        crc = crc32_ieee(crc, text, n);
        text += n < left ? n + 1 : n;
    }
    return (int)crc;
}

/* ---- one file ---- */

static bool fault_at(struct ctx *cx, const char *file, const char *text, size_t offset)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    err_place(cx, file, line, column);
    return false;
}

static bool check_text(struct ctx *cx, const char *file, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = (unsigned char)text[i] < 0x80 ? text[i] != '\0' : text_utf8_sequence(text + i);
        if (!n) {
            fail(cx, E_CHANGELOG, "the migration %s is not UTF-8 text: byte 0x%02X", path_base(file),
                 (unsigned char)text[i]);
            err_hint(cx, "save it as UTF-8");
            return fault_at(cx, file, text, i);
        }
        i += n;
    }
    return true;
}

static bool script_setting(struct ctx *cx, void *user, const char *name, const char *value)
{
    struct flyway_script *s = user;
    int *flag = text_equal(name, "executeInTransaction")     ? &s->in_transaction
                : text_equal(name, "placeholderReplacement") ? &s->replace_placeholders
                                                             : NULL;
    if (flag) {
        *flag = text_equal_nocase(value, "true");
        return *flag || text_equal_nocase(value, "false") ||
               fail(cx, E_CHANGELOG, "%s is '%s', and can be true or false", name, value);
    }
    if (text_equal(name, "encoding"))
        return text_equal_nocase(value, "UTF-8") ||
               fail(cx, E_CHANGELOG, "the encoding '%s' of a migration is not known: migrations are UTF-8", value);
    if (text_equal(name, "shouldExecute"))
        return fail(cx, E_CHANGELOG, "shouldExecute is not supported, so whether the migration runs cannot be told");
    return fail(cx, E_CHANGELOG, "'%s' is no setting of a migration", name);
}

static bool read_script(struct ctx *cx, struct flyway_script *s)
{
    const char *conf = arena_printf(cx->arena, "%s.conf", s->file);
    char *text;
    size_t len;
    if (!file_read(cx, s->file, 0, &text, &len))
        return false;
    s->checksum = flyway_checksum(text, len);
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3, len -= 3;
    s->text = text;
    s->len = len;
    s->in_transaction = s->replace_placeholders = -1;
    if (!check_text(cx, s->file, text, len))
        return false;
    return !file_exists(conf) ||
           (file_read(cx, conf, 1 << 16, &text, &len) && flyway_conf_lines(cx, conf, text, script_setting, s));
}

/* ---- folders ---- */

static bool has_suffix(const struct flyway_config *c, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < c->suffixes.n; i++) {
        size_t m = strlen(c->suffixes.at[i]);
        if (m <= n && text_equal_nocase(name + n - m, c->suffixes.at[i]))
            return true;
    }
    return false;
}

static bool take(struct ctx *cx, const struct flyway_config *c, const char *folder, const char *below,
                 struct flyway_files *out)
{
    struct flyway_name name;
    flyway_name_parse(cx->arena, c, path_base(below), &name);
    if (name.fault) {
        *VEC_PUSH(cx->arena, &out->bad_names) = name.fault;
        return true;
    }
    struct flyway_script *s = VEC_PUSH(cx->arena, &out->scripts);
    *s = (struct flyway_script){.kind = name.kind,
                                .version = name.version,
                                .description = name.description,
                                .event = name.event,
                                .script = arena_strdup(cx->arena, below),
                                .file = path_join(cx->arena, folder, below)};
    out->versioned += name.kind == FLYWAY_VERSIONED;
    out->repeatable += name.kind == FLYWAY_REPEATABLE;
    out->undo += name.kind == FLYWAY_UNDO;
    out->baseline += name.kind == FLYWAY_BASELINE;
    return read_script(cx, s);
}

static bool scan(struct ctx *cx, const struct flyway_config *c, const char *folder, const char *below, int depth,
                 struct flyway_files *out)
{
    struct str_list names = {0};
    if (depth > DEPTH_MAX)
        return fail(cx, E_FILE, "the folders below %s are nested more than %d deep", folder, DEPTH_MAX);
    if (!ctx_alive(cx, "reading migrations") ||
        !dir_list(cx, *below ? path_join(cx->arena, folder, below) : folder, &names))
        return false;
    for (size_t i = 0; i < names.n; i++) {
        const char *inner = *below ? path_join(cx->arena, below, names.at[i]) : names.at[i];
        const char *path = path_join(cx->arena, folder, inner);
        bool ok = file_is_dir(path)                                     ? scan(cx, c, folder, inner, depth + 1, out)
                  : has_suffix(c, names.at[i]) && file_is_regular(path) ? take(cx, c, folder, inner, out)
                                                                        : true;
        if (!ok)
            return false;
    }
    return true;
}

static const char *find_folder(struct arena *a, const char *location, const struct str_list *search_path)
{
    if (*location == '/' || !search_path || !search_path->n)
        return file_is_dir(location) ? location : NULL;
    for (size_t i = 0; i < search_path->n; i++) {
        const char *path = path_join(a, search_path->at[i], location);
        if (file_is_dir(path))
            return path;
    }
    return NULL;
}

/* Is one of the folders the other, or in it? */
static bool within(const char *inner, const char *outer)
{
    size_t n = strlen(outer);
    while (n > 1 && outer[n - 1] == '/')
        n--;
    return strncmp(inner, outer, n) == 0 && (!inner[n] || inner[n] == '/');
}

static bool find_folders(struct ctx *cx, const struct flyway_config *c, const struct str_list *search_path,
                         struct str_list *folders)
{
    for (size_t i = 0; i < c->locations.n; i++) {
        const char *location = c->locations.at[i];
        if (text_starts(location, "filesystem:"))
            location += strlen("filesystem:");
        else if (strchr(location, ':')) {
            fail(cx, E_INPUT, "the location %s is not a folder", location);
            err_hint(cx,
                     "classpath: and cloud storage belong to Flyway's Java; check the files out and name their folder");
            return false;
        }
        const char *folder = find_folder(cx->arena, location, search_path);
        if (folder) {
            *VEC_PUSH(cx->arena, folders) = folder;
        } else if (c->missing_locations_fail) {
            fail(cx, E_FILE, "the folder of migrations %s does not exist", location);
            err_hint(cx, "it is looked for in the folders of search_path, or in the working directory");
            return false;
        } else {
            log_warning("the folder of migrations %s does not exist and is passed over", location);
        }
    }
    return true;
}

/* ---- all of them together ---- */

static int by_order(const void *pa, const void *pb)
{
    const struct flyway_script *a = pa, *b = pb;
    int ga = a->kind == FLYWAY_CALLBACK ? 2 : a->kind == FLYWAY_REPEATABLE,
        gb = b->kind == FLYWAY_CALLBACK ? 2 : b->kind == FLYWAY_REPEATABLE;
    int c = ga != gb  ? ga - gb
            : ga == 0 ? flyway_version_compare(&a->version, &b->version)
            : ga == 2 ? strcmp(a->event, b->event)
                      : 0;
    if (!c && ga == 0 && a->kind != b->kind) /* a baseline behind its version, an undo behind both */
        c = (a->kind == FLYWAY_UNDO ? 2 : a->kind == FLYWAY_BASELINE) -
            (b->kind == FLYWAY_UNDO ? 2 : b->kind == FLYWAY_BASELINE);
    if (!c && ga)
        c = strcmp(a->description, b->description);
    return c ? c : strcmp(a->file, b->file);
}

static bool check_duplicates(struct ctx *cx, const struct flyway_files *files)
{
    for (size_t i = 1; i < files->scripts.n; i++) {
        const struct flyway_script *a = &files->scripts.at[i - 1], *b = &files->scripts.at[i];
        if (a->kind != b->kind)
            continue;
        if (a->version.text
                ? flyway_version_compare(&a->version, &b->version) != 0
                : !text_equal(a->description, b->description) || (a->event && !text_equal(a->event, b->event)))
            continue;
        if (a->version.text)
            fail(cx, E_CHANGELOG, "two migrations have the version %s: %s and %s", a->version.text, a->file, b->file);
        else if (a->event)
            fail(cx, E_CHANGELOG, "two callbacks are the same: %s and %s", a->file, b->file);
        else
            fail(cx, E_CHANGELOG, "two repeatable migrations have the description '%s': %s and %s", a->description,
                 a->file, b->file);
        err_hint(cx, "rename one of them");
        err_place(cx, b->file, 1, 1);
        return false;
    }
    return true;
}

static bool check_names(struct ctx *cx, const struct flyway_config *c, const struct flyway_files *files)
{
    if (!files->bad_names.n)
        return true;
    if (!c->validate_naming) {
        log_warning("%s left out, since their names are not those of migrations: %s%s",
                    text_plural(cx->arena, (long long)files->bad_names.n, "file"), files->bad_names.at[0],
                    files->bad_names.n > 1 ? " …" : "");
        return true;
    }
    struct str all = str_new(cx->arena);
    for (size_t i = 0; i < files->bad_names.n; i++)
        str_addf(&all, "%s%s", i ? "\n" : "", files->bad_names.at[i]);
    fail(cx, E_CHANGELOG, "%s not named as a migration",
         files->bad_names.n == 1 ? "a file is" : arena_printf(cx->arena, "%zu files are", files->bad_names.n));
    err_detail(cx, "%s", all.s);
    return false;
}

bool flyway_load(struct ctx *cx, const struct flyway_config *c, const struct str_list *search_path,
                 struct flyway_files *out)
{
    struct str_list folders = {0};
    *out = (struct flyway_files){0};
    if (!find_folders(cx, c, search_path, &folders))
        return false;
    for (size_t i = 0; i < folders.n; i++) {
        bool covered = false;
        for (size_t k = 0; k < folders.n; k++)
            covered = covered || (k != i && within(folders.at[i], folders.at[k]) &&
                                  (k < i || !within(folders.at[k], folders.at[i])));
        if (!covered && !scan(cx, c, folders.at[i], "", 0, out))
            return false;
    }
    if (out->scripts.n)
        qsort(out->scripts.at, out->scripts.n, sizeof *out->scripts.at, by_order);
    return check_duplicates(cx, out) && check_names(cx, c, out);
}
