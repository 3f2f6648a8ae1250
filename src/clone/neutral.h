/* neutral.h - a copy of production must not act as production: archive its WAL over production's, wait for production's standbys, consume
 * production's replication slots, follow production, run production's scheduled jobs. */
#ifndef DBSTEP_CLONE_NEUTRAL_H
#define DBSTEP_CLONE_NEUTRAL_H

#include "dbstep/clone.h"

/* Appends to postgresql.auto.conf (which overrides every other file) and removes the files that make a server follow another one. The
 * user's clone_settings come last. */
bool neutral_apply(struct ctx *cx, const struct clone_request *q, struct clone_report *r, const char *data_dir,
                   int server_version);

/* What the source would say to SHOW; "" when it may not be asked. */
struct neutral_facts {
    const char *max_connections, *max_prepared_transactions, *max_locks_per_transaction, *max_worker_processes,
        *shared_preload_libraries;
};
/* postgresql.conf and pg_hba.conf, where production keeps them outside its data directory (Debian does) and the backup hence
 * has none: without them the copy would not start. */
bool neutral_write_config(struct ctx *cx, struct clone_report *r, const char *data_dir,
                          const struct neutral_facts *facts, bool config_missing, bool hba_missing);
/* Settings in the copied postgresql.conf that lead out of the data directory are told to the user. */
bool neutral_look_at_config(struct ctx *cx, struct clone_report *r, const char *data_dir);

#endif
