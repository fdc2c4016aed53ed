/* pages.c - the page allocator and the prefix cache.
 *
 *            take                    file                      last user ends
 *   FREE -----------> PRIVATE ----------------> FILED, in use ----------------> FILED, idle
 *     ^                  |                           ^    |                        |  |
 *     +------------------+                           |    +-- copied, not written  |  |
 *     +----------------------------------------------+--------- used again --------+  |
 *     +-------------------------- evicted, oldest first ------------------------------+
 *
 * Filed pages form a tree: a page's parent holds the 64 positions before it. A full page is found through a
 * chain of hashes (of the model, the parent, its ids), and the ids themselves are compared; so is the parent,
 * by its number, so the whole prefix is proven and no hash is trusted. The page in which a prompt leaves the
 * tree is found by comparing all children of the last match: the longest common beginning is copied (the
 * last, partial page of an ended sequence is simply taken over when it is needed whole and nobody else uses
 * it).
 *
 * 1. A page is free, private to one table, or filed.
 * 2. refs is the number of tables that hold the page.
 * 3. A filed page is in the idle list if and only if its refs are 0.
 * 4. In the idle list children come before their parent (users of a page use its parents too, and let go of
 * them last), so the oldest idle page has no children and may be evicted alone.
 * 5. The parent of a filed page is filed and full.
 * 6. A partial filed page is idle and has no children. No page's ids are the beginning of a sibling's.
 * 7. A table's first `filed` pages are a path from the root of the tree; the others are private.
 * 8. Pages of different owners are in no common path, and none is found for another: how much of a prompt was
 * cached would tell one tenant what another one said. */
#include "actors/pages.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

struct page {
    uint32_t ids[PL_PAGE_TOKENS];
    uint32_t count; /* ids filed; 0: not filed */
    uint32_t refs;
    uint32_t parent;       /* NONE: the root */
    uint32_t child;        /* first child */
    uint32_t left, right;  /* siblings */
    uint32_t older, newer; /* idle list; newer also links the free list */
    uint32_t chain;        /* next in the hash bucket; full pages only */
    uint64_t hash;         /* of the whole prefix; full pages only */
    uint64_t owner;        /* of filed pages */
};

struct pl_pages {
    struct page *pages;
    uint32_t n_pages, n_free, n_idle;
    uint32_t free;           /* head of the free list */
    uint32_t oldest, newest; /* idle list */
    uint32_t child;          /* first child of the root */
    uint32_t *buckets, mask;
    uint64_t root_hash;
};

static uint64_t extend(uint64_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ (hash >> 29);
}

static uint64_t hash_root(const struct pl_pages *p, uint64_t owner)
{
    return extend(extend(p->root_hash, (uint32_t)owner), (uint32_t)(owner >> 32));
}

static uint64_t hash_page(const struct pl_pages *p, uint64_t owner, uint32_t parent, const uint32_t *ids)
{
    uint64_t h = parent == NONE ? hash_root(p, owner) : p->pages[parent].hash;
    for (int i = 0; i < PL_PAGE_TOKENS; i++) h = extend(h, ids[i]);
    return h;
}

int pl_pages_create(uint32_t n_pages, const char *digest, size_t digest_len, struct pl_pages **out)
{
    struct pl_pages *p = calloc(1, sizeof *p);
    uint32_t n_buckets = 16;
    while (n_buckets < n_pages && n_buckets < 1u << 31) n_buckets *= 2;
    if (p) p->pages = calloc(n_pages, sizeof *p->pages);
    if (p) p->buckets = malloc(n_buckets * sizeof *p->buckets);
    if (!p || !p->pages || !p->buckets) {
        pl_pages_destroy(&p);
        return -PL_E_NO_MEMORY;
    }
    p->n_pages = p->n_free = n_pages;
    p->mask = n_buckets - 1;
    p->oldest = p->newest = p->child = p->free = NONE;
    for (uint32_t i = 0; i < n_buckets; i++) p->buckets[i] = NONE;
    for (uint32_t i = n_pages; i-- > 0;) {
        p->pages[i].newer = p->free;
        p->free = i;
    }
    for (size_t i = 0; i < digest_len; i++) p->root_hash = extend(p->root_hash, (uint8_t)digest[i]);
    *out = p;
    return 0;
}

void pl_pages_destroy(struct pl_pages **pages)
{
    struct pl_pages *p = *pages;
    if (!p) return;
    free(p->pages);
    free(p->buckets);
    free(p);
    *pages = NULL;
}

/* The idle list. */

static void idle_push(struct pl_pages *p, uint32_t n)
{
    struct page *g = &p->pages[n];
    g->older = p->newest;
    g->newer = NONE;
    if (p->newest == NONE)
        p->oldest = n;
    else
        p->pages[p->newest].newer = n;
    p->newest = n;
    p->n_idle++;
}

static void idle_remove(struct pl_pages *p, uint32_t n)
{
    struct page *g = &p->pages[n];
    if (g->older == NONE)
        p->oldest = g->newer;
    else
        p->pages[g->older].newer = g->newer;
    if (g->newer == NONE)
        p->newest = g->older;
    else
        p->pages[g->newer].older = g->older;
    p->n_idle--;
}

/* The tree. */

static uint32_t *children(struct pl_pages *p, uint32_t parent)
{
    return parent == NONE ? &p->child : &p->pages[parent].child;
}

static void tree_add(struct pl_pages *p, uint32_t n, uint64_t owner, uint32_t parent, const uint32_t *ids,
                     uint32_t count)
{
    struct page *g = &p->pages[n];
    uint32_t *first = children(p, parent);
    memcpy(g->ids, ids, count * sizeof *ids);
    g->count = count;
    g->owner = owner;
    g->parent = parent;
    g->child = g->left = NONE;
    g->right = *first;
    if (*first != NONE) p->pages[*first].left = n;
    *first = n;
    if (count < PL_PAGE_TOKENS) return;
    g->hash = hash_page(p, owner, parent, ids);
    g->chain = p->buckets[g->hash & p->mask];
    p->buckets[g->hash & p->mask] = n;
}

static void tree_remove(struct pl_pages *p, uint32_t n)
{
    struct page *g = &p->pages[n];
    PL_MUST(g->child == NONE);
    if (g->left == NONE)
        *children(p, g->parent) = g->right;
    else
        p->pages[g->left].right = g->right;
    if (g->right != NONE) p->pages[g->right].left = g->left;
    if (g->count == PL_PAGE_TOKENS) {
        uint32_t *at = &p->buckets[g->hash & p->mask];
        while (*at != n) at = &p->pages[*at].chain;
        *at = g->chain;
    }
    g->count = 0;
}

static uint32_t find_full(const struct pl_pages *p, uint64_t owner, uint32_t parent, const uint32_t *ids)
{
    uint64_t hash = hash_page(p, owner, parent, ids);
    uint32_t n = p->buckets[hash & p->mask];
    for (; n != NONE; n = p->pages[n].chain) {
        const struct page *g = &p->pages[n];
        if (g->owner == owner && g->parent == parent && memcmp(g->ids, ids, sizeof g->ids) == 0) break;
    }
    return n;
}

/* The child of PARENT, of this owner, that begins with the most of the N IDS. */
static uint32_t find_longest(const struct pl_pages *p, uint64_t owner, uint32_t parent, const uint32_t *ids,
                             uint32_t n, uint32_t *length)
{
    uint32_t best = NONE;
    *length = 0;
    for (uint32_t i = parent == NONE ? p->child : p->pages[parent].child; i != NONE; i = p->pages[i].right) {
        const struct page *g = &p->pages[i];
        uint32_t most = g->count < n ? g->count : n, k = 0;
        while (g->owner == owner && k < most && g->ids[k] == ids[k]) k++;
        if (k > *length) {
            *length = k;
            best = i;
        }
    }
    return best;
}

/* Pages in and out of tables. */

static void put_free(struct pl_pages *p, uint32_t n)
{
    p->pages[n].newer = p->free;
    p->free = n;
    p->n_free++;
}

static void ref(struct pl_pages *p, uint32_t n)
{
    if (p->pages[n].refs++ == 0 && p->pages[n].count) idle_remove(p, n);
}

static void unref(struct pl_pages *p, uint32_t n)
{
    PL_MUST(p->pages[n].refs > 0);
    if (--p->pages[n].refs > 0) return;
    if (p->pages[n].count)
        idle_push(p, n);
    else
        put_free(p, n);
}

/* A private page with one reference; NONE when all are in use. */
static uint32_t take_fresh(struct pl_pages *p)
{
    uint32_t n = p->free;
    if (n != NONE) {
        p->free = p->pages[n].newer;
        p->n_free--;
    } else if ((n = p->oldest) != NONE) {
        idle_remove(p, n);
        tree_remove(p, n);
    } else {
        return NONE;
    }
    p->pages[n].refs = 1;
    return n;
}

void pl_pages_forget(struct pl_pages *p)
{
    for (uint32_t n = p->oldest; n != NONE; n = p->oldest) {
        idle_remove(p, n);
        tree_remove(p, n);
        put_free(p, n);
    }
}

static void append(struct pl_page_table *t, uint32_t page)
{
    PL_MUST(t->count < t->room);
    t->pages[t->count++] = page;
}

/* Last page first: invariant 4. */
static void let_go(struct pl_pages *p, struct pl_page_table *t)
{
    while (t->count > 0) unref(p, t->pages[--t->count]);
    t->filed = 0;
}

static uint32_t last_filed(const struct pl_page_table *t)
{
    return t->filed ? t->pages[t->filed - 1] : NONE;
}

/* Shares the full pages that match the first N ids. */
static void share(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n)
{
    for (uint32_t at = 0; n - at >= PL_PAGE_TOKENS; at += PL_PAGE_TOKENS) {
        uint32_t page = find_full(p, t->owner, last_filed(t), ids + at);
        if (page == NONE) return;
        ref(p, page);
        append(t, page);
        t->filed++;
    }
}

/* The page where the tree and the ids part: taken over when it is an idle partial page that is needed whole
 * (nothing is lost then), else copied. SOURCE is in no table but holds a reference that this gives up. */
static void branch(struct pl_pages *p, struct pl_page_table *t, uint32_t source, uint32_t length,
                   struct pl_page_find *out)
{
    struct page *g = &p->pages[source];
    out->n_cached += length;
    if (g->count < PL_PAGE_TOKENS && g->count == length) {
        PL_MUST(g->refs == 1);
        tree_remove(p, source);
        append(t, source);
        return;
    }
    out->has_copy = true;
    out->copy = (struct pl_page_copy){source, take_fresh(p)};
    append(t, out->copy.dst);
    unref(p, source);
}

int pl_pages_open(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ids,
                  struct pl_page_find *out)
{
    /* The last id is run again even when it is cached: its row gives the logits. */
    uint32_t most = n_ids - 1, length;
    *out = (struct pl_page_find){0};
    PL_MUST(t->count == 0 && t->filed == 0);
    share(p, t, ids, most);
    uint32_t at = t->count * PL_PAGE_TOKENS, need = pl_pages_for(n_ids) - t->count;
    if (need > pl_pages_available(p)) {
        let_go(p, t);
        return -PL_E_AGAIN;
    }
    out->n_cached = at;
    uint32_t source = find_longest(p, t->owner, last_filed(t), ids + at, most - at, &length);
    if (source != NONE) {
        ref(p, source);
        /* Without a page for the copy beside its source the cache is of no use here. */
        bool whole = p->pages[source].count == length && length < PL_PAGE_TOKENS;
        if (whole || need <= pl_pages_available(p))
            branch(p, t, source, length, out);
        else
            unref(p, source);
    }
    return pl_pages_grow(p, t, n_ids);
}

int pl_pages_grow(struct pl_pages *p, struct pl_page_table *t, uint32_t n_positions)
{
    while (t->count < pl_pages_for(n_positions)) {
        uint32_t page = take_fresh(p);
        if (page == NONE) return -PL_E_AGAIN;
        append(t, page);
    }
    return 0;
}

/* Forgets idle partial children of PARENT that are a mere beginning of IDS: invariant 6. */
static void absorb(struct pl_pages *p, uint64_t owner, uint32_t parent, const uint32_t *ids, uint32_t count)
{
    for (uint32_t i = *children(p, parent), next; i != NONE; i = next) {
        const struct page *g = &p->pages[i];
        next = g->right;
        if (g->owner != owner || g->count >= count || memcmp(g->ids, ids, g->count * sizeof *ids) != 0)
            continue;
        idle_remove(p, i);
        tree_remove(p, i);
        put_free(p, i);
    }
}

void pl_pages_file(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ran)
{
    while (t->filed < n_ran / PL_PAGE_TOKENS) {
        const uint32_t *page_ids = ids + (size_t)t->filed * PL_PAGE_TOKENS;
        uint32_t own = t->pages[t->filed], parent = last_filed(t),
                 same = find_full(p, t->owner, parent, page_ids);
        if (same != NONE) {
            ref(p, same);
            unref(p, own);
            t->pages[t->filed] = same;
        } else {
            absorb(p, t->owner, parent, page_ids, PL_PAGE_TOKENS);
            tree_add(p, own, t->owner, parent, page_ids, PL_PAGE_TOKENS);
        }
        t->filed++;
    }
}

void pl_pages_close(struct pl_pages *p, struct pl_page_table *t, const uint32_t *ids, uint32_t n_ran)
{
    uint32_t length;
    pl_pages_file(p, t, ids, n_ran);
    uint32_t parent = last_filed(t), at = t->filed * PL_PAGE_TOKENS;
    if (n_ran > at) {
        find_longest(p, t->owner, parent, ids + at, n_ran - at, &length);
        if (length < n_ran - at) {
            absorb(p, t->owner, parent, ids + at, n_ran - at);
            tree_add(p, t->pages[t->filed], t->owner, parent, ids + at, n_ran - at);
        }
    }
    let_go(p, t);
}

void pl_pages_drop(struct pl_pages *p, struct pl_page_table *t)
{
    let_go(p, t);
}

uint32_t pl_pages_total(const struct pl_pages *p)
{
    return p->n_pages;
}

uint32_t pl_pages_available(const struct pl_pages *p)
{
    return p->n_free + p->n_idle;
}

/* The self-check. SEEN: [n_pages] how often the tables hold a page. */

static const char *check_table(const struct pl_pages *p, const struct pl_page_table *t, uint32_t *seen)
{
    uint32_t parent = NONE;
    if (t->filed > t->count || t->count > t->room) return "a table's counts disagree";
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t n = t->pages[i];
        if (n >= p->n_pages) return "a table names a page that is not there";
        const struct page *g = &p->pages[n];
        seen[n]++;
        if (i < t->filed && (g->count != PL_PAGE_TOKENS || g->parent != parent || g->owner != t->owner))
            return "a table's filed pages are no path (7)";
        if (i >= t->filed && (g->count != 0 || g->refs != 1))
            return "a page to be written is not private (7)";
        parent = n;
    }
    return NULL;
}

static const char *check_siblings(const struct pl_pages *p, uint32_t n)
{
    const struct page *g = &p->pages[n];
    for (uint32_t i = g->right; i != NONE; i = p->pages[i].right) {
        const struct page *s = &p->pages[i];
        uint32_t less = s->count < g->count ? s->count : g->count;
        if (s->owner == g->owner && memcmp(s->ids, g->ids, less * sizeof *s->ids) == 0)
            return "a page is the beginning of its sibling (6)";
    }
    return NULL;
}

static const char *check_filed(const struct pl_pages *p, uint32_t n)
{
    const struct page *g = &p->pages[n];
    uint32_t i = g->parent == NONE ? p->child : p->pages[g->parent].child;
    while (i != NONE && i != n) i = p->pages[i].right;
    if (i != n) return "a page is not among its parent's children (5)";
    if (g->parent != NONE && p->pages[g->parent].count != PL_PAGE_TOKENS) return "a parent is not full (5)";
    if (g->parent != NONE && p->pages[g->parent].owner != g->owner) return "a path has two owners (8)";
    if (g->count < PL_PAGE_TOKENS && (g->refs || g->child != NONE))
        return "a partial page is used or has children (6)";
    if (g->count == PL_PAGE_TOKENS && find_full(p, g->owner, g->parent, g->ids) != n)
        return "a full page cannot be found";
    return check_siblings(p, n);
}

static const char *check_lists(const struct pl_pages *p)
{
    uint32_t n_free = 0, n_idle = 0, private = 0, used = 0;
    for (uint32_t i = p->free; i != NONE && n_free <= p->n_pages; i = p->pages[i].newer, n_free++)
        if (p->pages[i].refs || p->pages[i].count) return "a free page is in use (1)";
    for (uint32_t i = p->oldest; i != NONE && n_idle <= p->n_pages; i = p->pages[i].newer, n_idle++) {
        if (p->pages[i].refs || !p->pages[i].count) return "an idle page is in use or not filed (3)";
        /* All that come later in the list are newer: no child may be among them. */
        for (uint32_t k = p->pages[i].newer; k != NONE; k = p->pages[k].newer)
            if (p->pages[k].parent == i) return "a child is newer than its idle parent (4)";
        for (uint32_t k = p->pages[i].child; k != NONE; k = p->pages[k].right)
            if (p->pages[k].refs) return "a page is used and its parent is not (4)";
    }
    for (uint32_t i = 0; i < p->n_pages; i++) {
        private += p->pages[i].refs && !p->pages[i].count;
        used += p->pages[i].refs && p->pages[i].count;
    }
    if (n_free != p->n_free || n_idle != p->n_idle) return "a list's length is wrong (1, 3)";
    return n_free + n_idle + private + used == p->n_pages ? NULL : "a page is lost (1)";
}

const char *pl_pages_check(const struct pl_pages *p, const struct pl_page_table *const *tables,
                           uint32_t n_tables)
{
    uint32_t *seen = calloc(p->n_pages, sizeof *seen);
    const char *broken = seen ? check_lists(p) : "no memory for the check";
    for (uint32_t i = 0; i < n_tables && !broken; i++) broken = check_table(p, tables[i], seen);
    for (uint32_t i = 0; i < p->n_pages && !broken; i++) {
        if (seen[i] != p->pages[i].refs)
            broken = "refs are not the number of tables (2)";
        else if (p->pages[i].count)
            broken = check_filed(p, i);
    }
    free(seen);
    return broken;
}
