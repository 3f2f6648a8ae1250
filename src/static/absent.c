/* absent.c: answers for functions that have no static archive; linked into the static binary only
 *
 * Debian compiles libpq with Kerberos (GSSAPI) and with LDAP look-up of service files. Of those two libraries no static
 * archives can be linked, so every symbol that libpq.a takes from them is defined here, in one of three ways:
 *
 *   FAIL   the call reports failure, as the real one may; its callers pass that on as an ordinary error. For GSSAPI this
 *          reads as "no credentials": libpq goes on without Kerberos, or says so where it is demanded.
 *   NONE   the call answers with a null pointer, which its callers understand as "could not be had". ldap_init is the
 *          door to all of LDAP: a service file with an ldap:// line ends there, with libpq's own message.
 *   NEVER  no caller can get here past a FAIL or NONE above; should one, the program stops instead of carrying on with
 *          an invented result.
 *
 * Arguments are not declared, since none is looked at. A library version that needs another symbol fails to link: read
 * its callers, choose one of the three, add a line.
 */
#include <stdlib.h>

// GSS_S_FAILURE: routine error 13, in the bits that RFC 2744 gives to routine errors
#define GSS_FAILURE (13u << 16)

// clang-format off
#define FAIL(name)  unsigned name(void); unsigned name(void) { return GSS_FAILURE; }
#define NONE(name)  void *name(void);    void *name(void)    { return NULL; }
#define NEVER(name) void name(void);     void name(void)     { abort(); }

// libpq, Kerberos: authentication
FAIL(gss_acquire_cred)
FAIL(gss_delete_sec_context)
FAIL(gss_display_status)
FAIL(gss_import_name)
FAIL(gss_init_sec_context)
FAIL(gss_release_buffer)
FAIL(gss_release_cred)
FAIL(gss_release_name)

// libpq, Kerberos: encryption of the connection
FAIL(gss_unwrap)
FAIL(gss_wrap)
FAIL(gss_wrap_size_limit)

// libpq, Kerberos: the kind of a service name; only handed on to gss_import_name
extern void *GSS_C_NT_HOSTBASED_SERVICE;
void *GSS_C_NT_HOSTBASED_SERVICE = NULL;

// libpq, LDAP: connection parameters from a directory
NONE(ldap_init)
NEVER(ldap_count_entries)
NEVER(ldap_err2string)
NEVER(ldap_first_entry)
NEVER(ldap_get_values_len)
NEVER(ldap_msgfree)
NEVER(ldap_result)
NEVER(ldap_search_st)
NEVER(ldap_set_option)
NEVER(ldap_simple_bind)
NEVER(ldap_unbind)
NEVER(ldap_value_free_len)
