#include "tests/support/no_memory.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The linker sends malloc to __wrap_malloc and __real_malloc to malloc. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

enum { LIVE_MAX = 1 << 16 };

static struct {
    bool on, failed;
    uint32_t count, at, live_count;
    void *live[LIVE_MAX]; /* blocks of the section, in no order */
} memory;

static bool fails(void)
{
    if (!memory.on || ++memory.count != memory.at) return false;
    memory.failed = true;
    errno = ENOMEM;
    return true;
}

static void *note(void *p)
{
    if (p && memory.on && memory.live_count < LIVE_MAX) memory.live[memory.live_count++] = p;
    return p;
}

static bool forget(const void *p)
{
    for (uint32_t i = memory.live_count; i-- > 0;) {
        if (memory.live[i] != p) continue;
        memory.live[i] = memory.live[--memory.live_count];
        return true;
    }
    return false;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : note(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : note(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (fails()) return NULL;
    uintptr_t old = (uintptr_t)p;
    void *q = __real_realloc(p, size);
    if (q && (forget((void *)old) || !old)) note(q);
    return q;
}

char *__wrap_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = __wrap_malloc(size);
    return copy ? memcpy(copy, s, size) : NULL;
}

void __wrap_free(void *p)
{
    if (p && memory.live_count) forget(p);
    __real_free(p);
}

void pl_test_memory_begin(uint32_t n)
{
    memory.on = true;
    memory.failed = false;
    memory.count = memory.live_count = 0;
    memory.at = n;
}

uint32_t pl_test_memory_end(bool *failed)
{
    memory.on = false;
    *failed = memory.failed;
    return memory.live_count;
}
