/* output.c - JSON for programs and tables for people. */
#include "ops/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "kernels/utf8.h"

void cli_print_record(const struct pl_type *type, const void *record, const char *extra, const char *tail)
{
    struct pl_buf b = {0};
    type->print(record, &b);
    if (b.len >= 2)
        printf("{%s%.*s%s}\n", extra ? extra : "", (int)(b.len - 2), (const char *)b.data + 1,
               tail ? tail : "");
    pl_buf_finish(&b);
}

void cli_print_json(json_t *v)
{
    json_dumpf(v, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(v);
}

json_t *cli_json_text(const char *bytes, size_t len)
{
    size_t need = pl_utf8_sanitize(NULL, 0, bytes, len);
    char *clean = malloc(need + 1);
    if (!clean) return json_null();
    pl_utf8_sanitize(clean, need, bytes, len);
    json_t *v = json_stringn(clean, need);
    free(clean);
    return v;
}

void cli_table_row(struct cli_table *t, ...)
{
    if (t->count + t->columns > t->capacity) {
        size_t capacity = 2 * t->capacity + 64 * t->columns;
        char **more = realloc(t->cells, capacity * sizeof *more);
        PL_MUST(more);
        t->cells = more;
        t->capacity = capacity;
    }
    va_list args;
    va_start(args, t);
    for (size_t i = 0; i < t->columns; i++) {
        char *copy = strdup(va_arg(args, const char *));
        PL_MUST(copy);
        t->cells[t->count++] = copy;
    }
    va_end(args);
}

/* Characters, not bytes; wide ones count as one. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static size_t column_width(const struct cli_table *t, size_t column)
{
    size_t most = 0;
    for (size_t i = column; i < t->count; i += t->columns)
        if (width(t->cells[i]) > most) most = width(t->cells[i]);
    return most;
}

void cli_table_print(struct cli_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        bool last = (i + 1) % t->columns == 0;
        size_t pad = last ? 0 : column_width(t, i % t->columns) - width(t->cells[i]) + 2;
        printf("%s%*s%s", t->cells[i], (int)pad, "", last ? "\n" : "");
    }
    for (size_t i = 0; i < t->count; i++) free(t->cells[i]);
    free(t->cells);
    *t = (struct cli_table){.columns = t->columns};
}

const char *cli_time(uint64_t ms)
{
    static char slots[4][32];
    static unsigned next;
    char *slot = slots[next++ % 4];
    time_t s = (time_t)(ms / 1000);
    struct tm parts;
    if (!localtime_r(&s, &parts) || !strftime(slot, sizeof slots[0], "%Y-%m-%d %H:%M:%S", &parts)) *slot = 0;
    return slot;
}

const char *cli_format(const char *fmt, ...)
{
    static char slots[16][512];
    static unsigned next;
    char *slot = slots[next++ % 16];
    va_list args;
    va_start(args, fmt);
    vsnprintf(slot, sizeof slots[0], fmt, args);
    va_end(args);
    return slot;
}
