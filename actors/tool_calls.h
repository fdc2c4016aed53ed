/* tool_calls.h - finds the tool calls in the text of an answer, also while the text is still coming.
 *
 * Two forms are a call:
 *   1. <tool_call>{"name": N, "arguments": {...}}</tool_call>, any number of them, anywhere in the text
 * (Hermes, Qwen). The close tag may be missing at the end of the text or before the next open tag.
 *   2. the whole answer is JSON, bare or in one ``` fence: an object with the name of a declared tool and
 * arguments, an array of such, or several one after the other. Small models forget the tags. Arguments are an
 * object, or a string that holds one; "parameters" is read as "arguments". Closing braces that the end of a
 * call lacks are added. What is not a call stays text, byte for byte. With no declared tool everything is
 * text.
 *
 * Pure: no actor, no state beyond the stream. Any chunking of a text gives the same result. */
#ifndef PL_ACTORS_TOOL_CALLS_H
#define PL_ACTORS_TOOL_CALLS_H

#include "schemas/wire.h"

enum {
    PL_TOOL_CALLS_MAX = 16,            /* of one text; what comes after stays text */
    PL_TOOL_ARGUMENTS_MAX = 65536,     /* bytes; a call with more stays text */
    PL_TOOL_HELD_MAX = 4 * 1024 * 1024 /* bytes that a stream holds back; then they are text */
};

struct pl_found_call {
    struct pl_str name;      /* 1 to 64 bytes; of form 1 perhaps of no tool that there is */
    struct pl_str arguments; /* text of a JSON object, as short as it can be written */
};

/* What the feeds of one answer found so far. Everything is lent until finish. */
struct pl_tool_stream {
    struct pl_found_call calls[PL_TOOL_CALLS_MAX];
    uint32_t calls_count;
    struct pl_arena arena;         /* of the calls */
    const struct pl_str *declared; /* borrowed for the stream's life */
    uint32_t declared_count;
    struct pl_buf held; /* text that may still become a call */
    int state;
    uint32_t matched;  /* bytes of a tag, or back quotes, seen so far */
    uint32_t depth;    /* open brackets of a JSON value */
    size_t value_from; /* in held: where a JSON value or the body of a tag begins */
    bool fenced, in_string, escaped;
};

/* DECLARED: names of the tools that the answer may call, lent until finish. Allocates nothing. */
void pl_tool_stream_init(struct pl_tool_stream *s, const struct pl_str *declared, uint32_t declared_count);
/* Takes a piece of the answer and appends to ANSWER what is certainly no part of a call. 0 or
 * -PL_E_NO_MEMORY. The pieces may split characters; what is appended then may too. */
int pl_tool_stream_feed(struct pl_tool_stream *s, struct pl_str piece, struct pl_buf *answer);
/* The text has ended: what was held becomes calls or is appended to ANSWER. */
int pl_tool_stream_end(struct pl_tool_stream *s, struct pl_buf *answer);
/* True while a call is being received: text is held that began like one. */
bool pl_tool_stream_holds(const struct pl_tool_stream *s);
/* Frees. Takes a zeroed or finished stream. */
void pl_tool_stream_finish(struct pl_tool_stream *s);

/* The whole text at once: init, feed, end. The caller finishes S. */
int pl_tool_calls_find(struct pl_tool_stream *s, struct pl_str text, const struct pl_str *declared,
                       uint32_t declared_count, struct pl_buf *answer);

#endif
