#include "type.h"

const struct change_type types_index[] = {{0}};
const size_t n_types_index = 0;
