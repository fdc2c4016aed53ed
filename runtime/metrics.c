/* metrics.c - a registry of named numbers and its text.
 *
 * Families (one name, one help, one kind) hold one series for each set of labels; both are lists in order of
 * creation. Look-ups are linear: they happen when an actor starts, never for a message. */
#include "runtime/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/wire.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

struct pl_histogram {
    size_t n;
    uint64_t count;
    double sum;
    double *bounds;    /* n */
    uint64_t *buckets; /* n + 1, not cumulative */
};
struct series {
    struct series *next;
    char *labels;
    union {
        struct pl_counter counter;
        struct pl_gauge gauge;
        struct pl_histogram histogram;
    } as;
};
struct family {
    struct family *next;
    char *name, *help;
    enum kind kind;
    struct series *first, **last;
};
struct pl_metrics {
    struct family *first, **last;
};

struct pl_metrics *pl_metrics_create(void)
{
    struct pl_metrics *m = calloc(1, sizeof *m);
    if (m) m->last = &m->first;
    return m;
}

static void free_series(struct series *s, enum kind kind)
{
    if (kind == HISTOGRAM) {
        free(s->as.histogram.bounds);
        free(s->as.histogram.buckets);
    }
    free(s->labels);
    free(s);
}

static void free_family(struct family *f)
{
    for (struct series *s = f->first, *next; s; s = next) {
        next = s->next;
        free_series(s, f->kind);
    }
    free(f->name);
    free(f->help);
    free(f);
}

void pl_metrics_destroy(struct pl_metrics **m)
{
    if (!*m) return;
    for (struct family *f = (*m)->first, *next; f; f = next) {
        next = f->next;
        free_family(f);
    }
    free(*m);
    *m = NULL;
}

static struct family *family_of(struct pl_metrics *m, const char *name, const char *help, enum kind kind)
{
    for (struct family *f = m->first; f; f = f->next)
        if (strcmp(f->name, name) == 0) return f->kind == kind ? f : NULL;
    struct family *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    *f = (struct family){.name = strdup(name), .help = strdup(help), .kind = kind, .last = &f->first};
    if (!f->name || !f->help) {
        free_family(f);
        return NULL;
    }
    *m->last = f;
    m->last = &f->next;
    return f;
}

static bool init_histogram(struct pl_histogram *h, const double *bounds, size_t n)
{
    h->n = n;
    h->bounds = calloc(n + 1, sizeof *h->bounds);
    h->buckets = calloc(n + 1, sizeof *h->buckets);
    if (h->bounds && n) memcpy(h->bounds, bounds, n * sizeof *bounds);
    return h->bounds && h->buckets;
}

static struct series *series_of(struct pl_metrics *m, const char *name, const char *help, const char *labels,
                                enum kind kind, const double *bounds, size_t n)
{
    if (!labels) labels = "";
    struct family *f = m ? family_of(m, name, help, kind) : NULL;
    if (!f) return NULL;
    for (struct series *s = f->first; s; s = s->next)
        if (strcmp(s->labels, labels) == 0) return s;
    struct series *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->labels = strdup(labels);
    if (!s->labels || (kind == HISTOGRAM && !init_histogram(&s->as.histogram, bounds, n))) {
        free_series(s, kind);
        return NULL;
    }
    *f->last = s;
    f->last = &s->next;
    return s;
}

struct pl_counter *pl_metrics_counter(struct pl_metrics *m, const char *name, const char *help,
                                      const char *labels)
{
    static _Thread_local struct pl_counter lost;
    struct series *s = series_of(m, name, help, labels, COUNTER, NULL, 0);
    return s ? &s->as.counter : &lost;
}

struct pl_gauge *pl_metrics_gauge(struct pl_metrics *m, const char *name, const char *help,
                                  const char *labels)
{
    static _Thread_local struct pl_gauge lost;
    struct series *s = series_of(m, name, help, labels, GAUGE, NULL, 0);
    return s ? &s->as.gauge : &lost;
}

struct pl_histogram *pl_metrics_histogram(struct pl_metrics *m, const char *name, const char *help,
                                          const char *labels, const double *bounds, size_t n)
{
    static _Thread_local uint64_t lost_bucket;
    static _Thread_local struct pl_histogram lost;
    lost.buckets = &lost_bucket;
    struct series *s = series_of(m, name, help, labels, HISTOGRAM, bounds, n);
    return s ? &s->as.histogram : &lost;
}

void pl_histogram_observe(struct pl_histogram *h, double value)
{
    size_t i = 0;
    while (i < h->n && value > h->bounds[i]) i++;
    h->buckets[i]++;
    h->count++;
    h->sum += value;
}

uint64_t pl_histogram_count(const struct pl_histogram *h)
{
    return h->count;
}

static void write_value(struct pl_buf *out, double v)
{
    if (isnan(v))
        pl_buf_printf(out, "NaN\n");
    else if (isinf(v))
        pl_buf_printf(out, v > 0 ? "+Inf\n" : "-Inf\n");
    else
        pl_buf_printf(out, "%.15g\n", v);
}

static void write_series(struct pl_buf *out, const char *name, const char *suffix, const char *labels,
                         double value)
{
    pl_buf_printf(out, "%s%s%s%s%s ", name, suffix, *labels ? "{" : "", labels, *labels ? "}" : "");
    write_value(out, value);
}

static void write_histogram(struct pl_buf *out, const char *name, const char *labels,
                            const struct pl_histogram *h)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= h->n; i++) {
        total += h->buckets[i];
        pl_buf_printf(out, "%s_bucket{%s%sle=\"", name, labels, *labels ? "," : "");
        if (i < h->n)
            pl_buf_printf(out, "%.15g", h->bounds[i]);
        else
            pl_buf_printf(out, "+Inf");
        pl_buf_printf(out, "\"} %llu\n", (unsigned long long)total);
    }
    write_series(out, name, "_sum", labels, h->sum);
    write_series(out, name, "_count", labels, (double)h->count);
}

/* HELP text: backslash and newline are escaped. */
static void write_help(struct pl_buf *out, const struct family *f)
{
    pl_buf_printf(out, "# HELP %s ", f->name);
    for (const char *p = f->help; *p; p++) {
        const char *escape = *p == '\n' ? "\\n" : *p == '\\' ? "\\\\" : NULL;
        pl_buf_write(out, escape ? escape : p, escape ? 2 : 1);
    }
    pl_buf_printf(out, "\n# TYPE %s %s\n", f->name, kind_names[f->kind]);
}

void pl_metrics_write(const struct pl_metrics *m, struct pl_buf *out)
{
    for (const struct family *f = m->first; f; f = f->next) {
        write_help(out, f);
        for (const struct series *s = f->first; s; s = s->next) {
            if (f->kind == HISTOGRAM)
                write_histogram(out, f->name, s->labels, &s->as.histogram);
            else
                write_series(out, f->name, "", s->labels,
                             f->kind == COUNTER ? s->as.counter.value : s->as.gauge.value);
        }
    }
}

static double share_of(const struct pl_histogram *h, double share)
{
    double want = share * (double)h->count, below = 0;
    for (size_t i = 0; i < h->n && h->count; i++) {
        double in = (double)h->buckets[i], from = i ? h->bounds[i - 1] : 0;
        if (in > 0 && below + in >= want) return from + (h->bounds[i] - from) * (want - below) / in;
        below += in;
    }
    return h->count && h->n ? h->bounds[h->n - 1] : 0;
}

static struct pl_figure figure_of(const struct family *f, const struct series *s)
{
    struct pl_figure out = {.name = f->name, .labels = s->labels, .kind = (enum pl_figure_kind)f->kind};
    const struct pl_histogram *h = &s->as.histogram;
    if (f->kind != HISTOGRAM) {
        out.value = f->kind == COUNTER ? s->as.counter.value : s->as.gauge.value;
        return out;
    }
    out.value = h->sum;
    out.count = h->count;
    out.p50 = share_of(h, 0.5);
    out.p99 = share_of(h, 0.99);
    return out;
}

void pl_metrics_each(const struct pl_metrics *m, void (*fn)(const struct pl_figure *f, void *arg), void *arg)
{
    for (const struct family *f = m->first; f; f = f->next)
        for (const struct series *s = f->first; s; s = s->next) {
            struct pl_figure one = figure_of(f, s);
            fn(&one, arg);
        }
}
