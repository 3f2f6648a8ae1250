#include "type.h"

const struct change_type types_data[] = {{0}};
const size_t n_types_data = 0;
