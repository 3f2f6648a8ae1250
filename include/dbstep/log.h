/* log.h - lines for people and pipelines, on stderr; and progress.
 *
 * One line per call, written with one write(): hosts mask secrets line by line and never across two writes. Text from
 * outside is made safe: control characters are escaped, and a line never starts with "::" nor holds "##[", which
 * GitHub's runner would take for commands.
 */
#ifndef DBSTEP_LOG_H
#define DBSTEP_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* A block of text for people (a summary, a table), written as it is but redacted and made safe line by line. */
void log_block(const char *text);

/* Done so far of a known total (0: unknown), in `unit` ("rows", "bytes"). On a terminal a bar that redraws itself, elsewhere a
 * line every few seconds, with the rate of rows and bytes, the time left and the time of day (UTC, as all lines) when it will have ended. Cheap enough to call for every row. */
void log_progress(const char *what, unsigned long long done, unsigned long long total, const char *unit);
void log_progress_done(void);
/* Also told of progress, at most every second: a host's progress file. */
void log_progress_sink(void (*sink)(void *user, unsigned long long done, unsigned long long total), void *user);

#endif
