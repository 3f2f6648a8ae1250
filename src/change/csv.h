/* csv.h - records of a CSV file, as loadData reads them (RFC 4180).
 *
 * A field that begins with the quote character ends at the next one that is not doubled, and may hold separators and line ends; what
 * follows it must be a separator or the line's end. In any other field a quote is a character like others. Blanks count.
 * CR LF, LF and CR end a line; inside a quoted field they are LF. Where Liquibase's reader reports an unterminated field, so does this one.
 */
#ifndef DBSTEP_CHANGE_CSV_H
#define DBSTEP_CHANGE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/vec.h"

struct csv {
    const char *p;
    char separator, quote;
    int line;          /* of the file, at which the next record starts */
    const char *fault; /* what is wrong; NULL: nothing */
    int record_line;   /* of the record that was read last */
    struct str_list fields;
};

/* The text is terminated and must outlive the reader. */
struct csv csv_start(const char *text, char separator, char quote);
/* The next record into `fields`; an empty line is one empty field. False at the end, and on a fault. */
bool csv_next(struct arena *a, struct csv *c);

#endif
