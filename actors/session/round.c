#include "actors/session/round.h"

#include <jansson.h>
#include <stdlib.h>
#include "kernels/utf8.h"

enum { WRAPPED_MAX = 4096 }; /* bytes; a longer answer is one of its own */

static const char THINK[] = "<think>", THINK_END[] = "</think>";

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static struct pl_str text_of(const struct pl_buf *b)
{
    return (struct pl_str){(const char *)b->data, (uint32_t)b->len};
}

static struct pl_str trim(struct pl_str s)
{
    while (s.len && is_space(s.ptr[0])) s.ptr++, s.len--;
    while (s.len && is_space(s.ptr[s.len - 1])) s.len--;
    return s;
}

static bool begins_with(struct pl_str text, struct pl_str prefix)
{
    return prefix.len <= text.len && (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

static void drop_front(struct pl_buf *b, size_t n)
{
    if (n == 0) return; /* an empty buffer has no memory to move */
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

/* Length of the longest end of TEXT that is a proper beginning of MARK. */
static size_t partial_end(struct pl_str text, struct pl_str mark)
{
    size_t n = mark.len ? mark.len - 1 : 0;
    if (n > text.len) n = text.len;
    for (; n > 0; n--)
        if (memcmp(text.ptr + text.len - n, mark.ptr, n) == 0) return n;
    return 0;
}

/* JSON, a fence or the template's own marks: what a small model wraps a repeated result in. */
static bool is_wrapped(struct pl_str t)
{
    return t.len && memchr("{[`<", t.ptr[0], 4);
}

/* Repeats: hold the answer while it may turn out to be nothing but an earlier result. */
static bool may_repeat(const struct pl_round *r, struct pl_str held)
{
    struct pl_str t = trim(held);
    if (t.len == 0 || (is_wrapped(t) && t.len <= WRAPPED_MAX)) return true;
    for (uint32_t i = 0; i < r->o.repeats_count; i++)
        if (begins_with(trim(r->o.repeats[i]), t)) return true;
    return false;
}

static int pass_repeats(struct pl_round *r, const char *text, size_t len)
{
    if (len == 0) return 0;
    if (r->o.repeats_count && !r->diverged) {
        int rc = pl_buf_write(&r->repeat, text, len);
        if (rc || may_repeat(r, text_of(&r->repeat))) return rc;
        r->diverged = true;
        r->emitted = true;
        rc = pl_buf_write(&r->answer, r->repeat.data, r->repeat.len);
        pl_buf_clear(&r->repeat);
        return rc;
    }
    r->emitted = true;
    return pl_buf_write(&r->answer, text, len);
}

static int pass_calls(struct pl_round *r, const char *text, size_t len)
{
    if (len == 0) return 0;
    if (r->o.tools_count == 0) return pass_repeats(r, text, len);
    struct pl_buf plain = {0};
    int rc = pl_tool_stream_feed(&r->calls, (struct pl_str){text, (uint32_t)len}, &plain);
    if (!rc) rc = pass_repeats(r, (const char *)plain.data, plain.len);
    pl_buf_finish(&plain);
    return rc;
}

/* Stop strings: the earliest occurrence ends the answer; a possible beginning of one is held. */
static int pass_stops(struct pl_round *r, const char *text, size_t len)
{
    if (len == 0) return 0;
    if (r->o.stop_count == 0) return pass_calls(r, text, len);
    int rc = pl_buf_write(&r->stop, text, len);
    if (rc) return rc;
    size_t cut = r->stop.len, hold = 0;
    struct pl_str held = text_of(&r->stop);
    for (uint32_t i = 0; i < r->o.stop_count; i++) {
        struct pl_str s = r->o.stop[i];
        const char *at = s.len ? memmem(held.ptr, held.len, s.ptr, s.len) : NULL;
        if (at && (size_t)(at - held.ptr) < cut) cut = (size_t)(at - held.ptr);
        if (at) r->stopped = true;
        size_t partial = partial_end(held, s);
        if (partial > hold) hold = partial;
    }
    size_t n = r->stopped ? cut : r->stop.len - hold;
    rc = pass_calls(r, held.ptr, n);
    drop_front(&r->stop, r->stopped ? r->stop.len : n);
    return rc;
}

static int reasoning_text(struct pl_round *r, bool at_end)
{
    struct pl_str held = text_of(&r->mark), end = pl_str_of(THINK_END);
    if (held.len == 0) return 0;
    const char *at = memmem(held.ptr, held.len, end.ptr, end.len);
    size_t n = at ? (size_t)(at - held.ptr) : held.len - (at_end ? 0 : partial_end(held, end));
    int rc = pl_buf_write(&r->reasoning, held.ptr, n);
    drop_front(&r->mark, n + (at ? end.len : 0));
    if (at) r->phase = PL_ROUND_ANSWER;
    return rc;
}

/* Decides whether the answer opens with a reasoning block; white space before the mark belongs to it. */
static void first_mark(struct pl_round *r, bool at_end)
{
    struct pl_str held = text_of(&r->mark), mark = pl_str_of(THINK);
    size_t blank = 0;
    while (blank < held.len && is_space(held.ptr[blank])) blank++;
    struct pl_str t = {held.ptr + blank, held.len - (uint32_t)blank};
    if (begins_with(t, mark)) {
        drop_front(&r->mark, blank + mark.len);
        r->phase = PL_ROUND_REASONING;
    } else if (at_end || !begins_with(mark, t)) {
        r->phase = PL_ROUND_ANSWER;
    }
}

static int pass_marks(struct pl_round *r, const char *text, size_t len, bool at_end)
{
    int rc = pl_buf_write(&r->mark, text, len);
    if (rc) return rc;
    if (r->phase == PL_ROUND_MAYBE_REASONING) first_mark(r, at_end);
    if (r->phase == PL_ROUND_REASONING) rc = reasoning_text(r, at_end);
    if (rc || r->phase != PL_ROUND_ANSWER) return rc;
    rc = pass_stops(r, (const char *)r->mark.data, r->mark.len);
    pl_buf_clear(&r->mark);
    return rc;
}

/* Whole characters only; bytes that are no UTF-8 become U+FFFD. */
static int pass_characters(struct pl_round *r, bool at_end)
{
    const char *p = (const char *)r->bytes.data;
    size_t n = at_end ? r->bytes.len : pl_utf8_complete(p, r->bytes.len);
    if (n == 0) return at_end ? pass_marks(r, "", 0, true) : 0;
    char *clean = malloc(n * 3 + 1);
    if (!clean) return -PL_E_NO_MEMORY;
    int rc = pass_marks(r, clean, pl_utf8_sanitize(clean, n * 3, p, n), at_end);
    free(clean);
    drop_front(&r->bytes, n);
    return rc;
}

int pl_round_init(struct pl_round *r, const struct pl_round_opts *o)
{
    memset(r, 0, sizeof *r);
    r->o = *o;
    if (pl_template_opens_reasoning(o->model->chat_template)) r->phase = PL_ROUND_REASONING;
    pl_tool_stream_init(&r->calls, o->tools, o->tools_count);
    return 0;
}

int pl_round_id(struct pl_round *r, uint32_t id)
{
    if (r->stopped) return 0;
    size_t len;
    const char *piece = pl_vocab_piece(r->o.model->vocab, id, false, &len);
    int rc = pl_buf_write(&r->bytes, piece, len);
    return rc ? rc : pass_characters(r, false);
}

int pl_round_end(struct pl_round *r)
{
    int rc = r->stopped ? 0 : pass_characters(r, true);
    if (!rc && r->stop.len && !r->stopped) rc = pass_calls(r, (const char *)r->stop.data, r->stop.len);
    pl_buf_clear(&r->stop);
    if (rc) return rc;
    if (r->repeat.len) rc = pl_buf_write(&r->rest, r->repeat.data, r->repeat.len);
    if (!rc && r->o.tools_count) rc = pl_tool_stream_end(&r->calls, &r->rest);
    return rc;
}

bool pl_round_only_repeats(const struct pl_round *r)
{
    struct pl_str rest = trim(text_of(&r->rest));
    if (r->emitted) return false;
    if (rest.len == 0) return true;
    for (uint32_t i = 0; i < r->o.repeats_count; i++) {
        struct pl_str s = trim(r->o.repeats[i]);
        if (pl_str_eq(rest, s)) return true;
        if (is_wrapped(rest) && s.len && memmem(rest.ptr, rest.len, s.ptr, s.len)) return true;
    }
    return false;
}

static bool value_is(const json_t *value, struct pl_str text)
{
    if (json_is_string(value)) {
        struct pl_str s = {json_string_value(value), (uint32_t)json_string_length(value)};
        return pl_str_eq(trim(s), trim(text));
    }
    char *dumped = json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    bool same = dumped && pl_str_eq(pl_str_of(dumped), trim(text));
    free(dumped);
    return same;
}

bool pl_round_call_holds_only(const struct pl_found_call *c, struct pl_str text)
{
    json_t *arguments = json_loadb(c->arguments.ptr, c->arguments.len, 0, NULL);
    bool only = json_object_size(arguments) == 1 &&
                value_is(json_object_iter_value(json_object_iter(arguments)), text);
    json_decref(arguments);
    return only;
}

void pl_round_finish(struct pl_round *r)
{
    pl_tool_stream_finish(&r->calls);
    struct pl_buf *all[] = {&r->bytes, &r->mark, &r->stop, &r->repeat, &r->answer, &r->reasoning, &r->rest};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) pl_buf_finish(all[i]);
}
