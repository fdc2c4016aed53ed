#include "ops/daemon/data_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1200 };

/* mkdir -p; what is made is for this user alone. */
static int make_dir(const char *path, struct pl_err *err)
{
    char part[PATH_BYTES];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/') continue;
        char kept = *p;
        *p = 0;
        if (mkdir(part, 0700) && errno != EEXIST)
            return pl_fail(err, PL_E_IO, "data", "cannot make %s: %s", part, strerror(errno));
        *p = kept;
        if (!kept) return 0;
    }
}

int pl_data_lock_open(const char *data, const char *name, int *fd, struct pl_err *err)
{
    char path[PATH_BYTES];
    struct stat st;
    int rc = make_dir(data, err);
    if (rc) return rc;
    if (stat(data, &st) || st.st_uid != geteuid() || (st.st_mode & 077))
        return pl_fail(err, PL_E_FORBIDDEN, "data",
                       "%s has to be a directory of this user alone: chmod 700 it, or name another", data);
    snprintf(path, sizeof path, "%.1100s/%s", data, name);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *fd < 0 ? pl_fail(err, PL_E_IO, "data", "cannot open %s: %s", path, strerror(errno)) : 0;
}

int pl_data_lock_take(int fd, const char *held, const char *data, struct pl_err *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
    return pl_fail(err, PL_E_CONFLICT, "data", "%s %s", held, data);
}
