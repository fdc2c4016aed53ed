/* metrics.h - counters, gauges and histograms, written as Prometheus text (exposition format 0.0.4).
 *
 * A registry belongs to one node and its thread. Names follow Prometheus: parlance_ prefix, _total on counters,
 * _seconds and _bytes units. Handles live as long as the registry; asking for the same name and labels again gives the
 * same handle. LABELS: NULL or `actor="session",lane="user"`. */
#ifndef PL_RUNTIME_METRICS_H
#define PL_RUNTIME_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/wire.h"

struct pl_metrics;
struct pl_counter { double value; };
struct pl_gauge { double value; };
struct pl_histogram;

struct pl_metrics *pl_metrics_create(void); /* NULL when out of memory */
void pl_metrics_destroy(struct pl_metrics **m);
/* Never NULL: out of memory gives a shared handle that nobody prints. */
struct pl_counter *pl_metrics_counter(struct pl_metrics *m, const char *name, const char *help, const char *labels);
struct pl_gauge *pl_metrics_gauge(struct pl_metrics *m, const char *name, const char *help, const char *labels);
/* BOUNDS: N upper bounds in rising order; +Inf is added. */
struct pl_histogram *pl_metrics_histogram(struct pl_metrics *m, const char *name, const char *help, const char *labels,
                                          const double *bounds, size_t n);
void pl_histogram_observe(struct pl_histogram *h, double value);
uint64_t pl_histogram_count(const struct pl_histogram *h);
static inline void pl_counter_add(struct pl_counter *c, double n) { c->value += n; }
static inline void pl_gauge_set(struct pl_gauge *g, double v) { g->value = v; }
/* One number of a registry, for who shows it; strings are lent until the registry's next change. */
struct pl_figure {
    const char *name, *labels;
    enum pl_figure_kind { PL_FIGURE_COUNTER, PL_FIGURE_GAUGE, PL_FIGURE_HISTOGRAM } kind;
    double value;    /* of a histogram: the sum */
    uint64_t count;  /* of a histogram */
    double p50, p99; /* of a histogram: read off its buckets, straight lines within one; its last bound at most */
};
void pl_metrics_each(const struct pl_metrics *m, void (*fn)(const struct pl_figure *f, void *arg), void *arg);
/* Appends the whole registry as text, families in order of creation. */
void pl_metrics_write(const struct pl_metrics *m, struct pl_buf *out);

struct pl_metrics_page {
    const char *node; /* becomes the label `node` of its samples; NULL: none */
    struct pl_str text;
};
/* Appends N pages as one (metrics_merge.c). Borrows all. */
void pl_metrics_merge(const struct pl_metrics_page *pages, size_t n, struct pl_buf *out);

#endif
