/* Any bytes as a changelog in XML. */
#include "changelog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_changelog_text("x.xml", data, size);
    return 0;
}
