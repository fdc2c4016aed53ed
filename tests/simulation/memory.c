#include "tests/simulation/memory.h"

#include <stdlib.h>
#include <string.h>

struct pl_sim_memory memory_fault;
static int64_t blocks;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *p);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

int64_t memory_blocks(void)
{
    return blocks;
}

static bool fails(void)
{
    struct pl_sim_memory *m = &memory_fault;
    if (m->held || m->fail_in == 0 || --m->fail_in > 0) return false;
    return m->failed = true;
}

static void *counted(void *p)
{
    blocks += p != NULL;
    return p;
}

void *memory_sound(size_t bytes)
{
    return counted(__real_malloc(bytes));
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : counted(__real_calloc(n, bytes));
}

void *__wrap_realloc(void *old, size_t bytes)
{
    if (fails()) return NULL;
    void *p = __real_realloc(old, bytes);
    if (!old) counted(p);
    return p;
}

char *__wrap_strdup(const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = __wrap_malloc(len);
    return copy ? memcpy(copy, s, len) : NULL;
}

void __wrap_free(void *p)
{
    blocks -= p != NULL;
    __real_free(p);
}
