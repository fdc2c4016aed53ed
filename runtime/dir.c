/* dir.c - directories that only we may enter. Blocks on the file system; any thread. */
#include "runtime/dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_one(const char *path, struct pl_err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return 0;
    return pl_fail(err, PL_E_IO, "path", "cannot make the directory %s: %s", path, strerror(errno));
}

int pl__dir_make(const char *path, struct pl_err *err)
{
    char copy[PATH_MAX];
    int n = snprintf(copy, sizeof copy, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof copy)
        return pl_fail(err, PL_E_TOO_LARGE, "path", "the path of a directory has to have 1 to %d bytes",
                       PATH_MAX - 1);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        int rc = make_one(copy, err);
        if (rc) return rc;
        *p = '/';
    }
    int rc = make_one(copy, err);
    if (rc) return rc;
    struct stat st;
    if (stat(copy, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    return pl_fail(err, PL_E_IO, "path", "%s is not a directory", copy);
}

int pl__dir_make_private_for(const char *file, struct pl_err *err)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(file, '/');
    size_t n = !slash ? 0 : slash == file ? 1 : (size_t)(slash - file);
    if (n >= sizeof dir) return pl_fail(err, PL_E_TOO_LARGE, "path", "%.80s... is too long a path", file);
    if (n == 0)
        strcpy(dir, ".");
    else
        memcpy(dir, file, n), dir[n] = 0;
    int rc = pl__dir_make(dir, err);
    if (rc) return rc;
    struct stat st;
    if (lstat(dir, &st) != 0)
        return pl_fail(err, PL_E_IO, "path", "cannot look at the directory %s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return pl_fail(
            err, PL_E_FORBIDDEN, "path",
            "%s has to be a directory of this user with mode 0700, because whoever can enter it can connect",
            dir);
    return 0;
}
