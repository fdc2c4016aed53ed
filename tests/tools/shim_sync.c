/* shim_sync.c - preloaded into the service, it writes down how much of each file is synced, so that a test
 * can cut every file back to that after a kill -9: what a machine's crash may leave.
 *
 * SHIM_SYNC_LOG: file that gets a line "INODE BYTES" for each sync, and "INODE 0" when an inode is given up
 * and may be used again. SHIM_SYNC_SWALLOW: a suffix of paths (".log") whose syncs are answered with success,
 * not done and not written down: the store as it would be with its sync taken out. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd);
int fsync(int fd);
int unlink(const char *path);
int rename(const char *from, const char *to);

static void note(const struct stat *st, long long bytes)
{
    const char *path = getenv("SHIM_SYNC_LOG");
    char line[64];
    if (!path || !S_ISREG(st->st_mode)) return;
    int n = snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)st->st_ino, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, line, (size_t)n) != n) abort();
    close(fd);
}

static bool swallowed(int fd)
{
    const char *suffix = getenv("SHIM_SYNC_SWALLOW");
    char link[64], path[PATH_MAX];
    if (!suffix) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t len = strlen(suffix);
    return n > (ssize_t)len && memcmp(path + n - len, suffix, len) == 0;
}

/* The size before the sync: what is written meanwhile is not covered. */
static int sync_by(long call, int fd)
{
    struct stat st;
    if (swallowed(fd)) return 0;
    bool known = fstat(fd, &st) == 0;
    int rc = (int)syscall(call, fd);
    if (known && rc == 0) note(&st, (long long)st.st_size);
    return rc;
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

static void given_up(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_nlink == 1) note(&st, 0);
}

int unlink(const char *path)
{
    given_up(path);
    return (int)syscall(SYS_unlink, path);
}

int rename(const char *from, const char *to)
{
    given_up(to);
    return (int)syscall(SYS_rename, from, to);
}
