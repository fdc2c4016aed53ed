/* span.h - where the time of one request went: spans of a W3C trace, written as OTLP/JSON, one a line.
 *
 *   {"traceId":"<32 hex>","spanId":"<16 hex>","parentSpanId":"<16 hex>","name":"batcher.decode","kind":1,
 *    "startTimeUnixNano":"...","endTimeUnixNano":"...","attributes":[{"key":"tokens","value":{"intValue":"12"}}],
 *    "status":{"code":1}}
 *
 * A trace comes in with a message, as its envelope's `trace` (a traceparent), and goes on with every message that is
 * sent while it is handled. A span holds the context for what it causes. No text of a user is written. Without a file
 * of spans nothing here does anything: contexts are passed on as they came. */
#ifndef PL_RUNTIME_SPAN_H
#define PL_RUNTIME_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/wire.h"

enum { PL_TRACE_TEXT = 56 }; /* "00-" trace "-" span "-" flags, and NUL */

/* True for a traceparent: version 00 to fe, ids of lower-case digits that are not all zero. Later versions may go on
 * after the flags, up to 64 bytes in all. */
bool pl_trace_check(struct pl_str trace);

/* A file of spans, shared by the threads and the processes of a service: each line is one write at the file's end. At
 * LIMIT bytes the file becomes PATH.1 (the one before is gone) and a new one begins. */
struct pl_spans;
/* -PL_E_IO names the file. Made with mode 0600. */
int pl_spans_open(const char *path, uint64_t limit_bytes, struct pl_spans **out, struct pl_err *err);
void pl_spans_close(struct pl_spans **s);
/* Any thread. What cannot be written is lost and counted nowhere: spans must not stop the service. */
void pl__spans_write(struct pl_spans *s, const char *line, size_t len);

struct pl_actor;
struct pl_span {
    const char *name; /* static; NULL: no span */
    bool on;          /* it will be written */
    char context[PL_TRACE_TEXT]; /* for messages that it causes: its own, or its parent's when it is not on */
    char parent[17];
    uint64_t wall_us, mono_us; /* when it began */
};
struct pl_attribute {
    const char *key;
    const char *text; /* static words only; NULL: the number */
    uint64_t number;
};
/* PARENT: a traceparent, may be empty. NEW_TRACE: without a parent a trace begins here; else there is no span then. A
 * parent that is not sampled has no spans below it. */
void pl_span_begin(struct pl_actor *self, struct pl_span *s, const char *name, struct pl_str parent, bool new_trace);
/* Writes it, and S is none afterwards. CODE: 0 or an error. S that is none or not on: nothing. */
void pl_span_end(struct pl_actor *self, struct pl_span *s, int code, const struct pl_attribute *attributes, size_t n);
static inline struct pl_str pl_span_context(const struct pl_span *s)
{
    return pl_str_of(s->context);
}

#endif
