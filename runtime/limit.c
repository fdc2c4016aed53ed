/* limit.c - how much memory a process holds and may hold. Needs no loop; any thread.
 *
 * A peer can make libzmq allocate before we see a byte, and libzmq ends the process when it gets no memory.
 * So the supervisor reads the resident size of a child that owns outside sockets, and the child bounds its
 * address space: what an allocation beyond it meets is a NULL, and libzmq's end is told by an exit status of
 * its own. The address space has to be larger: of the 70 KiB of each connection libzmq touches less than a
 * third.
 *
 * Sanitizers reserve terabytes of address space and hold freed memory back: there only the resident size
 * counts, and it may be some times larger. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/loop_inside.h"

#ifdef PL_SANITIZED
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { SANITIZED_FACTOR = 6, ADDRESS_FACTOR = 3, THREADS_BYTES = 20 << 20 }; /* stacks of libzmq's threads */

static uint64_t address_limit, address_short; /* of this process; less than SHORT left counts as none */

uint64_t pl__memory_allowed(uint64_t memory_bytes)
{
    return SANITIZED ? memory_bytes * SANITIZED_FACTOR : memory_bytes;
}

/* The two first numbers of a statm file, in bytes. Also called in a signal handler. */
static bool read_statm(const char *path, uint64_t *size, uint64_t *resident)
{
    char text[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return false;
    text[n] = 0;
    uint64_t values[2] = {0}, page = (uint64_t)sysconf(_SC_PAGESIZE);
    const char *p = text;
    for (int i = 0; i < 2; i++, p += *p == ' ')
        for (; *p >= '0' && *p <= '9'; p++) values[i] = values[i] * 10 + (uint64_t)(*p - '0');
    *size = values[0] * page;
    *resident = values[1] * page;
    return true;
}

uint64_t pl__memory_resident(long pid)
{
    char path[48];
    uint64_t size, resident;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid);
    return read_statm(path, &size, &resident) ? resident : 0;
}

/* Whoever aborts with no address space left did so for want of memory. Otherwise the signal takes its course.
 */
static void on_abort(int number)
{
    uint64_t size, resident;
    bool known = read_statm("/proc/self/statm", &size, &resident);
    if (known && size + address_short >= address_limit) _exit(PL_CHILD_EXIT_MEMORY);
    signal(number, SIG_DFL);
}

int pl_child_limit(uint64_t memory_bytes, struct pl_err *err)
{
    uint64_t size, resident;
    struct rlimit r;
    if (SANITIZED || memory_bytes == 0) return 0;
    mallopt(M_ARENA_MAX, 1); /* each further arena reserves 64 MiB of address space */
    if (!read_statm("/proc/self/statm", &size, &resident) || getrlimit(RLIMIT_AS, &r) != 0)
        return pl_fail(err, PL_E_IO, "memory", "cannot read this process's own size");
    address_limit = size + ADDRESS_FACTOR * memory_bytes + THREADS_BYTES;
    address_short = memory_bytes / 8;
    if (r.rlim_max != RLIM_INFINITY && address_limit > r.rlim_max) address_limit = r.rlim_max;
    r.rlim_cur = r.rlim_max = address_limit;
    if (setrlimit(RLIMIT_AS, &r) != 0)
        return pl_fail(err, PL_E_IO, "memory", "cannot bound this process's address space");
    signal(SIGABRT, on_abort);
    return 0;
}

void pl_child_open_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
}
