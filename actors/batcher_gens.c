/* batcher_gens.c - one generation, and lists of them. A generation is one piece of memory, sized when it is
 * submitted, so that drawing ids allocates nothing. */
#include "actors/batcher.h"

#include <stdlib.h>
#include <string.h>

void pl__gens_push(struct pl_gen_list *l, struct pl_gen *g)
{
    g->prev = l->last;
    g->next = NULL;
    if (l->last)
        l->last->next = g;
    else
        l->first = g;
    l->last = g;
    l->count++;
}

void pl__gens_unshift(struct pl_gen_list *l, struct pl_gen *g)
{
    g->prev = NULL;
    g->next = l->first;
    if (l->first)
        l->first->prev = g;
    else
        l->last = g;
    l->first = g;
    l->count++;
}

void pl__gens_remove(struct pl_gen_list *l, struct pl_gen *g)
{
    if (g->prev)
        g->prev->next = g->next;
    else
        l->first = g->next;
    if (g->next)
        g->next->prev = g->prev;
    else
        l->last = g->prev;
    g->prev = g->next = NULL;
    l->count--;
}

struct pl_gen *pl__gens_find(const struct pl_gen_list *l, struct pl_str client, uint64_t gen)
{
    struct pl_gen *g = l->first;
    while (g && (g->gen != gen || !pl_str_is(client, g->client))) g = g->next;
    return g;
}

static struct pl_exec_open sampling_of(const struct pl_gen_submit *s)
{
    return (struct pl_exec_open){.n_prompt = s->ids_count,
                                 .temperature = s->temperature,
                                 .top_p = s->top_p,
                                 .top_k = s->top_k,
                                 .min_p = s->min_p,
                                 .repetition_penalty = s->repetition_penalty,
                                 .presence_penalty = s->presence_penalty,
                                 .frequency_penalty = s->frequency_penalty,
                                 .seed = s->seed};
}

struct pl_gen *pl__gen_create(const struct pl_gen_submit *s, uint32_t ctx_size)
{
    uint32_t room = ctx_size - s->ids_count,
             most = s->ids_count + (s->max_tokens < room ? s->max_tokens : room);
    uint32_t n_pages = pl_pages_for(most);
    struct pl_gen *g = calloc(1, sizeof *g + ((size_t)most + n_pages) * sizeof(uint32_t));
    if (!g) return NULL;
    g->gen = s->gen;
    g->sampling = sampling_of(s);
    g->ids = (uint32_t *)(g + 1);
    g->n_ids = g->n_prompt = s->ids_count;
    g->n_most = most;
    g->table = (struct pl_page_table){.pages = g->ids + most, .room = n_pages, .owner = s->owner};
    memcpy(g->ids, s->ids, s->ids_count * sizeof *g->ids);
    return g;
}

void pl__gen_destroy(struct pl_gen **g)
{
    free(*g);
    *g = NULL;
}
