/* test_pages.c - the page allocator and prefix cache against a model that keeps what every position of every
 * page holds. */
#include "actors/pages.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { P = PL_PAGE_TOKENS, PAGES_MOST = 40, SEQS = 6, IDS_MOST = 6 * P };

/* What the executor would hold: for each position a hash of all ids up to it. */
struct seq {
    bool open;
    uint32_t ids[IDS_MOST], n_ids, n_ran;
    uint32_t room[IDS_MOST / P];
    struct pl_page_table table;
};
struct world {
    struct pl_pages *pages;
    uint64_t held[PAGES_MOST][P];
    struct seq seqs[SEQS];
    uint64_t random;
    uint32_t (*ended)[IDS_MOST]; /* ids of every sequence that was closed, for the reference look-up */
    uint32_t ended_len[4096], n_ended;
    uint32_t refused, copies;
    uint64_t cached;
};

static uint64_t extend(uint64_t h, uint32_t id)
{
    h = (h ^ (id + 1)) * 0xD6E8FEB86659FD93ull;
    return h ^ (h >> 32);
}

static void run(struct world *w, struct seq *s, uint32_t rows)
{
    uint64_t h = 0;
    for (uint32_t i = 0; i < s->n_ran + rows; i++) {
        h = extend(h, s->ids[i]);
        if (i >= s->n_ran) w->held[s->table.pages[i / P]][i % P] = h;
    }
    s->n_ran += rows;
}

static void check_held(const struct world *w, const struct seq *s)
{
    uint64_t h = 0;
    ck_assert_uint_ge(s->table.count * P, s->n_ran);
    for (uint32_t i = 0; i < s->n_ran; i++) {
        h = extend(h, s->ids[i]);
        ck_assert_msg(w->held[s->table.pages[i / P]][i % P] == h,
                      "position %u of page %u holds something else", i, s->table.pages[i / P]);
    }
}

static void check(const struct world *w)
{
    const struct pl_page_table *tables[SEQS];
    for (int i = 0; i < SEQS; i++) {
        tables[i] = &w->seqs[i].table;
        if (w->seqs[i].open) check_held(w, &w->seqs[i]);
    }
    const char *broken = pl_pages_check(w->pages, tables, SEQS);
    ck_assert_msg(!broken, "%s", broken);
}

static struct world *create(uint32_t n_pages, uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    w->ended = calloc(4096, sizeof *w->ended);
    w->random = seed;
    ck_assert_int_eq(pl_pages_create(n_pages, "digest", 6, &w->pages), 0);
    for (int i = 0; i < SEQS; i++)
        w->seqs[i].table = (struct pl_page_table){w->seqs[i].room, IDS_MOST / P, 0, 0};
    return w;
}

static void destroy(struct world *w)
{
    pl_pages_destroy(&w->pages);
    free(w->ended);
    free(w);
}

static uint32_t below(struct world *w, uint32_t n)
{
    return (uint32_t)(pl_test_random(&w->random) % n);
}

/* Prompts of few sorts that part at random places, so that they share a lot. */
static void make_prompt(struct world *w, struct seq *s)
{
    uint32_t sort = below(w, 3), same = below(w, IDS_MOST - P), n = 1 + below(w, IDS_MOST - P);
    for (uint32_t i = 0; i < n; i++) s->ids[i] = i < same ? sort * 1000 + i : below(w, 2);
    if (w->n_ended && below(w, 3) == 0) {
        uint32_t k = below(w, w->n_ended), most = w->ended_len[k];
        memcpy(s->ids, w->ended[k], most * sizeof *s->ids);
        n = most + 1 + below(w, 40);
        if (n > IDS_MOST - P) n = IDS_MOST - P;
        for (uint32_t i = most; i < n; i++) s->ids[i] = below(w, 5);
    }
    s->n_ids = n;
    s->n_ran = 0;
}

/* The most that any ended or running sequence could offer: an upper bound for the cache. */
static uint32_t longest_known(const struct world *w, const struct seq *s)
{
    uint32_t best = 0;
    for (uint32_t k = 0; k < w->n_ended + SEQS; k++) {
        const struct seq *r = k < w->n_ended ? NULL : &w->seqs[k - w->n_ended];
        if (r && (!r->open || r == s)) continue;
        const uint32_t *ids = r ? r->ids : w->ended[k];
        uint32_t n = r ? r->n_ran / P * P : w->ended_len[k], i = 0;
        while (i < n && i + 1 < s->n_ids && ids[i] == s->ids[i]) i++;
        if (i > best) best = i;
    }
    return best;
}

static int open_seq(struct world *w, struct seq *s)
{
    struct pl_page_find found;
    int rc = pl_pages_open(w->pages, &s->table, s->ids, s->n_ids, &found);
    if (rc) {
        ck_assert_int_eq(rc, -PL_E_AGAIN);
        ck_assert_uint_eq(s->table.count, 0);
        w->refused++;
        return rc;
    }
    s->open = true;
    ck_assert_uint_eq(s->table.count, pl_pages_for(s->n_ids));
    ck_assert_uint_lt(found.n_cached, s->n_ids);
    if (found.has_copy) {
        memcpy(w->held[found.copy.dst], w->held[found.copy.src], sizeof *w->held);
        w->copies++;
    }
    ck_assert_uint_le(found.n_cached, longest_known(w, s));
    s->n_ran = found.n_cached;
    w->cached += found.n_cached;
    return 0;
}

static void close_seq(struct world *w, struct seq *s, bool keep)
{
    /* What was filed before a drop stays. */
    uint32_t known = keep ? s->n_ran : s->table.filed * P;
    memcpy(w->ended[w->n_ended], s->ids, known * sizeof *s->ids);
    w->ended_len[w->n_ended++] = known;
    if (keep)
        pl_pages_close(w->pages, &s->table, s->ids, s->n_ran);
    else
        pl_pages_drop(w->pages, &s->table);
    s->open = false;
}

static void advance(struct world *w, struct seq *s)
{
    if (s->n_ran == s->n_ids) {
        if (s->n_ids == IDS_MOST || pl_pages_grow(w->pages, &s->table, s->n_ids + 1)) {
            close_seq(w, s, true);
            return;
        }
        s->ids[s->n_ids++] = below(w, 5);
    }
    run(w, s, 1 + below(w, s->n_ids - s->n_ran));
    pl_pages_file(w->pages, &s->table, s->ids, s->n_ran);
}

static void random_walk(uint32_t n_pages, uint64_t seed, struct world **keep)
{
    struct world *w = create(n_pages, seed);
    for (int i = 0; i < 2000; i++) {
        struct seq *s = &w->seqs[below(w, SEQS)];
        if (!s->open) {
            make_prompt(w, s);
            open_seq(w, s);
        } else if (below(w, 8) == 0) {
            close_seq(w, s, below(w, 4) != 0);
        } else {
            advance(w, s);
        }
        if (i % 9 == 0) check(w);
    }
    for (int i = 0; i < SEQS; i++)
        if (w->seqs[i].open) close_seq(w, &w->seqs[i], true);
    check(w);
    ck_assert_uint_eq(pl_pages_available(w->pages), n_pages);
    *keep = w;
}

START_TEST(random_operations_keep_every_invariant_and_every_position)
{
    uint64_t seed = pl_test_seed(20);
    uint32_t refused = 0, copies = 0;
    uint64_t cached = 0;
    for (uint32_t n_pages = 6; n_pages <= PAGES_MOST; n_pages += 3) {
        struct world *w;
        random_walk(n_pages, seed + n_pages, &w);
        refused += w->refused;
        copies += w->copies;
        cached += w->cached;
        destroy(w);
    }
    /* The walk met what it is meant to test. */
    ck_assert_uint_gt(refused, 100);
    ck_assert_uint_gt(copies, 100);
    ck_assert_uint_gt(cached, 10000);
}
END_TEST

static void prompt_of(struct seq *s, uint32_t n, uint32_t first);

START_TEST(what_one_owner_ran_is_not_found_by_another)
{
    struct world *w = create(24, 1);
    struct pl_page_find found;
    struct seq *a = &w->seqs[0];
    for (uint64_t owner = 1; owner <= 3; owner++) {
        a->table.owner = owner == 3 ? 1 : owner;
        prompt_of(a, 2 * P + 9, 7);
        ck_assert_int_eq(pl_pages_open(w->pages, &a->table, a->ids, a->n_ids, &found), 0);
        ck_assert_uint_eq(found.n_cached, owner == 3 ? a->n_ids - 1 : 0);
        pl_pages_close(w->pages, &a->table, a->ids, a->n_ids);
        check(w);
    }
    destroy(w);
}
END_TEST

static void prompt_of(struct seq *s, uint32_t n, uint32_t first)
{
    for (uint32_t i = 0; i < n; i++) s->ids[i] = first + i;
    s->n_ids = n;
    s->n_ran = 0;
}

static uint32_t begin(struct world *w, struct seq *s)
{
    ck_assert_int_eq(open_seq(w, s), 0);
    uint32_t cached = s->n_ran;
    run(w, s, s->n_ids - s->n_ran);
    pl_pages_file(w->pages, &s->table, s->ids, s->n_ran);
    check(w);
    return cached;
}

START_TEST(the_last_id_is_always_run_again)
{
    struct world *w = create(20, 1);
    for (uint32_t n = 1; n <= 3 * P; n += n < 4 || n % P > P - 3 || n % P < 2 ? 1 : 5) {
        struct seq *s = &w->seqs[0];
        for (int round = 0; round < 2; round++) {
            prompt_of(s, n, n * 1000);
            ck_assert_uint_eq(begin(w, s), round ? n - 1 : 0);
            close_seq(w, s, true);
            check(w);
        }
    }
    destroy(w);
}
END_TEST

START_TEST(an_ended_dialogue_is_continued_without_a_copy)
{
    struct world *w = create(8, 1);
    struct seq *s = &w->seqs[0];
    prompt_of(s, 100, 7);
    begin(w, s);
    close_seq(w, s, true);
    prompt_of(s, 150, 7);
    ck_assert_uint_eq(begin(w, s), 100);
    ck_assert_uint_eq(w->copies, 0);
    /* Nothing was lost to a stale copy of the first half: the next look-up finds all of the longer one. */
    close_seq(w, s, true);
    prompt_of(s, 200, 7);
    ck_assert_uint_eq(begin(w, s), 150);
    close_seq(w, s, true);
    destroy(w);
}
END_TEST

START_TEST(a_branch_copies_the_common_beginning_and_keeps_both)
{
    struct world *w = create(12, 1);
    struct seq *a = &w->seqs[0], *b = &w->seqs[1];
    prompt_of(a, 100, 7);
    begin(w, a);
    close_seq(w, a, true);
    prompt_of(b, 120, 7);
    for (uint32_t i = 90; i < 120; i++) b->ids[i] = 5;
    ck_assert_uint_eq(begin(w, b), 90);
    ck_assert_uint_eq(w->copies, 1);
    close_seq(w, b, true);
    prompt_of(a, 110, 7);
    ck_assert_uint_eq(begin(w, a), 100);
    close_seq(w, a, true);
    destroy(w);
}
END_TEST

START_TEST(running_sequences_share_complete_pages)
{
    struct world *w = create(12, 1);
    struct seq *a = &w->seqs[0], *b = &w->seqs[1];
    prompt_of(a, 150, 7);
    prompt_of(b, 160, 7);
    begin(w, a);
    ck_assert_uint_eq(begin(w, b), 2 * P);
    ck_assert_uint_eq(a->table.pages[0], b->table.pages[0]);
    ck_assert_uint_eq(a->table.pages[1], b->table.pages[1]);
    ck_assert_uint_ne(a->table.pages[2], b->table.pages[2]);
    close_seq(w, a, true);
    check(w);
    close_seq(w, b, true);
    destroy(w);
}
END_TEST

START_TEST(equal_pages_that_were_run_twice_become_one)
{
    struct world *w = create(12, 1);
    struct seq *a = &w->seqs[0], *b = &w->seqs[1];
    prompt_of(a, 130, 7);
    prompt_of(b, 130, 7);
    ck_assert_int_eq(open_seq(w, a), 0);
    ck_assert_int_eq(open_seq(w, b), 0);
    ck_assert_uint_eq(pl_pages_available(w->pages), 6);
    run(w, a, 130);
    run(w, b, 130);
    pl_pages_file(w->pages, &a->table, a->ids, 130);
    pl_pages_file(w->pages, &b->table, b->ids, 130);
    check(w);
    ck_assert_uint_eq(pl_pages_available(w->pages), 8);
    close_seq(w, a, true);
    close_seq(w, b, true);
    check(w);
    destroy(w);
}
END_TEST

START_TEST(too_few_pages_hold_nothing)
{
    struct world *w = create(4, 1);
    struct seq *a = &w->seqs[0], *b = &w->seqs[1];
    prompt_of(a, 3 * P, 7);
    begin(w, a);
    prompt_of(b, P + 1, 900);
    ck_assert_int_eq(open_seq(w, b), -PL_E_AGAIN);
    prompt_of(b, 3 * P + 1, 7);
    ck_assert_int_eq(open_seq(w, b), 0); /* all but one are shared */
    check(w);
    ck_assert_int_eq(pl_pages_grow(w->pages, &b->table, 4 * P + 1), -PL_E_AGAIN);
    ck_assert_int_eq(pl_pages_grow(w->pages, &b->table, 4 * P), 0);
    close_seq(w, a, true);
    close_seq(w, b, true);
    check(w);
    destroy(w);
}
END_TEST

START_TEST(the_longest_unused_is_evicted_first)
{
    struct world *w = create(4, 1);
    struct seq *s = &w->seqs[0];
    for (uint32_t k = 1; k <= 3; k++) {
        prompt_of(s, P + 1, k * 1000);
        begin(w, s);
        close_seq(w, s, true); /* two pages each: the third evicts one of the first's */
    }
    prompt_of(s, P + 1, 3000);
    ck_assert_uint_eq(begin(w, s), P);
    close_seq(w, s, true);
    prompt_of(s, P + 1, 1000);
    ck_assert_uint_eq(begin(w, s), 0);
    close_seq(w, s, true);
    destroy(w);
}
END_TEST

START_TEST(dropped_pages_are_not_cached)
{
    struct world *w = create(8, 1);
    struct seq *s = &w->seqs[0];
    prompt_of(s, 100, 7);
    ck_assert_int_eq(open_seq(w, s), 0);
    run(w, s, 100);
    close_seq(w, s, false);
    prompt_of(s, 100, 7);
    ck_assert_uint_eq(begin(w, s), 0);
    close_seq(w, s, true);
    destroy(w);
}
END_TEST

static Suite *pages(void)
{
    Suite *s = suite_create("pages");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, what_one_owner_ran_is_not_found_by_another);
    PL_TEST(tc, random_operations_keep_every_invariant_and_every_position);
    PL_TEST(tc, the_last_id_is_always_run_again);
    PL_TEST(tc, an_ended_dialogue_is_continued_without_a_copy);
    PL_TEST(tc, a_branch_copies_the_common_beginning_and_keeps_both);
    PL_TEST(tc, running_sequences_share_complete_pages);
    PL_TEST(tc, equal_pages_that_were_run_twice_become_one);
    PL_TEST(tc, too_few_pages_hold_nothing);
    PL_TEST(tc, the_longest_unused_is_evicted_first);
    PL_TEST(tc, dropped_pages_are_not_cached);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(pages)
