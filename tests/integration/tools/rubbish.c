/* rubbish: a tool for tests whose result is no text. */
#include "plugins/parlance_tool.h"

#include <string.h>

static int call(const char *arguments, size_t len, char *out, size_t out_size)
{
    (void)arguments, (void)len, (void)out_size;
    memcpy(out, "\xC3(\xFF\xFE", 4);
    return 4;
}

const struct parlance_tool *parlance_tool(void)
{
    static const struct parlance_tool tool = {
        .abi = PARLANCE_TOOL_ABI,
        .size = sizeof tool,
        .name = "rubbish",
        .description = "Answers rubbish.",
        .parameters = "{\"type\": \"object\", \"properties\": {}}",
        .timeout_ms = 60000,
        .call = call,
    };
    return &tool;
}
