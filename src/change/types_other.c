#include "type.h"

const struct change_type types_other[] = {{0}};
const size_t n_types_other = 0;
