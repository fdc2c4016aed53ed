#include "kernels/train/dataset.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/digest.h"
#include "kernels/file.h"

enum { FILE_MOST = 1 << 30, MESSAGES_MOST = 4096, EXAMPLES_MOST = 1 << 24 };

struct reading {
    const struct pl_template *t;
    const struct pl_vocab *v;
    uint32_t most, line;
    struct pl_err *err;
};

static int bad(const struct reading *r, const char *why)
{
    return pl_fail(r->err, PL_E_INVALID, "data", "line %u: %s", r->line, why);
}

/* A message as the file has it, with its weight. */
struct said {
    struct pl_chat_message m;
    float weight;
};

static double weight_of(const json_t *object)
{
    const json_t *w = json_object_get(object, "weight");
    return w ? json_number_value(w) : 1;
}

static int read_message(const struct reading *r, const json_t *object, struct said *out)
{
    const char *role = json_string_value(json_object_get(object, "role"));
    const json_t *content = json_object_get(object, "content");
    double weight = weight_of(object);
    if (!role || !json_is_string(content)) return bad(r, "a message has a role and a content, both strings");
    if (!(weight >= 0 && weight <= 1000)) return bad(r, "a weight is 0 to 1000");
    out->m = (struct pl_chat_message){role, json_string_value(content), json_string_length(content)};
    out->weight = strcmp(role, "assistant") == 0 ? (float)weight : 0;
    return 0;
}

static int read_messages(const struct reading *r, const json_t *line, struct said **out, size_t *n)
{
    const json_t *list = json_object_get(line, "messages");
    const json_t *prompt = json_object_get(line, "prompt"), *completion = json_object_get(line, "completion");
    double weight = weight_of(line);
    *n = list ? json_array_size(list) : 2;
    if (!list && (!json_is_string(prompt) || !json_is_string(completion)))
        return bad(r, "there are neither messages nor prompt and completion");
    if (*n < 2 || *n > MESSAGES_MOST) return bad(r, "an example has 2 to 4096 messages");
    if (!(weight >= 0 && weight <= 1000)) return bad(r, "a weight is 0 to 1000");
    struct said *all = *out = calloc(*n, sizeof *all);
    if (!all)
        return pl_fail(r->err, PL_E_NO_MEMORY, "data", "no memory for the messages of line %u", r->line);
    if (!list) {
        all[0].m = (struct pl_chat_message){"user", json_string_value(prompt), json_string_length(prompt)};
        all[1].m = (struct pl_chat_message){"assistant", json_string_value(completion),
                                            json_string_length(completion)};
        all[1].weight = 1;
    }
    int rc = 0;
    for (size_t i = 0; i < *n && list && !rc; i++) rc = read_message(r, json_array_get(list, i), &all[i]);
    for (size_t i = 0; i < *n; i++) all[i].weight *= (float)weight;
    return rc;
}

/* Ids and weights that grow together. */
struct growing {
    struct pl_ids ids;
    float *weight;
    size_t room;
};

static int set_weights(struct growing *g, size_t from, float weight)
{
    if (g->ids.count > g->room) {
        size_t room = g->ids.count * 2 + 256;
        float *more = realloc(g->weight, room * sizeof *more);
        if (!more) return -PL_E_NO_MEMORY;
        g->weight = more;
        g->room = room;
    }
    for (size_t i = from; i < g->ids.count; i++) g->weight[i] = weight;
    return 0;
}

static bool is_answer(const struct said *s)
{
    return strcmp(s->m.role, "assistant") == 0;
}

/* The ids of messages [0, n), which end with an answer. */
static int make_ids(const struct reading *r, const struct said *all, size_t n, struct growing *g)
{
    uint32_t end = pl_vocab_eos(r->v);
    struct pl_chat_message *plain = calloc(n, sizeof *plain);
    int rc = plain ? 0 : -PL_E_NO_MEMORY;
    for (size_t i = 0; i < n && plain; i++) plain[i] = all[i].m;
    for (size_t i = 0; i < n && !rc;) {
        size_t begin = i, from = g->ids.count;
        while (i < n && !is_answer(&all[i])) i++;
        struct pl_prompt p = {
            .messages = plain + begin, .n_messages = i - begin, .add_generation_prompt = true};
        if (i == n || i == begin)
            rc = bad(r, "user and assistant do not alternate, or the last message is not the assistant's");
        if (!rc && begin == 0) rc = pl_template_ids(r->t, &p, &g->ids, r->err);
        if (!rc && begin > 0)
            rc = pl_template_continue(r->t, true, plain + begin, i - begin, &g->ids, r->err);
        if (!rc) rc = set_weights(g, from, 0);
        from = g->ids.count;
        if (!rc) rc = pl_vocab_encode(r->v, all[i].m.content, all[i].m.content_len, false, &g->ids);
        if (!rc) rc = pl_ids_push(&g->ids, end);
        if (!rc) rc = set_weights(g, from, all[i++].weight);
    }
    free(plain);
    return rc;
}

/* Leaves out the oldest user turn with its answer; a system message in front stays. False when one turn is
 * left. */
static bool drop_turn(struct said *all, size_t *n)
{
    size_t first = *n && strcmp(all[0].m.role, "system") == 0, i = first;
    while (i < *n && !is_answer(&all[i])) i++;
    while (i < *n && is_answer(&all[i])) i++;
    if (i >= *n) return false;
    memmove(all + first, all + i, (*n - i) * sizeof *all);
    *n -= i - first;
    return true;
}

static int make_example(const struct reading *r, struct said *all, size_t n, struct pl_example *out,
                        bool *cut)
{
    struct growing g = {0};
    int rc = make_ids(r, all, n, &g);
    while (!rc && g.ids.count > r->most) {
        if (!drop_turn(all, &n)) {
            rc = pl_fail(r->err, PL_E_TOO_LARGE, "data", "line %u: one turn has %zu ids, more than %u",
                         r->line, g.ids.count, r->most);
            break;
        }
        *cut = true;
        g.ids.count = 0;
        rc = make_ids(r, all, n, &g);
    }
    if (rc) {
        pl_ids_finish(&g.ids);
        free(g.weight);
        return rc;
    }
    *out = (struct pl_example){.ids = g.ids.ids, .weight = g.weight, .n_ids = (uint32_t)g.ids.count};
    for (uint32_t i = 0; i < out->n_ids; i++) out->n_learnt += out->weight[i] > 0;
    return 0;
}

static int read_line(struct reading *r, struct pl_dataset *d, const char *text, size_t len)
{
    json_error_t where;
    json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    struct said *all = NULL;
    size_t n = 0;
    bool cut = false;
    int rc =
        line ? 0 : pl_fail(r->err, PL_E_INVALID, "data", "line %u is no JSON: %.100s", r->line, where.text);
    if (!rc && !json_is_object(line)) rc = bad(r, "is no JSON object");
    if (!rc) rc = read_messages(r, line, &all, &n);
    struct pl_example *more = rc ? NULL : realloc(d->examples, (d->count + 1ull) * sizeof *more);
    if (more) d->examples = more;
    if (!rc && !more) rc = pl_fail(r->err, PL_E_NO_MEMORY, "data", "no memory for line %u", r->line);
    if (!rc) rc = make_example(r, all, n, &d->examples[d->count], &cut);
    if (!rc) {
        const struct pl_example *e = &d->examples[d->count++];
        d->n_ids += e->n_ids;
        d->n_learnt += e->n_learnt;
        d->cut += cut;
        if (e->n_ids > d->longest) d->longest = e->n_ids;
    }
    free(all);
    json_decref(line);
    return rc;
}

static int read_lines(struct reading *r, struct pl_dataset *d, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        r->line++;
        if (d->count == EXAMPLES_MOST)
            return pl_fail(r->err, PL_E_TOO_LARGE, "data", "more than %d examples", EXAMPLES_MOST);
        bool blank = true;
        for (size_t i = 0; i < n && blank; i++) blank = strchr(" \t\r", text[at + i]) != NULL;
        int rc = blank ? 0 : read_line(r, d, text + at, n);
        if (rc) return rc;
        at += n + 1;
    }
    if (d->count == 0) return pl_fail(r->err, PL_E_INVALID, "data", "the file holds no example");
    if (d->n_learnt == 0) return pl_fail(r->err, PL_E_INVALID, "data", "no example has anything to learn");
    return 0;
}

int pl_dataset_read(const char *path, const struct pl_template *t, const struct pl_vocab *v, uint32_t most,
                    struct pl_dataset **out, struct pl_err *err)
{
    char *text = NULL;
    size_t len;
    *out = NULL;
    if (pl_vocab_eos(v) == PL_NO_TOKEN)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "model", "the vocabulary has no end token");
    int rc = pl_file_read(path, FILE_MOST, &text, &len, err);
    if (rc) return rc;
    struct pl_dataset *d = calloc(1, sizeof *d);
    struct reading r = {.t = t, .v = v, .most = most, .err = err};
    rc = d ? pl__sha256_hex(text, len, d->digest) : pl_fail(err, PL_E_NO_MEMORY, "data", "no memory");
    if (!rc) rc = read_lines(&r, d, text, len);
    free(text);
    if (rc) pl_dataset_free(&d);
    *out = d;
    return rc;
}

void pl_dataset_free(struct pl_dataset **data)
{
    struct pl_dataset *d = *data;
    if (!d) return;
    for (uint32_t i = 0; i < d->count; i++) {
        free(d->examples[i].ids);
        free(d->examples[i].weight);
    }
    free(d->examples);
    free(d);
    *data = NULL;
}
