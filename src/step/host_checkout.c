/* host_checkout.c - which commit a host says it runs for; see host.h. */
#include <string.h>

#include "dbstep/host.h"

static const char *commit_in(struct env env, const char *name)
{
    const char *text = env_get(env, name);
    size_t n = text ? strlen(text) : 0;
    return (n == 40 || n == 64) && strspn(text, "0123456789abcdef") == n ? text : NULL;
}

static const char *without(const char *text, const char *prefix)
{
    return text && text_starts(text, prefix) ? text + strlen(prefix) : text;
}

struct host_checkout host_checkout(struct env env)
{
    /* In this order; Harness sets Drone's names, and GitLab and Harness share CI_ names. */
    static const struct {
        const char *commit, *branches[2];
    } names[] = {
        {"GITHUB_SHA", {"GITHUB_HEAD_REF", "GITHUB_REF_NAME"}},
        {"DRONE_COMMIT_SHA", {"DRONE_SOURCE_BRANCH", "DRONE_COMMIT_BRANCH"}},
        {"DRONE_COMMIT", {"DRONE_SOURCE_BRANCH", "DRONE_COMMIT_BRANCH"}},
        {"CI_COMMIT_SHA", {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"}},
        {"GIT_COMMIT", {"GIT_BRANCH", NULL}},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct host_checkout out = {.commit = commit_in(env, names[i].commit), .branch = ""};
        if (!out.commit)
            continue;
        /* A tag's name stands in the same variable as a branch's. */
        bool tag = env_is(env, "GITHUB_REF_TYPE", "tag");
        for (size_t k = 0; k < 2 && names[i].branches[k] && !*out.branch; k++) {
            const char *branch = tag ? NULL : without(env_get(env, names[i].branches[k]), "origin/");
            out.branch = branch ? branch : "";
        }
        return out;
    }
    return (struct host_checkout){.commit = "", .branch = ""};
}
