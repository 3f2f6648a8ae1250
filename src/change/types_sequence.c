#include "type.h"

const struct change_type types_sequence[] = {{0}};
const size_t n_types_sequence = 0;
