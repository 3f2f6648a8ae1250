/* interrupt.h - SIGTERM and SIGINT as a flag and a pollable descriptor.
 *
 * As PID 1 of a container the kernel applies no default action, so handlers are a must. A first signal asks for an
 * orderly end; waits see it at once because they poll interrupt_fd() beside their own descriptor.
 */
#ifndef DBSTEP_INTERRUPT_H
#define DBSTEP_INTERRUPT_H

#include <stdbool.h>

void interrupt_install(void); /* SIGTERM and SIGINT set the flag; SIGPIPE is ignored */
bool interrupted(void);
int interrupt_signal(void); /* the signal's number, 0 when none came */
int interrupt_fd(void);     /* readable once interrupted; -1 before interrupt_install() */
/* While shielded, interrupted() answers false: for the short clean-up that must talk to a server. Nests. */
void interrupt_shield(void);
void interrupt_unshield(void);

#endif
