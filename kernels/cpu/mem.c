/* A block starts with one cache line that remembers how it was got:
 *
 *     small: aligned_alloc'd      [64: base, 0     ][data ...]
 *     large: mapped, 2 MiB aligned [64: base, length][data ...]
 *
 * Sanitized builds use the small way only, so that overruns are seen. */
#include "kernels/cpu/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

struct header {
    void *base;
    uint64_t mapped_bytes; /* 0: aligned_alloc */
};

static void *give(char *start, void *base, uint64_t mapped_bytes)
{
    *(struct header *)(void *)start = (struct header){base, mapped_bytes};
    return start + LINE;
}

static void *alloc_small(uint64_t bytes)
{
    uint64_t all = (bytes + LINE + LINE - 1) / LINE * LINE;
    char *p = aligned_alloc(LINE, all);
    if (!p) return NULL;
    memset(p, 0, all);
    return give(p, p, 0);
}

#if !defined(PL_SANITIZED)
static void *alloc_large(uint64_t bytes)
{
    uint64_t all = bytes + LINE + HUGE_PAGE;
    char *base = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NULL;
    char *start = base + (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE;
    madvise(start, bytes + LINE, MADV_HUGEPAGE); /* advice: a kernel without huge pages is only slower */
    return give(start, base, all);
}
#endif

void *pl__mem_alloc(uint64_t bytes)
{
    if (bytes > UINT64_MAX / 4) return NULL;
#if defined(PL_SANITIZED)
    return alloc_small(bytes);
#else
    return bytes < HUGE_PAGE ? alloc_small(bytes) : alloc_large(bytes);
#endif
}

void pl__mem_free(void *p)
{
    if (!p) return;
    struct header *h = (struct header *)(void *)((char *)p - LINE);
    if (h->mapped_bytes)
        munmap(h->base, h->mapped_bytes);
    else
        free(h->base);
}
