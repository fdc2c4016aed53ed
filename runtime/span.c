#include "runtime/span.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/node_inside.h"

/* ---- traceparent ---- */

static bool is_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") >= n;
}

static bool is_zero(const char *s, size_t n)
{
    return strspn(s, "0") >= n;
}

bool pl_trace_check(struct pl_str trace)
{
    char t[66];
    if (trace.len < 55 || trace.len > 64) return false;
    snprintf(t, sizeof t, "%.*s", PL_STR_FMT(trace));
    if (strlen(t) != trace.len || t[2] != '-' || t[35] != '-' || t[52] != '-') return false;
    if (!is_hex(t, 2) || !is_hex(t + 3, 32) || !is_hex(t + 36, 16) || !is_hex(t + 53, 2)) return false;
    if (strncmp(t, "ff", 2) == 0 || is_zero(t + 3, 32) || is_zero(t + 36, 16)) return false;
    return strncmp(t, "00", 2) == 0 ? trace.len == 55 : trace.len == 55 || t[55] == '-';
}

static bool is_sampled(const char *context)
{
    char flags = context[54];
    return (flags >= 'a' ? flags - 'a' + 10 : flags - '0') & 1;
}

/* ---- spans ---- */

static uint64_t draw(const struct pl_actor *self)
{
    const struct pl_world *w = &self->node->opts.world;
    uint64_t v = w->random(w->self);
    return v ? v : 1; /* an id of zeros is none */
}

static void own_context(struct pl_actor *self, struct pl_span *s, struct pl_str parent)
{
    char trace[33];
    if (parent.len) {
        snprintf(trace, sizeof trace, "%.32s", parent.ptr + 3);
        snprintf(s->parent, sizeof s->parent, "%.16s", parent.ptr + 36);
    } else {
        snprintf(trace, sizeof trace, "%016llx%016llx", (unsigned long long)draw(self),
                 (unsigned long long)draw(self));
    }
    snprintf(s->context, sizeof s->context, "00-%s-%016llx-01", trace, (unsigned long long)draw(self));
}

static uint64_t mono_us(const struct pl_world *w)
{
    return w->now_us ? w->now_us(w->self) : w->now_ms(w->self) * 1000;
}

void pl_span_begin(struct pl_actor *self, struct pl_span *s, const char *name, struct pl_str parent,
                   bool new_trace)
{
    const struct pl_world *w = &self->node->opts.world;
    *s = (struct pl_span){.name = name};
    if (parent.len && !pl_trace_check(parent)) parent = (struct pl_str){0};
    snprintf(s->context, sizeof s->context, "%.*s", PL_STR_FMT(parent));
    s->on = self->node->opts.spans && (parent.len ? is_sampled(s->context) : new_trace);
    if (!s->on) return;
    own_context(self, s, parent);
    s->wall_us = w->wall_us ? w->wall_us(w->self) : w->wall_ms(w->self) * 1000;
    s->mono_us = mono_us(w);
}

struct line {
    char text[1536];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, fmt, args);
    va_end(args);
    if (n > 0) l->len += (size_t)n;
    if (l->len >= sizeof l->text) l->len = sizeof l->text - 1;
}

/* Words of ours: letters, digits, dots. What else there is would need an escape and is left out. */
static void add_word(struct line *l, const char *word)
{
    for (const char *p = word; *p; p++)
        if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\') add(l, "%c", *p);
}

static void add_attribute(struct line *l, const struct pl_attribute *a)
{
    add(l, ",{\"key\":\"%s\",\"value\":{", a->key);
    if (a->text) {
        add(l, "\"stringValue\":\"");
        add_word(l, a->text);
        add(l, "\"}}");
    } else {
        add(l, "\"intValue\":\"%llu\"}}", (unsigned long long)a->number);
    }
}

static void add_status(struct line *l, int code)
{
    if (code)
        add(l, "],\"status\":{\"code\":2,\"message\":\"%s\"}}\n", pl_error_name(code));
    else
        add(l, "],\"status\":{\"code\":1}}\n");
}

void pl_span_end(struct pl_actor *self, struct pl_span *s, int code, const struct pl_attribute *attributes,
                 size_t n)
{
    struct line l = {.len = 0};
    bool on = s->on && s->name;
    const char *name = s->name;
    s->name = NULL;
    s->on = false;
    if (!on) return;
    const struct pl_node *node = self->node;
    uint64_t end_us = s->wall_us + (mono_us(&node->opts.world) - s->mono_us);
    add(&l, "{\"traceId\":\"%.32s\",\"spanId\":\"%.16s\",", s->context + 3, s->context + 36);
    if (*s->parent) add(&l, "\"parentSpanId\":\"%s\",", s->parent);
    add(&l, "\"name\":\"%s\",\"kind\":%d,", name, strncmp(name, "frontdoor.", 10) == 0 ? 2 : 1);
    add(&l, "\"startTimeUnixNano\":\"%llu000\",\"endTimeUnixNano\":\"%llu000\",",
        (unsigned long long)s->wall_us, (unsigned long long)end_us);
    add(&l, "\"attributes\":[{\"key\":\"node\",\"value\":{\"stringValue\":\"%s\"}}", node->name);
    for (size_t i = 0; i < n; i++) add_attribute(&l, &attributes[i]);
    add_status(&l, code);
    pl__spans_write(node->opts.spans, l.text, l.len);
}
