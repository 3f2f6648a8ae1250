/* schema_git.h - which commit a changelog is of, and reading it at another one. */
#ifndef DBSTEP_SCHEMA_GIT_H
#define DBSTEP_SCHEMA_GIT_H

#include "schema_common.h"

#define SCHEMA_GIT_OUTPUTS                                                                                              \
    {"git_commit", OUT_STRING, "Commit of the changelog's checkout, or what the host says; empty when neither tells"},  \
        {"git_branch", OUT_STRING, "Branch that is checked out, or what the host says; empty when neither tells"},      \
    {                                                                                                                   \
        "git_dirty", OUT_STRING,                                                                                        \
            "true when a file of the changelog differs from the commit, false when none does; empty without a checkout" \
    }

/* With input changelog_commit: writes the folders of the search path as they are in that commit below output_dir, and *path are those.
 * Else *path is the search path itself. */
bool schema_git_materialise(struct run *run, const struct schema_config *c, struct str_list *path);
/* The outputs, where the stage declares them. Nothing about Git fails a stage. */
void schema_git_facts(struct run *run, const struct schema_config *c, const struct changelog *log);

#endif
