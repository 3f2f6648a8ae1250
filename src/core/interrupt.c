/* interrupt.c - signals as a flag and a descriptor; see interrupt.h. */
#include "dbstep/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/ctx.h"

static volatile sig_atomic_t signal_seen;
static int wake_pipe[2] = {-1, -1};
static int shields;

static void on_signal(int number)
{
    int saved = errno;
    if (!signal_seen) {
        signal_seen = number;
        ssize_t ignored = write(wake_pipe[1], "!", 1);
        (void)ignored;
    }
    errno = saved;
}

void interrupt_install(void)
{
    if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file beyond the limit is an error of write(), and told as such */
}

bool interrupted(void)
{
    return signal_seen && !shields;
}

int interrupt_signal(void)
{
    return signal_seen;
}

int interrupt_fd(void)
{
    /* The byte stays in the pipe, so every poll sees it; under a shield it must not wake anybody. */
    return shields ? -1 : wake_pipe[0];
}

void interrupt_shield(void)
{
    shields++;
}

void interrupt_unshield(void)
{
    shields--;
}

bool ctx_sleep(struct ctx *cx, long long ms, const char *waiting_for)
{
    long long until = clock_ms() + ms;
    for (long long left = ms; left > 0; left = until - clock_ms()) {
        if (!ctx_alive(cx, waiting_for))
            return false;
        struct pollfd fd = {.fd = interrupt_fd(), .events = POLLIN};
        poll(&fd, 1, (int)deadline_left(cx->deadline, left > 60000 ? 60000 : left));
    }
    return ctx_alive(cx, waiting_for);
}

struct ctx_grace ctx_grace_begin(struct ctx *cx, long long ms)
{
    struct ctx_grace g = {.saved = cx->deadline};
    interrupt_shield();
    cx->deadline = deadline_in(ms);
    return g;
}

void ctx_grace_end(struct ctx *cx, struct ctx_grace g)
{
    cx->deadline = g.saved;
    interrupt_unshield();
}
