#include "actors/tool_calls.h"

#include <jansson.h>
#include <stdlib.h>

/*   The beginning of the answer is held until it is clear that it is no JSON:
 *
 *     SPACE --`--> TICKS --```--> INFO --newline--> BODY
 *       |                           |                 |
 *       +------------ { or [ -------+-----------------+--> VALUE <--> AFTER --`--> CLOSING --> CLOSED
 *
 *   From each of these anything unexpected goes to TEXT, with what was held, and never back:
 *
 *     TEXT --<tool_call>--> CALL --</tool_call>--> TEXT
 *
 * 1. In the states before TEXT the whole answer so far is in `held` and nothing was given out.
 * 2. In TEXT nothing is held but the first `matched` bytes of the open tag.
 * 3. In CALL `held` is the open tag and the body so far. */
enum { SPACE, TICKS, INFO, BODY, VALUE, AFTER, CLOSING, CLOSED, TEXT, CALL };
static const char open_tag[] = "<tool_call>", close_tag[] = "</tool_call>";
enum { OPEN_LEN = sizeof open_tag - 1, CLOSE_LEN = sizeof close_tag - 1, MOST_REPAIRS = 3 };

void pl_tool_stream_init(struct pl_tool_stream *s, const struct pl_str *declared, uint32_t declared_count)
{
    *s = (struct pl_tool_stream){.declared = declared, .declared_count = declared_count};
    s->state = declared_count ? SPACE : TEXT;
}

void pl_tool_stream_finish(struct pl_tool_stream *s)
{
    pl_buf_finish(&s->held);
    pl_arena_finish(&s->arena);
    *s = (struct pl_tool_stream){.state = TEXT};
}

bool pl_tool_stream_holds(const struct pl_tool_stream *s)
{
    return s->state == CALL || (s->state >= VALUE && s->state <= CLOSED);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_declared(const struct pl_tool_stream *s, struct pl_str name)
{
    for (uint32_t i = 0; i < s->declared_count; i++)
        if (pl_str_eq(s->declared[i], name)) return true;
    return false;
}

/* The arguments of a call as an object (a new reference), or NULL. */
static json_t *arguments_of(json_t *call, bool may_lack)
{
    json_t *given = json_object_get(call, "arguments");
    if (!given) given = json_object_get(call, "parameters");
    if (!given) return may_lack ? json_object() : NULL;
    if (json_is_object(given)) return json_incref(given);
    if (!json_is_string(given)) return NULL;
    json_t *inner = json_loadb(json_string_value(given), json_string_length(given), 0, NULL);
    if (json_is_object(inner)) return inner;
    json_decref(inner);
    return NULL;
}

static bool keep_call(struct pl_tool_stream *s, struct pl_str name, const char *arguments)
{
    size_t len = arguments ? strlen(arguments) : 0;
    if (!len || len > PL_TOOL_ARGUMENTS_MAX || s->calls_count == PL_TOOL_CALLS_MAX) return false;
    char *kept_name = pl_arena_copy(&s->arena, name.ptr, name.len),
         *kept = pl_arena_copy(&s->arena, arguments, len);
    if (!kept_name || !kept) return false;
    s->calls[s->calls_count++] = (struct pl_found_call){{kept_name, name.len}, {kept, (uint32_t)len}};
    return true;
}

static bool add_object(struct pl_tool_stream *s, json_t *object, bool tagged)
{
    json_t *inner = json_object_get(object, "function"); /* {"type":"function","function":{...}} */
    if (json_is_object(inner)) object = inner;
    json_t *given = json_object_get(object, "name");
    size_t len = given ? json_string_length(given) : 0;
    if (len < 1 || len > 64) return false;
    struct pl_str name = {json_string_value(given), (uint32_t)len};
    if (!tagged && !is_declared(s, name)) return false;
    json_t *arguments = arguments_of(object, tagged);
    char *text = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
    bool kept = keep_call(s, name, text);
    free(text);
    json_decref(arguments);
    return kept;
}

/* All calls of an object or of an array of objects, or none. */
static bool add_value(struct pl_tool_stream *s, json_t *value, bool tagged)
{
    uint32_t before = s->calls_count;
    bool ok = !json_is_array(value) ? json_is_object(value) && add_object(s, value, tagged)
                                    : json_array_size(value) > 0;
    for (size_t i = 0; ok && json_is_array(value) && i < json_array_size(value); i++) {
        json_t *item = json_array_get(value, i);
        ok = json_is_object(item) && add_object(s, item, tagged);
    }
    if (!ok) s->calls_count = before;
    return ok;
}

/* The JSON value at P with as many closing braces added as it lacks, or NULL. */
static json_t *load_repaired(const char *p, size_t n)
{
    json_t *value = NULL;
    char *copy = malloc(n + MOST_REPAIRS);
    if (!copy) return NULL;
    memcpy(copy, p, n);
    for (size_t extra = 1; extra <= MOST_REPAIRS && !value; extra++) {
        copy[n + extra - 1] = '}';
        value = json_loadb(copy, n + extra, 0, NULL);
    }
    free(copy);
    return value;
}

/* Reads one value at P that is a call or several; returns its bytes, 0 when it is none. */
static size_t read_value(struct pl_tool_stream *s, const char *p, size_t n, bool tagged, bool repair)
{
    json_error_t end;
    json_t *value = json_loadb(p, n, JSON_DISABLE_EOF_CHECK, &end);
    size_t used = value ? (size_t)end.position : n;
    if (!value && repair) value = load_repaired(p, n);
    bool ok = value && add_value(s, value, tagged);
    json_decref(value);
    return ok ? used : 0;
}

static size_t skip(const char *p, size_t n, size_t at)
{
    while (at < n && (is_space(p[at]) || p[at] == '}')) at++; /* a brace too many is forgiven */
    return at;
}

/* Reads the calls at the front of a tag's body; returns the bytes they take with the space around them. */
static size_t read_body(struct pl_tool_stream *s, const char *p, size_t n)
{
    size_t at = 0, used;
    while (at < n && is_space(p[at])) at++;
    size_t done = 0;
    while (at < n && (p[at] == '{' || p[at] == '[') &&
           (used = read_value(s, p + at, n - at, true, true)) != 0)
        done = at = skip(p, n, at + used);
    return done;
}

/* Ends the block in `held` after its first LEN bytes (what follows is the tag that ended it and is dropped):
 * its calls are kept, and what is no call goes out. */
static int end_block(struct pl_tool_stream *s, size_t len, struct pl_buf *answer)
{
    const char *held = (const char *)s->held.data;
    size_t used = read_body(s, held + OPEN_LEN, len - OPEN_LEN), from = OPEN_LEN + used;
    int rc = 0;
    if (!used)
        rc = pl_buf_write(answer, held, s->held.len);
    else if (from < len)
        rc = pl_buf_write(answer, held + from, len - from);
    pl_buf_clear(&s->held);
    s->state = TEXT;
    s->matched = 0;
    return rc;
}

static int begin_block(struct pl_tool_stream *s)
{
    s->state = CALL;
    s->matched = 0;
    pl_buf_clear(&s->held);
    return pl_buf_write(&s->held, open_tag, OPEN_LEN);
}

static int text_byte(struct pl_tool_stream *s, char c, struct pl_buf *answer)
{
    if (c == open_tag[s->matched] && s->declared_count) {
        if (++s->matched == OPEN_LEN) return begin_block(s);
        return 0;
    }
    int rc = pl_buf_write(answer, open_tag, s->matched);
    s->matched = c == '<' && s->declared_count ? 1 : 0; /* '<' stands only at the front of the tag */
    if (rc == 0 && !s->matched) rc = pl_buf_write(answer, &c, 1);
    return rc;
}

static bool held_ends_with(const struct pl_tool_stream *s, const char *tag, size_t len)
{
    return s->held.len >= OPEN_LEN + len && memcmp(s->held.data + s->held.len - len, tag, len) == 0;
}

static int call_byte(struct pl_tool_stream *s, char c, struct pl_buf *answer)
{
    int rc = pl_buf_write(&s->held, &c, 1);
    if (rc != 0) return rc;
    if (c == '>' && held_ends_with(s, close_tag, CLOSE_LEN)) {
        size_t len = s->held.len - CLOSE_LEN;
        return end_block(s, len, answer);
    }
    if (c == '>' && held_ends_with(s, open_tag, OPEN_LEN)) { /* its close tag was forgotten */
        s->held.len -= OPEN_LEN;
        rc = end_block(s, s->held.len, answer);
        return rc == 0 ? begin_block(s) : rc;
    }
    if (s->held.len < PL_TOOL_HELD_MAX) return 0;
    rc = pl_buf_write(answer, s->held.data, s->held.len);
    pl_buf_clear(&s->held);
    s->state = TEXT;
    return rc;
}

/* The beginning was no call: it is text, in which there may be tags. */
static int release(struct pl_tool_stream *s, struct pl_buf *answer)
{
    struct pl_buf was = s->held;
    int rc = 0;
    s->held = (struct pl_buf){0};
    s->state = TEXT;
    s->matched = 0;
    s->calls_count = 0;
    for (size_t i = 0; i < was.len && rc == 0; i++)
        rc = s->state == CALL ? call_byte(s, (char)was.data[i], answer)
                              : text_byte(s, (char)was.data[i], answer);
    pl_buf_finish(&was);
    return rc;
}

static int begin_value(struct pl_tool_stream *s)
{
    s->value_from = s->held.len - 1; /* its first bracket is held already */
    s->depth = 1;
    s->in_string = s->escaped = false;
    return VALUE;
}

/* The state after byte C of a JSON value, or TEXT when the value that ended there is no call. */
static int value_byte(struct pl_tool_stream *s, char c)
{
    if (s->in_string) {
        if (s->escaped)
            s->escaped = false;
        else if (c == '\\')
            s->escaped = true;
        else if (c == '"')
            s->in_string = false;
        return VALUE;
    }
    if (c == '"')
        s->in_string = true;
    else if (c == '{' || c == '[')
        s->depth++;
    else if ((c == '}' || c == ']') && --s->depth == 0) {
        size_t len = s->held.len - s->value_from;
        return read_value(s, (char *)s->held.data + s->value_from, len, false, false) == len ? AFTER : TEXT;
    }
    return VALUE;
}

static bool is_info(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+';
}

/* Counts back quotes up to three; then the state is THEN. */
static int tick_byte(struct pl_tool_stream *s, char c, int now, int then)
{
    if (c != '`') return TEXT;
    return ++s->matched == 3 ? then : now;
}

/* The next state of the beginning of an answer, whose byte C has just been held. */
static int head_byte(struct pl_tool_stream *s, char c)
{
    bool bracket = c == '{' || c == '[';
    switch (s->state) {
    case SPACE:
        s->matched = 0;
        if (c == '`') return tick_byte(s, c, TICKS, INFO);
        return is_space(c) ? SPACE : bracket ? begin_value(s) : TEXT;
    case TICKS:
        return tick_byte(s, c, TICKS, INFO);
    case INFO:
        s->fenced = true;
        if (c == '\n') return BODY;
        return bracket ? begin_value(s) : is_info(c) || is_space(c) ? INFO : TEXT;
    case BODY:
        return is_space(c) ? BODY : bracket ? begin_value(s) : TEXT;
    case VALUE:
        return value_byte(s, c);
    case AFTER:
        s->matched = 0;
        if (c == '`' && s->fenced) return tick_byte(s, c, CLOSING, CLOSED);
        return is_space(c) || c == '}' ? AFTER : bracket ? begin_value(s) : TEXT;
    case CLOSING:
        return tick_byte(s, c, CLOSING, CLOSED);
    default:
        return is_space(c) ? CLOSED : TEXT;
    }
}

int pl_tool_stream_feed(struct pl_tool_stream *s, struct pl_str piece, struct pl_buf *answer)
{
    int rc = 0;
    for (uint32_t i = 0; i < piece.len && rc == 0; i++) {
        char c = piece.ptr[i];
        if (s->state == TEXT)
            rc = text_byte(s, c, answer);
        else if (s->state == CALL)
            rc = call_byte(s, c, answer);
        else {
            rc = pl_buf_write(&s->held, &c, 1);
            if (rc == 0) s->state = head_byte(s, c);
            if (rc == 0 && (s->state == TEXT || s->held.len >= PL_TOOL_HELD_MAX)) rc = release(s, answer);
        }
    }
    return rc;
}

/* A value that only lacks closing braces at the end of the answer is a call all the same. */
static bool end_value(struct pl_tool_stream *s)
{
    size_t len = s->held.len - s->value_from;
    return !s->in_string && read_value(s, (char *)s->held.data + s->value_from, len, false, true) == len;
}

/* Length of the part of the close tag that ends the held block. */
static size_t partial_close(const struct pl_tool_stream *s)
{
    for (size_t n = CLOSE_LEN - 1; n > 0; n--)
        if (held_ends_with(s, close_tag, n)) return n;
    return 0;
}

static int end_call(struct pl_tool_stream *s, struct pl_buf *answer)
{
    size_t len = s->held.len - partial_close(s);
    return end_block(s, len, answer);
}

int pl_tool_stream_end(struct pl_tool_stream *s, struct pl_buf *answer)
{
    if (s->state == CALL) return end_call(s, answer);
    if (s->state == TEXT) {
        uint32_t n = s->matched;
        s->matched = 0;
        return n ? pl_buf_write(answer, open_tag, n) : 0;
    }
    if (s->state == AFTER || s->state == CLOSED || (s->state == VALUE && end_value(s))) {
        pl_buf_clear(&s->held);
        s->state = TEXT;
        s->matched = 0;
        return 0;
    }
    int rc = release(s, answer);
    return rc == 0 ? pl_tool_stream_end(s, answer) : rc;
}

int pl_tool_calls_find(struct pl_tool_stream *s, struct pl_str text, const struct pl_str *declared,
                       uint32_t declared_count, struct pl_buf *answer)
{
    pl_tool_stream_init(s, declared, declared_count);
    int rc = pl_tool_stream_feed(s, text, answer);
    return rc == 0 ? pl_tool_stream_end(s, answer) : rc;
}
