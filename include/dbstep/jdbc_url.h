/* jdbc_url.h - a JDBC URL of PostgreSQL as libpq understands it.
 *
 * jdbc:postgresql:[//host[:port][,host[:port]…]/][database][?name=value&…], read as the PostgreSQL JDBC driver does: host
 * "localhost" unless given, "+" and %XX decoded, user and password among the parameters. Taken over are user, password, ssl, sslmode,
 * sslrootcert, sslcert, sslkey, sslpassword, currentSchema, options, targetServerType, channelBinding and gssEncMode; a class that the driver
 * would have to load is refused where it decides how to connect; what else there is tunes the driver and is ignored. A URI
 * of libpq itself is taken as it is.
 *
 * Without ssl and sslmode the driver's own default holds, "prefer": encrypted when the server offers it, nobody's identity checked.
 */
#ifndef DBSTEP_JDBC_URL_H
#define DBSTEP_JDBC_URL_H

#include <stdbool.h>

#include "dbstep/arena.h"
#include "dbstep/vec.h"

struct jdbc_url {
    const char *uri;         /* for libpq; holds the password if the URL did */
    const char *plain;       /* for people: the URL without user and parameters */
    bool says_tls;           /* the URL itself says how to use TLS */
    bool local;              /* every host is this machine */
    bool password, rootcert; /* was given in it */
    struct str_list ignored; /* names of parameters without a meaning here */
};

/* NULL, or what is wrong with it, as the end of a sentence and without any part of the text. */
const char *jdbc_url_read(struct arena *a, const char *text, struct jdbc_url *out);

#endif
