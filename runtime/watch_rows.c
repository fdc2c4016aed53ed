#include "runtime/watch_rows.h"

#include <stdio.h>

#include "schemas/gen/admin.h"

static struct pl_str own_name(const struct pl_node *n)
{
    return pl_str_of(n->name);
}

/* ---- a node of itself ---- */

static void fill_node(struct pl_node *n, struct pl_msg *m, struct pl_node_row *row)
{
    const struct pl_world *w = &n->opts.world;
    struct pl_process p = {0};
    struct pl_node_counts c;
    pl_node_row_type.init(row);
    if (w->process) w->process(w->self, &p);
    pl_node_counts(n, &c);
    row->node = pl_msg_str(m, own_name(n));
    row->up = true;
    row->pid = p.pid;
    row->rss_bytes = p.rss_bytes;
    row->cpu_ms = p.cpu_ms;
    row->open_files = p.open_files;
    row->up_ms = n->now_ms - n->start_ms;
    row->sent = c.sent;
    row->handled = c.handled;
    row->refused = c.refused;
    row->dead = c.dead;
}

static void fill_error(struct pl_msg *m, const struct pl__work *w, struct pl_actor_row *row)
{
    char text[192];
    if (!w->error) return;
    snprintf(text, sizeof text, "%s in %s", pl_error_name(w->error), w->error_type ? w->error_type : "start");
    row->has_last_error = row->has_last_error_ms = true;
    row->last_error = pl_msg_str(m, pl_str_of(text));
    row->last_error_ms = w->error_ms;
}

static void fill_times(const struct pl__work *w, struct pl_actor_row *row)
{
    row->wait_p50_us = pl__spread_at(&w->wait[0], &w->wait[1], 0.5);
    row->wait_p99_us = pl__spread_at(&w->wait[0], &w->wait[1], 0.99);
    row->run_p50_us = pl__spread_at(&w->run[0], &w->run[1], 0.5);
    row->run_p99_us = pl__spread_at(&w->run[0], &w->run[1], 0.99);
}

/* The states' names stand in the schema in the order of enum pl__actor_state. */
static void fill_actor(struct pl_msg *m, const struct pl_actor *a, struct pl_actor_row *row)
{
    enum pl__lane lane;
    const struct pl_msg *next = pl__mailbox_peek(&a->mailbox, &lane);
    pl_actor_row_type.init(row);
    row->actor = pl_msg_str(m, (struct pl_str){a->route->name, a->route->len});
    row->node = pl_msg_str(m, own_name(a->node));
    row->state = (enum pl_actor_row_state)a->life;
    row->mailbox = a->mailbox.lanes[PL__LANE_USER].count;
    row->mailbox_system = a->mailbox.lanes[PL__LANE_SYSTEM].count;
    row->limit = a->mailbox.limit;
    row->high_water = a->mailbox.high_water;
    row->handled = a->taken;
    row->restarts = (uint64_t)a->restarts->value;
    row->slow = a->work->slow;
    row->stalls = a->work->stalls;
    fill_times(a->work, row);
    fill_error(m, a->work, row);
    row->has_message = row->has_message_age_us = next != NULL;
    if (!next) return;
    row->message = pl_str_of(next->type->name);
    row->message_age_us = a->node->now_us - next->queued_us;
}

struct figures {
    struct pl_msg *m;
    struct pl_str node;
    struct pl_figure_row *rows; /* NULL: only counted */
    uint32_t count;
};

static void add_figure(const struct pl_figure *f, void *arg)
{
    struct figures *all = arg;
    struct pl_figure_row *row = all->rows ? &all->rows[all->count] : NULL;
    all->count++;
    if (!row) return;
    pl_figure_row_type.init(row);
    row->name = pl_msg_str(all->m, pl_str_of(f->name));
    row->labels = pl_msg_str(all->m, pl_str_of(f->labels));
    row->node = all->node;
    row->kind = (enum pl_figure_row_kind)f->kind;
    row->value = f->value;
    row->count = f->count;
    row->p50 = f->p50;
    row->p99 = f->p99;
}

struct pl_msg *pl__watch_state(struct pl_node *n)
{
    PL_NEW(m, s, node_state);
    if (!m) return NULL;
    struct pl_metrics *metrics = pl_node_metrics(n);
    struct figures all = {.m = m, .node = pl_msg_str(m, own_name(n))};
    pl_metrics_each(metrics, add_figure, &all);
    s->at_ms = n->opts.world.wall_ms(n->opts.world.self);
    s->nodes = pl_msg_alloc(m, sizeof *s->nodes);
    s->actors = pl_msg_alloc(m, (n->actors_count + 1) * sizeof *s->actors);
    s->figures = all.rows = pl_msg_alloc(m, (all.count + 1) * sizeof *all.rows);
    if (m->lacking) {
        pl_msg_unref(&m);
        return NULL;
    }
    all.count = 0;
    pl_metrics_each(metrics, add_figure, &all);
    s->figures_count = all.count;
    fill_node(n, m, s->nodes);
    s->nodes_count = 1;
    for (; s->actors_count < n->actors_count; s->actors_count++)
        fill_actor(m, n->actors[s->actors_count], &s->actors[s->actors_count]);
    return m;
}

static void fill_letter(struct pl_node *n, struct pl_msg *m, const struct pl__letter *l,
                        struct pl_letter_row *row)
{
    char name[96];
    snprintf(name, sizeof name, "%s:%llu", n->name, (unsigned long long)l->number);
    pl_letter_row_type.init(row);
    row->letter = pl_msg_str(m, pl_str_of(name));
    row->at_ms = l->at_ms;
    row->cause = pl_str_of(pl_error_name(l->cause));
    row->type = pl_str_of(l->type);
    row->from = pl_msg_str(m, pl_str_of(l->from));
    row->to = pl_msg_str(m, pl_str_of(l->to));
    row->has_trace = l->trace[0] != 0;
    row->trace = pl_msg_str(m, pl_str_of(l->trace));
    row->bytes = l->bytes;
    row->kept = l->m != NULL;
    row->replayed = l->replayed;
}

struct pl_msg *pl__watch_letters(struct pl_node *n)
{
    PL_NEW(m, b, letters_listed);
    if (!m) return NULL;
    uint64_t first = pl__letters_first(&n->letters), count = first ? n->letters.newest - first + 1 : 0;
    b->total = n->letters.newest;
    b->letters = pl_msg_alloc(m, (count + 1) * sizeof *b->letters);
    for (uint64_t i = 0; b->letters && i < count; i++) {
        const struct pl__letter *l = pl__letters_find(&n->letters, first + i);
        if (l) fill_letter(n, m, l, &b->letters[b->letters_count++]);
    }
    if (m->lacking) pl_msg_unref(&m);
    return m;
}

/* ---- all nodes ---- */

/* Adds COUNT rows at FROM to the *N rows at TO, which has room for MOST. */
static bool add_rows(struct pl_msg *m, const struct pl_type *type, void *to, uint32_t *n, uint32_t most,
                     const void *from, uint32_t count)
{
    for (uint32_t i = 0; i < count && *n < most; i++, (*n)++)
        if (type->copy((const char *)from + (size_t)i * type->size, &m->arena,
                       (char *)to + (size_t)*n * type->size))
            return false;
    return true;
}

enum { NODES_MOST = 64, ACTORS_MOST = 512, FIGURES_MOST = 16384, LETTERS_MOST = 16384 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool join_states(struct pl_msg *m, struct pl_msg *const *parts, uint32_t count, uint32_t missing)
{
    struct pl_node_state *s = m->body;
    uint32_t nodes = missing, actors = 0, figures = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pl_node_state *p = parts[i]->body;
        nodes += p->nodes_count;
        actors += p->actors_count;
        figures += p->figures_count;
    }
    nodes = least(nodes, NODES_MOST);
    actors = least(actors, ACTORS_MOST);
    figures = least(figures, FIGURES_MOST);
    s->nodes = pl_msg_alloc(m, (nodes + 1) * sizeof *s->nodes);
    s->actors = pl_msg_alloc(m, (actors + 1) * sizeof *s->actors);
    s->figures = pl_msg_alloc(m, (figures + 1) * sizeof *s->figures);
    bool good = !m->lacking;
    for (uint32_t i = 0; i < count && good; i++) {
        const struct pl_node_state *p = parts[i]->body;
        s->at_ms = s->at_ms ? s->at_ms : p->at_ms;
        good = add_rows(m, &pl_node_row_type, s->nodes, &s->nodes_count, nodes, p->nodes, p->nodes_count) &&
               add_rows(m, &pl_actor_row_type, s->actors, &s->actors_count, actors, p->actors,
                        p->actors_count) &&
               add_rows(m, &pl_figure_row_type, s->figures, &s->figures_count, figures, p->figures,
                        p->figures_count);
    }
    return good;
}

static void add_missing(struct pl_msg *m, const struct pl__peer *p)
{
    struct pl_node_state *s = m->body;
    if (s->nodes_count == NODES_MOST) return;
    struct pl_node_row *row = &s->nodes[s->nodes_count++];
    pl_node_row_type.init(row);
    row->node = pl_msg_str(m, pl_str_of(p->name));
}

static bool join_letters(struct pl_msg *m, struct pl_msg *const *parts, uint32_t count)
{
    struct pl_letters_listed *b = m->body;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < count; i++)
        rows += ((const struct pl_letters_listed *)parts[i]->body)->letters_count;
    rows = least(rows, LETTERS_MOST);
    b->letters = pl_msg_alloc(m, (rows + 1) * sizeof *b->letters);
    bool good = !m->lacking;
    for (uint32_t i = 0; i < count && good; i++) {
        const struct pl_letters_listed *p = parts[i]->body;
        b->total += p->total;
        good = add_rows(m, &pl_letter_row_type, b->letters, &b->letters_count, rows, p->letters,
                        p->letters_count);
    }
    return good;
}

struct pl_msg *pl__watch_join(struct pl_msg *const *parts, uint32_t count, struct pl__peer *const *missing,
                              uint32_t missing_count)
{
    struct pl_msg *m = pl_msg_create(parts[0]->type);
    bool states = parts[0]->type == &pl_node_state_type;
    bool good = m && (states ? join_states(m, parts, count, missing_count) : join_letters(m, parts, count));
    for (uint32_t i = 0; good && states && i < missing_count; i++) add_missing(m, missing[i]);
    if (!good) pl_msg_unref(&m);
    return m;
}
