/* log.h - structured log lines: one JSON object a line on stderr (or a given file), or nothing.
 *
 * {"time":"...","level":"info","node":"service","actor":"session","event":"accepted","id":"..."}
 * FMT names the further keys: a printf format of `key=value` pairs separated by spaces, where the values are written as
 * JSON strings ("id=%s tokens=%u" gives "id":"...","tokens":"12"); a value may hold no space unless it is the last key's,
 * which takes the rest of the line. Any thread may write; a line goes out in one write(2). Over-long lines are cut. */
#ifndef PL_RUNTIME_LOG_H
#define PL_RUNTIME_LOG_H

#include <stddef.h>
#include <stdint.h>

enum pl_log_level { PL_LOG_ERROR, PL_LOG_WARN, PL_LOG_INFO, PL_LOG_DEBUG };
struct pl_log {
    int fd;                   /* -1: discard */
    enum pl_log_level level;  /* lines above it are dropped */
    const char *node;
    uint64_t (*wall_ms)(void *arg); /* NULL: no time */
    void *arg;
};
void pl_log_write(struct pl_log *log, enum pl_log_level level, const char *actor, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* From now on lines of this thread say "trace": the trace id of this traceparent (lent until the next call). NULL: none. */
void pl_log_trace(const char *traceparent, size_t len);
int pl_log_level_parse(const char *name); /* error, warn, info, debug; -1 when unknown */

#endif
