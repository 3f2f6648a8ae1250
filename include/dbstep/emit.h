/* emit.h - the documents in plugin/, generated from the registry: what each host needs to know of the stages. */
#ifndef DBSTEP_EMIT_H
#define DBSTEP_EMIT_H

#include <stddef.h>

#include "dbstep/ctx.h"

struct document {
    const char *path; /* below plugin/: "harness/plugin.yml" */
    const char *text;
};

/* All documents, as texts in the arena. */
void emit_documents(struct arena *a, struct document **out, size_t *n);
/* Write them below a folder; a file that already holds the same text is left alone. */
bool emit_write(struct ctx *cx, const char *folder);

/* text as a YAML double-quoted scalar, which can hold anything. */
char *emit_yaml_text(struct arena *a, const char *text);

#endif
