/* parlance_tool.h - all that a tool needs to know of Parlance.
 *
 * A tool is a shared object that exports one function, parlance_tool(), which returns a description that
 * lives as long as the object. Parlance loads it into a process of its own and calls it there, one call at a
 * time, always on the same thread. A tool may block; when it takes longer than its timeout_ms its process is
 * killed and started again. A tool that crashes costs its own process and nothing else.
 *
 *     #include <parlance_tool.h>
 *
 *     static int call(const char *arguments, size_t len, char *out, size_t out_size)
 *     {
 *         return snprintf(out, out_size, "it is %s", "noon");
 *     }
 *
 *     const struct parlance_tool *parlance_tool(void)
 *     {
 *         static const struct parlance_tool tool = {
 *             .abi = PARLANCE_TOOL_ABI, .size = sizeof tool,
 *             .name = "clock", .description = "Tells the time of day.",
 *             .parameters = "{\"type\": \"object\", \"properties\": {}}",
 *             .timeout_ms = 1000, .flags = PARLANCE_TOOL_IDEMPOTENT, .call = call,
 *         };
 *         return &tool;
 *     }
 *
 *     cc -shared -fPIC -o clock.so clock.c
 *
 * Compatible changes add fields at the end of the struct: `size` tells which of them a tool has. Others
 * change PARLANCE_TOOL_ABI, and a tool of another ABI is refused when it is loaded. This header includes
 * nothing else of Parlance, and compiles as C and as C++. */
#ifndef PARLANCE_TOOL_H
#define PARLANCE_TOOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PARLANCE_TOOL_ABI 1u

/* Flags. */
#define PARLANCE_TOOL_IDEMPOTENT 1u /* a call may be made again when the process died in the middle of it */

/* What `call` returns instead of a length. */
#define PARLANCE_TOOL_REFUSED                                                                                \
    (-1) /* the arguments make no sense; OUT holds a sentence that the model is given */
#define PARLANCE_TOOL_FAILED (-2) /* the tool itself could not do it; OUT holds a sentence, or is empty */

struct parlance_tool {
    uint32_t abi;            /* PARLANCE_TOOL_ABI */
    uint32_t size;           /* bytes of this struct, as the tool was compiled */
    const char *name;        /* 1 to 64 of a-z A-Z 0-9 _ - ; what the model calls */
    const char *description; /* for the model: what it does and when to use it; UTF-8 */
    const char *parameters;  /* JSON Schema of the arguments, an object; at most 12,000 bytes */
    uint32_t timeout_ms;     /* of one call; 1 to 600,000 */
    uint32_t flags;
    /* Does the work. ARGUMENTS is a JSON object that fits the schema, LEN bytes and a NUL after them; valid
     * for the call. The result, UTF-8, goes into OUT, at most OUT_SIZE bytes (65,536), and its length is
     * returned; no NUL is needed then. A length above OUT_SIZE is a failure, so that snprintf's value can be
     * returned. With a negative result OUT holds a sentence that ends with a NUL. */
    int (*call)(const char *arguments, size_t len, char *out, size_t out_size);
    /* May be NULL: called once before the first call, 0 when all is well; and before the process ends by
     * itself. */
    int (*start)(void);
    void (*stop)(void);
};

/* The one symbol that a tool exports. Never NULL. */
const struct parlance_tool *parlance_tool(void);

#ifdef __cplusplus
}
#endif
#endif
