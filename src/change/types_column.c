#include "type.h"

const struct change_type types_column[] = {{0}};
const size_t n_types_column = 0;
