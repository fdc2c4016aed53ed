/* log.c - one JSON object a line, built on the stack and written at once.
 *
 * The format is split into pairs before it is filled in, so a space or a quote inside a value cannot make a
 * new key: each space that precedes `key=` in the format becomes a separator byte that values do not hold. */
#include "runtime/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "schemas/wire.h"

enum { LINE_MAX_BYTES = 4096, TEXT_MAX_BYTES = 3072, FORMAT_MAX_BYTES = 512, SEPARATOR = 0x1f };

static const char *const level_names[] = {"error", "warn", "info", "debug"};

int pl_log_level_parse(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, level_names[i]) == 0) return i;
    return -1;
}

/* The line so far. The last two bytes are kept for the end, so that a line that was cut is still JSON. */
struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
    bool full;
};

static void put(struct line *l, const char *s, size_t n)
{
    if (l->full || n > sizeof l->data - 3 - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->data + l->len, s, n);
    l->len += n;
}

static void put_string(struct line *l, const char *s, size_t n)
{
    put(l, "\"", 1);
    size_t body = l->len;
    for (size_t i = 0; i < n && !l->full;) {
        unsigned char c = (unsigned char)s[i];
        size_t len = pl_str_character((const uint8_t *)s + i, n - i);
        char escape[8];
        if (c == '"' || c == '\\')
            put(l, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c < 0x20 || c == 0x7f)
            put(l, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else if (len == 0)
            put(l, "\\ufffd", 6);
        else
            put(l, s + i, len);
        i += len ? len : 1;
    }
    if (!l->full) put(l, "\"", 1);
    if (l->full && l->len >= body) l->data[l->len++] = '"';
}

static void put_pair(struct line *l, const char *key, size_t key_len, const char *value, size_t len)
{
    /* A key that is cut leaves no half pair behind. */
    if (l->full || l->len + key_len + 8 > sizeof l->data) {
        l->full = true;
        return;
    }
    put(l, l->len > 1 ? ",\"" : "\"", l->len > 1 ? 2 : 1);
    put(l, key, key_len);
    put(l, "\":", 2);
    put_string(l, value, len);
}

static void put_text(struct line *l, const char *key, const char *value)
{
    if (value && *value) put_pair(l, key, strlen(key), value, strlen(value));
}

static bool starts_key(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && s[n] == '=';
}

static void split_format(const char *fmt, char out[FORMAT_MAX_BYTES])
{
    size_t i = 0;
    for (; fmt[i] && i < FORMAT_MAX_BYTES - 1; i++)
        out[i] = fmt[i] == ' ' && starts_key(fmt + i + 1) ? SEPARATOR : fmt[i];
    out[i] = '\0';
}

static void put_pairs(struct line *l, char *text)
{
    for (char *rest = text, *end; *rest; rest = *end ? end + 1 : end) {
        end = rest + strcspn(rest, (const char[]){SEPARATOR, '\0'});
        char *equal = memchr(rest, '=', (size_t)(end - rest));
        if (equal) put_pair(l, rest, (size_t)(equal - rest), equal + 1, (size_t)(end - equal - 1));
    }
}

static _Thread_local const char *trace;
static _Thread_local size_t trace_len;

void pl_log_trace(const char *traceparent, size_t len)
{
    trace = traceparent;
    trace_len = len;
}

/* Of a traceparent the id of the trace is what one looks for. */
static void put_trace(struct line *l)
{
    if (trace_len >= 55 && trace[2] == '-')
        put_pair(l, "trace", 5, trace + 3, 32);
    else if (trace_len)
        put_pair(l, "trace", 5, trace, trace_len);
}

static void put_time(struct line *l, const struct pl_log *log)
{
    if (!log->wall_ms) return;
    uint64_t ms = log->wall_ms(log->arg);
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    char text[48], day[32];
    if (!gmtime_r(&seconds, &t) || !strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t)) return;
    snprintf(text, sizeof text, "%s.%03uZ", day, (unsigned)(ms % 1000));
    put_text(l, "time", text);
}

static void write_line(int fd, const struct line *l)
{
    ssize_t n;
    do {
        n = write(fd, l->data, l->len);
    } while (n < 0 && errno == EINTR);
    (void)n; /* a log that cannot be written must not stop the service */
}

void pl_log_write(struct pl_log *log, enum pl_log_level level, const char *actor, const char *event,
                  const char *fmt, ...)
{
    if (!log || log->fd < 0 || level > log->level) return;
    struct line l = {.len = 0, .full = false};
    char format[FORMAT_MAX_BYTES], text[TEXT_MAX_BYTES] = "";
    put(&l, "{", 1);
    put_time(&l, log);
    put_text(&l, "level", level_names[level]);
    put_text(&l, "node", log->node);
    put_text(&l, "actor", actor);
    put_text(&l, "event", event);
    put_trace(&l);
    if (fmt) {
        split_format(fmt, format);
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        put_pairs(&l, text);
    }
    l.data[l.len++] = '}';
    l.data[l.len++] = '\n';
    write_line(log->fd, &l);
}
