/* log.c - the only writer to stderr; see log.h. */
#include "dbstep/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/clock.h"
#include "dbstep/json.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"

enum { LINE_EVERY_MS = 5000, BAR_EVERY_MS = 100, SINK_EVERY_MS = 1000, BAR_CELLS = 30 };

static enum log_level threshold = LOG_INFO;
static enum log_format format = LOG_TEXT;

static struct {
    void (*sink)(void *user, unsigned long long done, unsigned long long total);
    void *user;
    long long started, line_at, sink_at;
    unsigned long long done, total; /* that the sink has not been told */
    bool bar;                       /* a bar stands on the terminal's current line */
} progress;

void log_setup(enum log_level level, enum log_format f)
{
    threshold = level;
    format = f;
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

static void write_all(const char *s, size_t n)
{
    while (n) {
        ssize_t done = write(STDERR_FILENO, s, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nobody listens; there is nowhere to say so */
        s += done;
        n -= (size_t)done;
    }
}

/* Control characters could move a terminal's cursor or forge lines; two prefixes are commands to GitHub's runner. */
static void add_safe(struct str *out, const char *s)
{
    size_t start = out->len;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\t')
            str_addc(out, ' ');
        else if (c == '\n')
            str_add(out, "\\n");
        else if (c < 0x20 || c == 0x7F)
            str_addf(out, "\\x%02x", c);
        else if (c == '[' && out->len - start >= 2 && memcmp(out->s + out->len - 2, "##", 2) == 0)
            str_add(out, " [");
        else
            str_addc(out, (char)c);
    }
}

static void clear_bar(void)
{
    if (progress.bar) {
        write_all("\r\033[K", 4);
        progress.bar = false;
    }
}

static void emit(enum log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const char *const prefixes[] = {"ERROR: ", "WARNING: ", "", "debug: "};
    struct arena scratch = {0};
    struct str line = str_new(&scratch);
    const char *clean = redact_text(&scratch, message);

    clear_bar();
    if (format == LOG_JSON) {
        struct json_writer w = json_writer(&line);
        json_object(&w, NULL);
        json_string(&w, "time", clock_rfc3339(&scratch, clock_wall_ms()));
        json_string(&w, "level", names[level]);
        json_string(&w, "message", clean);
        json_end_object(&w);
    } else {
        char *now = clock_rfc3339(&scratch, clock_wall_ms());
        str_addf(&line, "%.8s %s", now + 11, prefixes[level]);
        add_safe(&line, clean);
    }
    str_addc(&line, '\n');
    write_all(line.s, line.len);
    arena_free(&scratch);
}

void log_at(enum log_level level, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    struct arena scratch = {0};
    struct str message = str_new(&scratch);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&message, fmt, ap);
    va_end(ap);
    emit(level, message.s);
    arena_free(&scratch);
}

void log_block(const char *text)
{
    struct arena scratch = {0};
    const char *clean = redact_text(&scratch, text);

    clear_bar();
    for (const char *end; *clean; clean = *end ? end + 1 : end) {
        end = clean + strcspn(clean, "\n");
        char *one = arena_strndup(&scratch, clean, (size_t)(end - clean));
        if (format == LOG_JSON) {
            emit(LOG_INFO, one);
            continue;
        }
        struct str line = str_new(&scratch);
        if (text_starts(one + strspn(one, " \t"), "::"))
            str_addc(&line, '.');
        add_safe(&line, one);
        str_addc(&line, '\n');
        write_all(line.s, line.len);
    }
    arena_free(&scratch);
}

void log_progress_sink(void (*sink)(void *user, unsigned long long done, unsigned long long total), void *user)
{
    progress.sink = sink;
    progress.user = user;
}

static void draw(const char *what, unsigned long long done, unsigned long long total, const char *unit, bool bar,
                 long long now)
{
    struct arena scratch = {0};
    struct str line = str_new(&scratch);
    bool bytes = text_equal(unit, "bytes");
    char *have = bytes ? text_size(&scratch, done) : text_group_digits(&scratch, (long long)done);
    long long elapsed = now - progress.started;

    str_addf(&line, "%s: %s", what, have);
    bool rate = done && elapsed > 1000 && (bytes || text_equal(unit, "rows"));
    double per_second = rate ? (double)done * 1000 / (double)elapsed : 0;
    char *speed = bytes ? text_size(&scratch, (unsigned long long)per_second)
                        : text_group_digits(&scratch, (long long)per_second);
    if (total) {
        char *all = bytes ? text_size(&scratch, total) : text_group_digits(&scratch, (long long)total);
        str_addf(&line, " of %s%s%s, %llu %%", all, bytes ? "" : " ", bytes ? "" : unit,
                 done >= total ? 100 : done * 100 / total);
        if (rate)
            str_addf(&line, ", %s%s%s/s", speed, bytes ? "" : " ", bytes ? "" : unit);
        if (done && done < total && elapsed > 1000) {
            long long left = (long long)((double)elapsed * (double)(total - done) / (double)done);
            str_addf(&line, ", %s left, ready about %.8s", text_duration(&scratch, left),
                     clock_rfc3339(&scratch, clock_wall_ms() + left) + 11);
        }
    } else if (!bytes) {
        str_addf(&line, " %s", unit);
    }
    if (!bar) {
        emit(LOG_INFO, line.s);
    } else {
        struct str out = str_new(&scratch);
        str_add(&out, "\r\033[K");
        if (total) {
            size_t full = done >= total ? BAR_CELLS : (size_t)(done * BAR_CELLS / total);
            str_addc(&out, '[');
            for (size_t i = 0; i < BAR_CELLS; i++)
                str_addc(&out, i < full ? '#' : '.');
            str_add(&out, "] ");
        }
        add_safe(&out, redact_text(&scratch, line.s));
        write_all(out.s, out.len);
        progress.bar = true;
    }
    arena_free(&scratch);
}

void log_progress(const char *what, unsigned long long done, unsigned long long total, const char *unit)
{
    long long now = clock_ms();
    bool bar = format == LOG_TEXT && isatty(STDERR_FILENO);

    if (!progress.started) {
        progress.started = progress.line_at = now;
        progress.sink_at = 0;
    }
    if (progress.sink && now - progress.sink_at >= SINK_EVERY_MS) {
        progress.sink_at = now;
        progress.sink(progress.user, done, total);
        progress.total = 0;
    } else {
        progress.done = done;
        progress.total = total;
    }
    if (log_enabled(LOG_INFO) && now - progress.line_at >= (bar ? BAR_EVERY_MS : LINE_EVERY_MS)) {
        progress.line_at = now;
        draw(what, done, total, unit, bar, now);
    }
}

void log_progress_done(void)
{
    clear_bar();
    if (progress.started && progress.sink && progress.total)
        progress.sink(progress.user, progress.done, progress.total);
    progress.total = 0;
    progress.started = 0;
}
