#include "type.h"

const struct change_type types_table[] = {{0}};
const size_t n_types_table = 0;
