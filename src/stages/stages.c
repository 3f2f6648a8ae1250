/* stages.c - the registry: every stage, in the order shown by help. */
#include "dbstep/stage.h"

extern const struct stage stage_data_test;

const struct stage *const stages[] = {
    &stage_data_test,
    NULL,
};
