/* hang: a tool for tests that never comes back. */
#include "plugins/parlance_tool.h"

#include <unistd.h>

static int call(const char *arguments, size_t len, char *out, size_t out_size)
{
    (void)arguments, (void)len, (void)out, (void)out_size;
    for (;;) pause();
    return 0;
}

const struct parlance_tool *parlance_tool(void)
{
    static const struct parlance_tool tool = {
        .abi = PARLANCE_TOOL_ABI,
        .size = sizeof tool,
        .name = "hang",
        .description = "Never answers.",
        .parameters = "{\"type\": \"object\", \"properties\": {}}",
        .timeout_ms = 100,
        .call = call,
    };
    return &tool;
}
