/* Any bytes as a changelog in YAML, or JSON, which is read as such. */
#include "changelog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_changelog_text("x.yaml", data, size);
    return 0;
}
