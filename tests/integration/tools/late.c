/* late: a tool for tests that tells of itself only once somebody has written to the FIFO that
 * PARLANCE_TEST_GATE names. */
#include "plugins/parlance_tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int call(const char *arguments, size_t len, char *out, size_t out_size)
{
    (void)arguments, (void)len;
    if (out_size < 4) return PARLANCE_TOOL_FAILED;
    memcpy(out, "late", 4);
    return 4;
}

static void wait_for_gate(void)
{
    const char *gate = getenv("PARLANCE_TEST_GATE");
    char byte;
    int fd = gate ? open(gate, O_RDONLY) : -1;
    if (fd < 0) return;
    while (read(fd, &byte, 1) > 0) continue;
    close(fd);
}

const struct parlance_tool *parlance_tool(void)
{
    static const struct parlance_tool tool = {
        .abi = PARLANCE_TOOL_ABI,
        .size = sizeof tool,
        .name = "late",
        .description = "Says that it is late.",
        .parameters = "{\"type\": \"object\", \"properties\": {}}",
        .timeout_ms = 60000,
        .call = call,
    };
    wait_for_gate();
    return &tool;
}
