#include "tests/simulation/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void rules_broken(struct rules *r, const char *rule, uint64_t got, uint64_t bound, const char *where, ...)
{
    char place[160], text[sizeof r->text];
    va_list ap;
    va_start(ap, where);
    vsnprintf(place, sizeof place, where, ap);
    va_end(ap);
    snprintf(text, sizeof text, "seed %llu, step %llu, %.3f s: %s: %s: %llu against %llu",
             (unsigned long long)r->seed, (unsigned long long)pl_sim_steps(r->sim),
             (double)pl_sim_now_ms(r->sim) / 1e3, rule, place, (unsigned long long)got,
             (unsigned long long)bound);
    if (r->verbose) fprintf(stderr, "broken: %s\n", text);
    if (r->broken++) return;
    snprintf(r->rule, sizeof r->rule, "%s", rule);
    memcpy(r->text, text, sizeof text);
}
