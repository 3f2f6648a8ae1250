/* err.h - the one catalogue of failures, and the record of the first one.
 *
 * Name, exit status, whether the same call may succeed when tried again, the error category Harness uses, and a text.
 * Exit statuses are below 64 and avoid every status that a host gives a meaning of its own (64, 65: Argo Workflows;
 * 78: Drone; 125 to 127: container runtimes; 128 and above: signals).
 */
#ifndef DBSTEP_ERR_H
#define DBSTEP_ERR_H

#include <stdbool.h>

#define ERR_CATALOGUE(E)                                                                             \
    E(OK, 0, false, "", "done, or nothing to do")                                                    \
    E(INTERNAL, 1, false, "APPLICATION_FAILURE", "a defect in dbstep")                               \
    E(INPUT, 2, false, "CONFIGURATION_FAILURE", "an input is missing or malformed")                  \
    E(FILE, 2, false, "CONFIGURATION_FAILURE", "a file cannot be read")                              \
    E(CHANGELOG, 2, false, "CONFIGURATION_FAILURE", "a changelog is malformed")                      \
    E(NO_DATABASE, 2, false, "CONFIGURATION_FAILURE", "the database does not exist")                 \
    E(OUTPUT, 2, false, "CONFIGURATION_FAILURE", "results cannot be written")                        \
    E(GATE, 3, false, "VERIFICATION_FAILURE", "a finding at or above fail_on")                       \
    E(GUARD, 4, false, "VERIFICATION_FAILURE", "refused by a guard")                                 \
    E(CHECKSUM, 4, false, "VERIFICATION_FAILURE", "a changeset that ran was edited")                 \
    E(INCONCLUSIVE, 3, false, "VERIFICATION_FAILURE", "the claim could not be proven")               \
    E(AUTH, 10, false, "AUTHENTICATION_FAILURE", "a credential was refused")                         \
    E(TLS, 10, false, "AUTHENTICATION_FAILURE", "the server's identity could not be verified")       \
    E(PERMISSION, 11, false, "AUTHORIZATION_FAILURE", "a privilege is missing")                      \
    E(UNREACHABLE, 12, true, "CONNECTIVITY_FAILURE", "the target cannot be reached")                 \
    E(TIMEOUT, 13, true, "TIMEOUT_FAILURE", "out of time before any change")                         \
    E(LOCKED, 14, true, "RESOURCE_LIMITS_FAILURE", "a lock is held by another run or session")       \
    E(CAPACITY, 15, false, "RESOURCE_LIMITS_FAILURE", "disk, memory or a quota is used up")          \
    E(REJECTED, 20, false, "APPLICATION_FAILURE", "the target rejected the change; nothing changed") \
    E(PARTIAL, 21, false, "APPLICATION_FAILURE", "partly applied; a person is needed")               \
    E(OUTCOME_UNKNOWN, 22, false, "APPLICATION_FAILURE", "the connection was lost while committing") \
    E(VERIFY, 23, false, "VERIFICATION_FAILURE", "verification failed after a change")               \
    E(EXTERNAL, 30, false, "APPLICATION_FAILURE", "another system refused")                          \
    E(INTERRUPTED, 40, false, "INFRASTRUCTURE_FAILURE", "interrupted, and cleaned up")

enum err_code {
#define E(name, exit, retry, category, text) E_##name,
    ERR_CATALOGUE(E)
#undef E
        E_COUNT
};

/* The first failure of a run. The message says what failed, on what and why; detail is the other side's own words;
 * hint says what to do. All three are redacted when they leave the process. */
struct err {
    enum err_code code; /* E_OK: nothing failed */
    char message[1024];
    char detail[2048];
    char hint[1024];
    char sqlstate[6]; /* PostgreSQL's code when the server answered, else "" */
    char file[256];   /* where the fault lies in the user's files, else "" */
    int line;         /* 1-based; 0: unknown */
    int column;
    int position; /* 1-based character of the statement at which the server saw the fault; 0: unknown */
};

int err_exit_status(enum err_code code);
bool err_retryable(enum err_code code);
const char *err_category(enum err_code code);
const char *err_text(enum err_code code);
const char *err_name(enum err_code code); /* the name in the catalogue, "UNREACHABLE" */

#endif
