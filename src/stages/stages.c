/* stages.c - the registry: every stage, in the order shown by help. */
#include "dbstep/stage.h"

extern const struct stage stage_data_test;
extern const struct stage stage_volume_clone;

const struct stage *const stages[] = {
    &stage_volume_clone,
    &stage_data_test,
    NULL,
};
