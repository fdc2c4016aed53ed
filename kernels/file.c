#include "kernels/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct pl_err *err, const char *what, const char *path)
{
    int code = errno == ENOENT ? PL_E_NOT_FOUND : PL_E_IO;
    return pl_fail(err, code, "file", "cannot %s %s: %s", what, path, strerror(errno));
}

int pl_file_begin(struct pl_file *w, const char *path, struct pl_err *err)
{
    w->f = NULL;
    if (strlen(path) > 1000)
        return pl_fail(err, PL_E_TOO_LARGE, "file", "the path %.60s... is too long", path);
    snprintf(w->path, sizeof w->path, "%s", path);
    snprintf(w->temporary, sizeof w->temporary, "%s.%ld.tmp", path, (long)getpid());
    w->f = fopen(w->temporary, "wbe");
    return w->f ? 0 : fail(err, "write", w->temporary);
}

static int sync_directory(const char *path, struct pl_err *err)
{
    char dir[1024];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash) slash[slash == dir] = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(err, "open", dir);
    int rc = fsync(fd) ? fail(err, "sync", dir) : 0;
    close(fd);
    return rc;
}

int pl_file_end(struct pl_file *w, bool good, struct pl_err *err)
{
    int rc = 0;
    if (!w->f) return 0;
    if (good && (fflush(w->f) || ferror(w->f) || fsync(fileno(w->f)))) rc = fail(err, "write", w->temporary);
    if (fclose(w->f) && good && !rc) rc = fail(err, "write", w->temporary);
    w->f = NULL;
    if (good && !rc && rename(w->temporary, w->path)) rc = fail(err, "write", w->path);
    if (!good || rc) unlink(w->temporary);
    return good && !rc ? sync_directory(w->path, err) : rc;
}

static int read_all(FILE *f, const char *path, size_t most, char **data, size_t *len, struct pl_err *err)
{
    struct stat st;
    if (fstat(fileno(f), &st)) return fail(err, "read", path);
    if (!S_ISREG(st.st_mode)) return pl_fail(err, PL_E_IO, "file", "%s is no regular file", path);
    if ((uint64_t)st.st_size > most)
        return pl_fail(err, PL_E_TOO_LARGE, "file", "%s has more than %zu bytes", path, most);
    *data = malloc((size_t)st.st_size + 1);
    if (!*data) return pl_fail(err, PL_E_NO_MEMORY, "file", "no memory for %s", path);
    *len = fread(*data, 1, (size_t)st.st_size, f);
    (*data)[*len] = 0;
    if (*len == (size_t)st.st_size) return 0;
    free(*data);
    *data = NULL;
    return pl_fail(err, PL_E_IO, "file", "%s cannot be read whole", path);
}

int pl_file_read(const char *path, size_t most, char **data, size_t *len, struct pl_err *err)
{
    *data = NULL;
    FILE *f = fopen(path, "rbe");
    if (!f) return fail(err, "read", path);
    int rc = read_all(f, path, most, data, len, err);
    fclose(f);
    return rc;
}
