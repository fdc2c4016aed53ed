/* crash: a tool for tests that dies of a call. */
#include "plugins/parlance_tool.h"

#include <stdlib.h>

static int call(const char *arguments, size_t len, char *out, size_t out_size)
{
    (void)arguments, (void)len, (void)out, (void)out_size;
    abort();
}

const struct parlance_tool *parlance_tool(void)
{
    static const struct parlance_tool tool = {
        .abi = PARLANCE_TOOL_ABI,
        .size = sizeof tool,
        .name = "crash",
        .description = "Dies.",
        .parameters = "{\"type\": \"object\", \"properties\": {}}",
        .timeout_ms = 60000,
        .call = call,
    };
    return &tool;
}
