/* top_sums.h - two states of the service, some time apart, and what follows from them: rates, requests,
 * batches, tenants. Knows only the messages, nothing of terminals. */
#ifndef PL_OPS_CLI_TOP_SUMS_H
#define PL_OPS_CLI_TOP_SUMS_H

#include <jansson.h>
#include "schemas/gen/admin.h"

/* BEFORE: NULL, or the state SECONDS earlier; without it, or when that is less than 0.05, rates are 0. All
 * borrowed. */
struct top_view {
    const struct pl_node_state *now, *before;
    double seconds;
};
/* Sum of VALUE over all series and nodes of a counter or gauge; of a histogram its sum. */
double top_value(const struct top_view *v, const char *name);
double top_rate(const struct top_view *v, const char *name); /* of a counter, a second */
double top_mean(const struct top_view *v,
                const char *name); /* of what a histogram observed between the two; 0: nothing */
double top_count_rate(const struct top_view *v, const char *name); /* observations of a histogram, a second */
const struct pl_figure_row *top_figure(const struct pl_node_state *s,
                                       const char *name); /* its first; NULL: none */
const struct pl_node_row *top_node_before(const struct top_view *v, struct pl_str node); /* NULL: none */
const struct pl_actor_row *top_actor_before(const struct top_view *v, struct pl_str actor);
/* DELTA of a count that only rises, a second; 0 when it began anew. */
double top_per_second(const struct top_view *v, uint64_t now, uint64_t before);

/* {"default":{"requests_accepted_total":3}}: every figure with a label `tenant`, by tenant. The caller owns
 * it. */
json_t *top_tenants(const struct top_view *v);
/* {"interval_s":..,"requests":{..},"batches":{..},"tenants":{..}}. The caller owns it. */
json_t *top_summary(const struct top_view *v);

#endif
