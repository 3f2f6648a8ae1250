/* stages.c - the registry: every stage, in the order shown by help. */
#include "dbstep/stage.h"

const struct stage *const stages[] = {
    NULL,
};
