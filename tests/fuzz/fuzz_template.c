/* Fuzzes the chat templates. The first byte picks one of the known templates and what is asked of it, the
 * second the number of messages that go into a continued dialogue; then come messages, each a byte for its
 * role and its text up to a zero byte; one with the role byte 't' is the tools' JSON. The first byte 'T'
 * means: the rest is a template's own text, which is known by its digest or refused with a sentence. What a
 * person wrote never becomes a control token. */
#include <jansson.h>

#include "kernels/gguf.h"
#include "kernels/template.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/kernels/gguf_bytes.h"

enum { MESSAGES = 16, TEMPLATES = 2, FIRST_CONTROL = 256 };

static struct pl_vocab *vocab;
static struct pl_template *known[TEMPLATES]; /* made once, alive to the end */

static int from_text(const char *text, size_t len, struct pl_template **t, struct pl_err *err)
{
    struct gb b;
    struct pl_gguf *g = NULL;
    gb_begin(&b);
    gb_key(&b, "tokenizer.chat_template", GB_STRING);
    gb_text(&b, text, len);
    int rc = pl_gguf_open_memory(b.p, b.n, &g, err);
    if (rc == 0) rc = pl_template_create(g, vocab, t, err);
    pl_gguf_close(&g);
    gb_finish(&b);
    return rc;
}

static void make_known(void)
{
    static const char *const names[TEMPLATES] = {"smollm2", "qwen2"};
    json_t *root = json_load_file(PL_FUZZ_SOURCE "/tests/fixtures/templates.json", 0, NULL);
    PL_MUST(root && pl_vocab_create_bytes(&vocab, NULL) == 0);
    for (int i = 0; i < TEMPLATES; i++) {
        const json_t *text = json_object_get(json_object_get(root, "sources"), names[i]);
        PL_MUST(from_text(json_string_value(text), json_string_length(text), &known[i], NULL) == 0);
    }
    json_decref(root);
}

static void try_source(const char *text, size_t len)
{
    struct pl_template *t = NULL;
    struct pl_err err = {0};
    if (from_text(text, len, &t, &err))
        PL_MUST(!t && err.code && err.text[0]);
    else
        PL_MUST(pl_template_digest(t)[63]);
    pl_template_destroy(&t);
}

static size_t count_controls(const struct pl_ids *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < ids->count; i++) count += pl_vocab_is_control(vocab, ids->ids[i]);
    return count;
}

/* The same dialogue with texts that hold no mark has as many control tokens. */
static void must_have_controls(const struct pl_template *t, struct pl_prompt p, size_t controls)
{
    struct pl_chat_message plain[MESSAGES];
    struct pl_ids ids = {0};
    for (size_t i = 0; i < p.n_messages; i++)
        plain[i] = (struct pl_chat_message){p.messages[i].role, "x", p.messages[i].content_len > 0};
    p.messages = plain;
    p.tools_json = p.tools_json ? "[]" : NULL;
    if (pl_template_ids(t, &p, &ids, NULL) == 0 && !pl_template_has_tools(t))
        PL_MUST(count_controls(&ids) == controls);
    pl_ids_finish(&ids);
}

static void render(const struct pl_template *t, const struct pl_prompt *p)
{
    struct pl_err err = {0};
    struct pl_ids ids = {0};
    char *text = NULL;
    size_t len = 0;
    int rc = pl_template_text(t, p, &text, &len, &err), again = pl_template_ids(t, p, &ids, &err);
    PL_MUST(rc == again && (rc == 0 || err.text[0]));
    if (rc == 0) must_have_controls(t, *p, count_controls(&ids));
    free(text);
    pl_ids_finish(&ids);
}

static void go_on(const struct pl_template *t, bool ended, const struct pl_chat_message *m, size_t n)
{
    struct pl_err err = {0};
    struct pl_ids ids = {0};
    PL_MUST(pl_template_continue(t, ended, m, n, &ids, &err) == 0 || err.text[0]);
    pl_ids_finish(&ids);
}

static void try_dialogue(uint8_t how, const uint8_t *data, size_t size)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "nobody"};
    struct pl_chat_message m[MESSAGES];
    struct pl_prompt p = {.messages = m, .add_generation_prompt = how & 2};
    char *kept[MESSAGES], *piece, *tools = NULL;
    size_t count = 0, n;
    while (count < MESSAGES && (piece = fuzz_piece(&data, &size, 0, &n))) {
        bool is_tools = piece[0] == 't' && !tools;
        if (is_tools) tools = piece;
        if (is_tools) continue;
        kept[count] = piece;
        const char *role = roles[(uint8_t)(piece[0] - 'a') % 5];
        m[count++] = (struct pl_chat_message){role, piece + (n > 0), n ? n - 1 : 0};
    }
    p.n_messages = count;
    p.tools_json = how & 4 && tools ? tools + 1 : NULL;
    render(known[how & 1], &p);
    go_on(known[how & 1], how & 8, m, count);
    while (count) free(kept[--count]);
    free(tools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536) return 0;
    if (!vocab) make_known();
    if (data[0] == 'T')
        try_source((const char *)data + 1, size - 1);
    else
        try_dialogue(data[0], data + 1, size - 1);
    return 0;
}
