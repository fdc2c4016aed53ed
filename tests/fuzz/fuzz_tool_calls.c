/* Fuzzes the finder of tool calls: the first byte says how the rest, an answer, is cut into pieces. Whatever
 * the bytes are, nothing is read or written out of place; cut or whole, the calls and what stays of the text
 * are the same; the text never grows; arguments are JSON objects. */
#include "actors/tool_calls.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pl_str declared[] = {PL_STR("calculator"), PL_STR("a")};

static void feed_cut(struct pl_tool_stream *s, const uint8_t *text, size_t n, uint8_t cut,
                     struct pl_buf *answer)
{
    pl_tool_stream_init(s, declared, 2);
    for (size_t at = 0, step; at < n; at += step) {
        step = 1 + (cut + at * 7) % (1 + cut % 13);
        if (step > n - at) step = n - at;
        PL_MUST(pl_tool_stream_feed(s, (struct pl_str){(const char *)text + at, (uint32_t)step}, answer) ==
                0);
    }
    PL_MUST(pl_tool_stream_end(s, answer) == 0);
}

static void must_be_object(struct pl_str text)
{
    json_t *value = json_loadb(text.ptr, text.len, 0, NULL);
    PL_MUST(json_is_object(value));
    json_decref(value);
}

static void must_agree(const struct pl_tool_stream *a, const struct pl_tool_stream *b)
{
    PL_MUST(a->calls_count == b->calls_count);
    for (uint32_t i = 0; i < a->calls_count; i++) {
        PL_MUST(pl_str_eq(a->calls[i].name, b->calls[i].name));
        PL_MUST(pl_str_eq(a->calls[i].arguments, b->calls[i].arguments));
        PL_MUST(a->calls[i].name.len >= 1 && a->calls[i].name.len <= 64);
        must_be_object(a->calls[i].arguments);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pl_tool_stream whole, cut;
    struct pl_buf x = {0}, y = {0};
    if (size < 1 || size > 65536) return 0;
    struct pl_str text = {(const char *)data + 1, (uint32_t)(size - 1)};
    PL_MUST(pl_tool_calls_find(&whole, text, declared, 2, &x) == 0);
    feed_cut(&cut, data + 1, size - 1, data[0], &y);
    PL_MUST(x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0));
    PL_MUST(x.len <= text.len && (whole.calls_count || x.len == text.len));
    must_agree(&whole, &cut);
    pl_tool_stream_finish(&whole);
    pl_tool_stream_finish(&cut);
    pl_buf_finish(&x);
    pl_buf_finish(&y);
    return 0;
}
