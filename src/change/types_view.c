#include "type.h"

const struct change_type types_view[] = {{0}};
const size_t n_types_view = 0;
