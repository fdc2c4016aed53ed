/* spans.c - the file of spans. Several processes append to it, so who finds it too long renames it under a
 * lock, and the others find out by its name: the name leads to another file than theirs. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/span.h"

struct pl_spans {
    pthread_mutex_t mutex;
    int fd;
    uint64_t limit_bytes;
    char path[1024], old[1032];
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

int pl_spans_open(const char *path, uint64_t limit_bytes, struct pl_spans **out, struct pl_err *err)
{
    struct pl_spans *s = calloc(1, sizeof *s);
    if (!s) return pl_fail(err, PL_E_NO_MEMORY, "spans", "no memory for the file of spans");
    snprintf(s->path, sizeof s->path, "%s", path);
    snprintf(s->old, sizeof s->old, "%s.1", s->path);
    s->limit_bytes = limit_bytes;
    s->fd = strlen(path) < sizeof s->path ? open_file(path) : -1;
    if (s->fd < 0) {
        int why = errno;
        free(s);
        return pl_fail(err, PL_E_IO, "spans", "cannot open %s: %s", path, strerror(why));
    }
    pthread_mutex_init(&s->mutex, NULL);
    *out = s;
    return 0;
}

void pl_spans_close(struct pl_spans **s)
{
    if (!*s) return;
    close((*s)->fd);
    pthread_mutex_destroy(&(*s)->mutex);
    free(*s);
    *s = NULL;
}

/* True when the path leads to the file that is open here. */
static bool is_current(const struct pl_spans *s, const struct stat *mine)
{
    struct stat named;
    return stat(s->path, &named) == 0 && named.st_dev == mine->st_dev && named.st_ino == mine->st_ino;
}

static void begin_anew(struct pl_spans *s, const struct stat *mine)
{
    if (flock(s->fd, LOCK_EX)) return;
    if (is_current(s, mine)) (void)rename(s->path, s->old);
    int fd = open_file(s->path);
    flock(s->fd, LOCK_UN);
    if (fd < 0) return;
    close(s->fd);
    s->fd = fd;
}

void pl__spans_write(struct pl_spans *s, const char *line, size_t len)
{
    struct stat mine;
    pthread_mutex_lock(&s->mutex);
    if (fstat(s->fd, &mine) == 0 && (uint64_t)mine.st_size + len > s->limit_bytes) begin_anew(s, &mine);
    ssize_t n = write(s->fd, line, len);
    (void)n;
    pthread_mutex_unlock(&s->mutex);
}
