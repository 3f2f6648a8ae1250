#include "type.h"

const struct change_type types_constraint[] = {{0}};
const size_t n_types_constraint = 0;
