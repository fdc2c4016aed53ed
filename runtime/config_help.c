/* config_help.c - the table of options as --help text: the flag, its sentence, its limits and default. */
#include "runtime/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct page {
    char *buf;
    size_t size, used; /* used may pass size: the text is cut there */
};

__attribute__((format(printf, 2, 3))) static void add(struct page *p, const char *fmt, ...)
{
    va_list args;
    size_t room = p->used < p->size ? p->size - p->used : 0;
    va_start(args, fmt);
    int n = vsnprintf(room ? p->buf + p->used : NULL, room, fmt, args);
    va_end(args);
    if (n > 0) p->used += (size_t)n;
}

static const char *metavariable(const struct pl_option *o)
{
    static const char *const names[] = {" TEXT", " N", " X", "", NULL};
    return o->kind == PL_OPT_CHOICE ? o->choices : names[o->kind];
}

static void add_flag(struct page *p, const struct pl_option *o)
{
    add(p, "  --");
    for (const char *s = o->name; *s; s++) add(p, "%c", *s == '.' ? '-' : *s);
    add(p, o->kind == PL_OPT_CHOICE ? " %s" : "%s", metavariable(o));
    add(p, "%s\n", o->repeatable ? " ..." : "");
}

static void add_facts(struct page *p, const struct pl_option *o)
{
    const char *gap = " (";
    bool number = o->kind == PL_OPT_U64 || o->kind == PL_OPT_F64;
    if (number && (o->min != 0 || o->max != 0)) {
        add(p, "%s%.15g to %.15g", gap, o->min, o->max);
        gap = "; ";
    }
    if (o->unit) {
        add(p, "%s%s%s", gap, *gap == ';' ? "" : "in ", o->unit);
        gap = "; ";
    }
    if (o->fallback) {
        add(p, "%sdefault %s", gap, *o->fallback ? o->fallback : "empty");
        gap = "; ";
    }
    if (*gap == ';') add(p, ")");
}

void pl_config_help(const struct pl_option *table, char *buf, size_t size)
{
    struct page p = {buf, size, 0};
    if (size) *buf = 0;
    for (const struct pl_option *o = table; o->name; o++) {
        add_flag(&p, o);
        add(&p, "        %s", o->doc ? o->doc : "");
        add_facts(&p, o);
        if (o->of)
            add(&p, "; `%s` below [%s NAME] in the file for one %s", o->name + strlen(o->of) + 1, o->of,
                o->of);
        add(&p, "\n");
    }
}
