/* stages.c - the registry: every stage, in the order shown by help. */
#include "dbstep/stage.h"

extern const struct stage stage_volume_clone;
extern const struct stage stage_schema_deploy, stage_schema_preview, stage_schema_rollback, stage_schema_status;
extern const struct stage stage_data_test;
extern const struct stage stage_integrity_baseline;
extern const struct stage stage_integrity_diff, stage_integrity_plan, stage_integrity_merge;

const struct stage *const stages[] = {
    &stage_volume_clone,
    &stage_schema_preview,
    &stage_schema_deploy,
    &stage_schema_rollback,
    &stage_schema_status,
    &stage_integrity_baseline,
    &stage_integrity_diff,
    &stage_integrity_plan,
    &stage_integrity_merge,
    &stage_data_test,
    NULL,
};
