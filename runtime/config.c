/* config.c - options from an INI file, the environment and flags, in rising order of weight.
 *
 * Each source is read into the same table of values; a source that names an option replaces what lower
 * sources said of it. Values are checked as they are set, so that the error can name the place:
 * `parlance.conf:7`, `PARLANCE_MAX_SEQS` or `--max-seqs`; the getters then cannot fail. Owns its copies of
 * all values; one thread. */
#include "runtime/config.h"
#include "runtime/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTION_MAX = 48 };
enum source { FROM_TABLE, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct value {
    char **texts;
    uint32_t count;
    enum source source;
};
/* What a section of the file says of one member of a group. */
struct member {
    const char *group; /* of the table */
    char *name;
    struct value *values; /* one an option */
};
struct pl_config {
    const struct pl_option *table;
    uint32_t options;
    struct value *values; /* one an option */
    struct member *members;
    uint32_t n_members;
    const char **rest;
    int n_rest;
};

static bool is_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    if (n == 0 || strchr(word, '|')) return false;
    for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == 0)) return true;
    return false;
}

static bool parse_u64(const char *text, uint64_t *out)
{
    if (!isdigit((unsigned char)*text)) return false;
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    *out = v;
    return errno == 0 && *end == 0;
}

static bool parse_f64(const char *text, double *out)
{
    if (*text == 0 || isspace((unsigned char)*text)) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static bool parse_bool(const char *text, bool *out)
{
    *out = is_word("true|yes|on|1", text);
    return *out || is_word("false|no|off|0", text);
}

static int check_range(const struct pl_option *o, double v, const char *text, const char *place,
                       struct pl_err *err)
{
    const char *unit = o->unit ? o->unit : "";
    if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max)) return 0;
    return pl_fail(err, PL_E_INVALID, o->name, "%s: %s is out of range; %.15g to %.15g%s%s is allowed", place,
                   text, o->min, o->max, *unit ? " " : "", unit);
}

static int check(const struct pl_option *o, const char *text, const char *place, struct pl_err *err)
{
    uint64_t u;
    double f;
    bool b;
    switch (o->kind) {
    case PL_OPT_STRING:
        return 0;
    case PL_OPT_U64:
        if (parse_u64(text, &u)) return check_range(o, (double)u, text, place, err);
        return pl_fail(err, PL_E_INVALID, o->name, "%s: `%.80s` is not a whole number", place, text);
    case PL_OPT_F64:
        if (parse_f64(text, &f)) return check_range(o, f, text, place, err);
        return pl_fail(err, PL_E_INVALID, o->name, "%s: `%.80s` is not a number", place, text);
    case PL_OPT_BOOL:
        if (parse_bool(text, &b)) return 0;
        return pl_fail(err, PL_E_INVALID, o->name, "%s: `%.80s` is neither true nor false", place, text);
    case PL_OPT_CHOICE:
        if (is_word(o->choices, text)) return 0;
        return pl_fail(err, PL_E_INVALID, o->name, "%s: `%.80s` is none of %s", place, text, o->choices);
    }
    return 0;
}

static void forget(struct value *v)
{
    for (uint32_t i = 0; i < v->count; i++) free(v->texts[i]);
    free(v->texts);
    *v = (struct value){0};
}

static void forget_all(struct value *values, uint32_t n)
{
    for (uint32_t i = 0; values && i < n; i++) forget(&values[i]);
    free(values);
}

/* Sets option O in V. The same source may say an option twice when it is repeatable, or by flag: the last one
 * counts. */
static int put_in(struct value *v, const struct pl_option *o, const char *text, enum source source,
                  const char *place, struct pl_err *err)
{
    int rc = check(o, text, place, err);
    if (rc) return rc;
    bool again = v->count > 0 && v->source == source;
    if (again && !o->repeatable && source == FROM_FILE)
        return pl_fail(err, PL_E_INVALID, o->name, "%s: %s is already set further up in this file", place,
                       o->name);
    if (!again || !o->repeatable) forget(v);
    char **texts = realloc(v->texts, (v->count + 1) * sizeof *texts);
    char *copy = strdup(text);
    if (texts) v->texts = texts;
    if (!texts || !copy) {
        free(copy);
        return pl_fail(err, PL_E_NO_MEMORY, o->name, "%s: out of memory", place);
    }
    v->texts[v->count++] = copy;
    v->source = source;
    return 0;
}

static int put(struct pl_config *c, uint32_t i, const char *text, enum source source, const char *place,
               struct pl_err *err)
{
    return put_in(&c->values[i], &c->table[i], text, source, place, err);
}

/* A name as it stands in a flag: `.` and `-` are the same. */
static bool same_name(const char *option, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char a = option[i] == '.' ? '-' : option[i], b = name[i] == '.' ? '-' : name[i];
        if (a != b || a == 0) return false;
    }
    return option[n] == 0;
}

static bool find(const struct pl_config *c, const char *name, size_t n, uint32_t *out)
{
    for (*out = 0; *out < c->options; ++*out)
        if (same_name(c->table[*out].name, name, n)) return true;
    return false;
}

static const char *nearest(const struct pl_config *c, const char *name, size_t n)
{
    unsigned best = pl_name_slips(n) + 1;
    const char *found = NULL;
    for (uint32_t i = 0; i < c->options; i++) {
        unsigned d = pl_name_distance(c->table[i].name, name, n);
        if (d < best) best = d, found = c->table[i].name;
    }
    return found;
}

static int unknown(const struct pl_config *c, const char *name, size_t n, const char *place,
                   struct pl_err *err)
{
    const char *near = nearest(c, name, n);
    char field[64];
    snprintf(field, sizeof field, "%.*s", (int)(n < 60 ? n : 60), name);
    if (near)
        return pl_fail(err, PL_E_INVALID, field, "%s: there is no option `%s`; the nearest is `%s`", place,
                       field, near);
    return pl_fail(err, PL_E_INVALID, field, "%s: there is no option `%s`", place, field);
}

static void environment_name(const char *option, char *out, size_t size)
{
    int n = snprintf(out, size, "PARLANCE_%s", option);
    for (int i = 0; i < n && (size_t)i < size; i++)
        out[i] = out[i] == '-' || out[i] == '.' ? '_' : (char)toupper((unsigned char)out[i]);
}

struct reading {
    struct pl_config *c;
    const char *path;
    FILE *file;
    int line;
    int rc;
    struct pl_err *err;
};

/* Counts lines, and refuses those that the parser's buffer would cut in two. */
static char *next_line(char *buf, int size, void *stream)
{
    struct reading *r = stream;
    if (r->rc || !fgets(buf, size, r->file)) return NULL;
    r->line++;
    if (strlen(buf) + 1 < (size_t)size || strchr(buf, '\n')) return buf;
    r->rc = pl_fail(r->err, PL_E_INVALID, "config", "%s:%d: a line may have %d characters at most", r->path,
                    r->line, size - 2);
    return NULL;
}

static struct member *member_find(const struct pl_config *c, const char *group, const char *name)
{
    for (uint32_t i = 0; i < c->n_members; i++)
        if (strcmp(c->members[i].group, group) == 0 && strcmp(c->members[i].name, name) == 0)
            return &c->members[i];
    return NULL;
}

static struct member *member_get(struct pl_config *c, const char *group, const char *name)
{
    struct member *m = member_find(c, group, name);
    struct member *grown = m ? NULL : realloc(c->members, (c->n_members + 1) * sizeof *grown);
    if (!grown) return m;
    c->members = grown;
    m = &c->members[c->n_members];
    *m = (struct member){group, strdup(name), calloc(c->options, sizeof *m->values)};
    if (m->name && m->values) {
        c->n_members++;
        return m;
    }
    free(m->name);
    free(m->values);
    return NULL;
}

/* The option that [GROUP NAME] calls KEY. */
static bool find_of(const struct pl_config *c, const char *group, size_t n, const char *key, uint32_t *out)
{
    for (*out = 0; *out < c->options; ++*out) {
        const struct pl_option *o = &c->table[*out];
        if (o->of && strlen(o->of) == n && memcmp(o->of, group, n) == 0 && strncmp(o->name, o->of, n) == 0 &&
            o->name[n] == '-' && strcmp(o->name + n + 1, key) == 0)
            return true;
    }
    return false;
}

/* A pair below [GROUP NAME]. */
static int take_member_pair(struct reading *r, const char *section, const char *key, const char *text,
                            const char *place)
{
    size_t n = strcspn(section, " ");
    const char *name = section + n + strspn(section + n, " ");
    char whole[160];
    uint32_t i;
    /* The parser cuts the name of a section without a word. */
    if (strlen(section) > SECTION_MAX)
        return pl_fail(r->err, PL_E_INVALID, "config", "%s: the name of a section has %d characters at most",
                       place, SECTION_MAX);
    snprintf(whole, sizeof whole, "%.*s-%s", (int)n, section, key);
    if (!find_of(r->c, section, n, key, &i)) return unknown(r->c, whole, strlen(whole), place, r->err);
    struct member *m = member_get(r->c, r->c->table[i].of, name);
    if (!m) return pl_fail(r->err, PL_E_NO_MEMORY, "config", "%s: out of memory", place);
    return put_in(&m->values[i], &r->c->table[i], text, FROM_FILE, place, r->err);
}

static int take_pair(void *user, const char *section, const char *key, const char *text)
{
    struct reading *r = user;
    char name[160], place[400];
    uint32_t i;
    if (r->rc) return 1;
    bool top = *section == 0 || strcmp(section, "parlance") == 0;
    snprintf(name, sizeof name, "%s%s%s", top ? "" : section, top ? "" : ".", key);
    snprintf(place, sizeof place, "%s:%d", r->path, r->line);
    if (strchr(section, ' ')) {
        r->rc = take_member_pair(r, section, key, text, place);
        return 1;
    }
    for (i = 0; i < r->c->options; i++)
        if (strcmp(r->c->table[i].name, name) == 0) break;
    if (i < r->c->options)
        r->rc = put(r->c, i, text, FROM_FILE, place, r->err);
    else
        r->rc = unknown(r->c, name, strlen(name), place, r->err);
    return 1;
}

static int load_file(struct pl_config *c, const char *path, bool must_exist, struct pl_err *err)
{
    struct reading r = {.c = c, .path = path, .file = fopen(path, "re"), .err = err};
    if (!r.file && errno == ENOENT && !must_exist) return 0;
    if (!r.file) return pl_fail(err, PL_E_IO, "config", "cannot read %s: %s", path, strerror(errno));
    int line = ini_parse_stream(next_line, &r, take_pair, &r);
    bool broken = ferror(r.file);
    fclose(r.file);
    if (r.rc) return r.rc;
    if (broken) return pl_fail(err, PL_E_IO, "config", "cannot read %s to its end", path);
    if (line < 0) return pl_fail(err, PL_E_NO_MEMORY, "config", "%s: out of memory", path);
    if (line > 0)
        return pl_fail(err, PL_E_INVALID, "config", "%s:%d: neither [section] nor `name = value`", path,
                       line);
    return 0;
}

/* ARGV[*AT] is a flag; moves *AT over it and its value. */
static int take_flag(struct pl_config *c, int argc, const char *const *argv, int *at, struct pl_err *err)
{
    const char *name = argv[*at] + 2, *text = strchr(name, '='), *whole = argv[(*at)++];
    size_t n = text ? (size_t)(text - name) : strlen(name);
    char place[160];
    snprintf(place, sizeof place, "--%.*s", (int)(n < 120 ? n : 120), name);
    uint32_t i;
    if (whole[1] != '-') return unknown(c, whole, strlen(whole), whole, err);
    bool known = find(c, name, n, &i);
    if (!known && !text && strncmp(name, "no-", 3) == 0 && find(c, name + 3, n - 3, &i) &&
        c->table[i].kind == PL_OPT_BOOL)
        return put(c, i, "false", FROM_FLAG, place, err);
    if (!known) return unknown(c, name, n, place, err);
    if (text) return put(c, i, text + 1, FROM_FLAG, place, err);
    if (c->table[i].kind == PL_OPT_BOOL) return put(c, i, "true", FROM_FLAG, place, err);
    if (*at >= argc || strncmp(argv[*at], "--", 2) == 0)
        return pl_fail(err, PL_E_INVALID, c->table[i].name,
                       "%s needs a value; %s=... takes one that begins with --", place, place);
    return put(c, i, argv[(*at)++], FROM_FLAG, place, err);
}

static int load_flags(struct pl_config *c, int argc, const char *const *argv, bool words, struct pl_err *err)
{
    bool only_words = false;
    int rc = 0;
    for (int at = 0; at < argc && !rc;) {
        const char *w = argv[at];
        if (!only_words && strcmp(w, "--") == 0) {
            only_words = true;
            at++;
        } else if (!only_words && w[0] == '-' && w[1] != 0) {
            rc = take_flag(c, argc, argv, &at, err);
        } else if (words) {
            c->rest[c->n_rest++] = w;
            at++;
        } else {
            rc = pl_fail(err, PL_E_INVALID, NULL, "`%.80s` is no flag, and no other words are expected", w);
        }
    }
    return rc;
}

static int load_environment(struct pl_config *c, struct pl_err *err)
{
    char name[160];
    for (uint32_t i = 0; i < c->options; i++) {
        environment_name(c->table[i].name, name, sizeof name);
        const char *text = getenv(name);
        int rc = text ? put(c, i, text, FROM_ENVIRONMENT, name, err) : 0;
        if (rc) return rc;
    }
    return 0;
}

static int load_fallbacks(struct pl_config *c, struct pl_err *err)
{
    for (uint32_t i = 0; i < c->options; i++) {
        const char *text = c->table[i].fallback;
        int rc = text ? put(c, i, text, FROM_TABLE, "default", err) : 0;
        if (rc) return rc;
    }
    return 0;
}

/* The file has the least weight but is named by the other two, so the flags are read twice. */
static int load_named_file(struct pl_config *c, const struct pl_config *named, const char *default_file,
                           struct pl_err *err)
{
    uint32_t i;
    bool has = find(named, "config", 6, &i);
    const struct value *v = has ? &named->values[i] : NULL;
    if (v && v->count > 0 && v->source != FROM_TABLE) return load_file(c, v->texts[0], true, err);
    return default_file ? load_file(c, default_file, false, err) : 0;
}

static struct pl_config *make(const struct pl_option *table, int argc)
{
    struct pl_config *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->table = table;
    while (table[c->options].name) c->options++;
    c->values = calloc(c->options + 1, sizeof *c->values);
    c->rest = calloc((size_t)argc + 1, sizeof *c->rest);
    if (!c->values || !c->rest) pl_config_destroy(&c);
    return c;
}

int pl_config_load(const struct pl_option *table, int argc, const char *const *argv, const char *default_file,
                   const char *const **rest, int *n_rest, struct pl_config **out, struct pl_err *err)
{
    struct pl_config *named = make(table, argc), *c = make(table, argc);
    int rc = named && c ? 0 : pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    if (!rc) rc = load_environment(named, err);
    if (!rc) rc = load_flags(named, argc, argv, rest != NULL, err);
    if (!rc) rc = load_fallbacks(c, err);
    if (!rc) rc = load_named_file(c, named, default_file, err);
    if (!rc) rc = load_environment(c, err);
    if (!rc) rc = load_flags(c, argc, argv, rest != NULL, err);
    pl_config_destroy(&named);
    if (rc) {
        pl_config_destroy(&c);
        return rc;
    }
    if (rest) *rest = c->rest;
    if (n_rest) *n_rest = c->n_rest;
    *out = c;
    return 0;
}

void pl_config_destroy(struct pl_config **c)
{
    if (!c || !*c) return;
    forget_all((*c)->values, (*c)->options);
    for (uint32_t i = 0; i < (*c)->n_members; i++) {
        forget_all((*c)->members[i].values, (*c)->options);
        free((*c)->members[i].name);
    }
    free((*c)->members);
    free((*c)->rest);
    free(*c);
    *c = NULL;
}

static uint32_t must_find(const struct pl_config *c, const char *name)
{
    uint32_t i = 0;
    while (i < c->options && strcmp(c->table[i].name, name) != 0) i++;
    PL_MUST(i < c->options);
    return i;
}

static const char *text_of(const struct pl_config *c, const char *name, enum pl_option_kind kind)
{
    uint32_t i = must_find(c, name);
    PL_MUST(c->table[i].kind == kind);
    return c->values[i].count ? c->values[i].texts[0] : NULL;
}

static const char *text_for(const struct pl_config *c, const char *name, const char *member,
                            enum pl_option_kind kind)
{
    uint32_t i = must_find(c, name);
    PL_MUST(c->table[i].of);
    const struct member *m = member_find(c, c->table[i].of, member);
    return m && m->values[i].count ? m->values[i].texts[0] : text_of(c, name, kind);
}

uint64_t pl_config_u64_of(const struct pl_config *c, const char *name, const char *member)
{
    const char *text = text_for(c, name, member, PL_OPT_U64);
    uint64_t v = 0;
    PL_MUST(!text || parse_u64(text, &v));
    return v;
}

double pl_config_f64_of(const struct pl_config *c, const char *name, const char *member)
{
    const char *text = text_for(c, name, member, PL_OPT_F64);
    double v = 0;
    PL_MUST(!text || parse_f64(text, &v));
    return v;
}

const char *pl_config_member(const struct pl_config *c, const char *group, uint32_t i)
{
    for (uint32_t k = 0; k < c->n_members; k++)
        if (strcmp(c->members[k].group, group) == 0 && i-- == 0) return c->members[k].name;
    return NULL;
}

const char *pl_config_str(const struct pl_config *c, const char *name)
{
    uint32_t i = must_find(c, name);
    return text_of(c, name, c->table[i].kind == PL_OPT_CHOICE ? PL_OPT_CHOICE : PL_OPT_STRING);
}

uint64_t pl_config_u64(const struct pl_config *c, const char *name)
{
    const char *text = text_of(c, name, PL_OPT_U64);
    uint64_t v = 0;
    PL_MUST(!text || parse_u64(text, &v));
    return v;
}

double pl_config_f64(const struct pl_config *c, const char *name)
{
    const char *text = text_of(c, name, PL_OPT_F64);
    double v = 0;
    PL_MUST(!text || parse_f64(text, &v));
    return v;
}

bool pl_config_bool(const struct pl_config *c, const char *name)
{
    const char *text = text_of(c, name, PL_OPT_BOOL);
    bool v = false;
    PL_MUST(!text || parse_bool(text, &v));
    return v;
}

bool pl_config_is_set(const struct pl_config *c, const char *name)
{
    const struct value *v = &c->values[must_find(c, name)];
    return v->count > 0 && v->source != FROM_TABLE;
}

uint32_t pl_config_count(const struct pl_config *c, const char *name)
{
    return c->values[must_find(c, name)].count;
}

const char *pl_config_at(const struct pl_config *c, const char *name, uint32_t i)
{
    const struct value *v = &c->values[must_find(c, name)];
    PL_MUST(i < v->count);
    return v->texts[i];
}
