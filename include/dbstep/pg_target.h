/* pg_target.h - where a database is and how to log in, as the user gave it. Filled by step/inputs, used by io/pg. */
#ifndef DBSTEP_PG_TARGET_H
#define DBSTEP_PG_TARGET_H

/* All texts may be NULL (unset), port 0. Parts given beside the URL override it. */
struct pg_target {
    const char *url; /* libpq URI or keyword string */
    const char *host;
    long long port;
    const char *name, *user, *password;
    const char *sslmode, *sslrootcert, *sslcert, *sslkey;
    const char *options;
};

#endif
