/* template.c - see template.h.
 *
 * A template is a row of the table at the end of the renderers: its text's digest and the C code that writes
 * the same bytes. All of them are ChatML: a turn is <|im_start|>role, a newline, the content, <|im_end|>, a
 * newline. The code writes into a sink, as marks and as text. A sink for ids turns each mark into its control
 * token and the text between two marks, as one run, into the tokens of plain text: what a person wrote can be
 * <|im_start|> and stays letters. */
#include "kernels/template.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/digest.h"
#include "kernels/gguf.h"
#include "kernels/text.h"
#include "kernels/tojson.h"

#define TEMPLATE_KEY "tokenizer.chat_template"
#define START_MARK "<|im_start|>"
#define END_MARK "<|im_end|>"

/* Where a rendering goes. The first error stays in RC and makes all that follows do nothing. */
struct sink {
    const struct pl_template *t;
    struct pl_ids *ids; /* NULL: marks are written as text */
    struct pl__text text;
    int rc;
};

/* How one template writes what is before the first message and a message. */
struct form {
    const char *digest; /* of the text without a newline at its end, which Jinja2 drops */
    bool has_tools, needs_message;
    void (*head)(struct sink *s, const struct pl_prompt *p, const json_t *tools);
    /* FIRST: it opens the dialogue. */
    void (*message)(struct sink *s, const struct pl_chat_message *all, size_t n, size_t i, bool first);
};

struct pl_template {
    const struct form *form;
    const struct pl_vocab *vocab;
    uint32_t start_id, end_id;
    char digest[65];
};

static void put(struct sink *s, const char *text, size_t len)
{
    if (!s->rc) s->rc = pl__text_add(&s->text, text, len);
}

static void put_text(struct sink *s, const char *text)
{
    put(s, text, strlen(text));
}

/* Turns the text since the last mark into ids. */
static void flush(struct sink *s)
{
    if (s->rc || !s->ids) return;
    s->rc = pl_vocab_encode(s->t->vocab, s->text.bytes, s->text.len, false, s->ids);
    s->text.len = 0;
}

static void put_mark(struct sink *s, const char *text, uint32_t id)
{
    if (!s->ids) put_text(s, text);
    flush(s);
    if (!s->rc && s->ids) s->rc = pl_ids_push(s->ids, id);
}

static void open_turn(struct sink *s, const char *role)
{
    put_mark(s, START_MARK, s->t->start_id);
    put_text(s, role);
}

static void close_turn(struct sink *s)
{
    put_mark(s, END_MARK, s->t->end_id);
    put_text(s, "\n");
}

static void put_turn(struct sink *s, const struct pl_chat_message *m)
{
    open_turn(s, m->role);
    put_text(s, "\n");
    put(s, m->content, m->content_len);
    close_turn(s);
}

static bool has_role(const struct pl_chat_message *m, const char *role)
{
    return strcmp(m->role, role) == 0;
}

/* The content of a system message that opens the dialogue; otherwise WITHOUT. */
static void put_system(struct sink *s, const struct pl_prompt *p, const char *without)
{
    if (p->n_messages && has_role(&p->messages[0], "system"))
        put(s, p->messages[0].content, p->messages[0].content_len);
    else
        put_text(s, without);
}

static void smollm2_head(struct sink *s, const struct pl_prompt *p, const json_t *tools)
{
    if (p->n_messages == 0 || has_role(&p->messages[0], "system")) return;
    open_turn(s, "system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face");
    close_turn(s);
}

static void smollm2_message(struct sink *s, const struct pl_chat_message *all, size_t n, size_t i, bool first)
{
    put_turn(s, &all[i]);
}

static void qwen2_tools(struct sink *s, const json_t *tools)
{
    put_text(s, "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
                "You are provided with function signatures within <tools></tools> XML tags:\n<tools>");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        put_text(s, "\n");
        if (!s->rc) s->rc = pl__tojson(json_array_get(tools, i), &s->text);
    }
    put_text(
        s,
        "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
        "<tool_call></tool_call> XML tags:\n<tool_call>\n"
        "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>");
}

static void qwen2_head(struct sink *s, const struct pl_prompt *p, const json_t *tools)
{
    open_turn(s, "system\n");
    put_system(s, p, "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.");
    if (json_array_size(tools)) qwen2_tools(s, tools);
    close_turn(s);
}

/* Tool results that follow each other share one user turn. */
static void qwen2_tool_result(struct sink *s, const struct pl_chat_message *all, size_t n, size_t i)
{
    if (i == 0 || !has_role(&all[i - 1], "tool")) open_turn(s, "user");
    put_text(s, "\n<tool_response>\n");
    put(s, all[i].content, all[i].content_len);
    put_text(s, "\n</tool_response>");
    if (i + 1 == n || !has_role(&all[i + 1], "tool")) close_turn(s);
}

static void qwen2_message(struct sink *s, const struct pl_chat_message *all, size_t n, size_t i, bool first)
{
    if (has_role(&all[i], "tool"))
        qwen2_tool_result(s, all, n, i);
    else if (!first || !has_role(&all[i], "system"))
        put_turn(s, &all[i]);
}

static const struct form forms[] = {
    /* SmolLM2-Instruct */
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788", false, false, smollm2_head,
     smollm2_message},
    /* Qwen2.5-Instruct and Qwen2.5-Coder-Instruct */
    {"55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a", true, true, qwen2_head,
     qwen2_message},
};

static const struct form *form_of(const char *text, size_t len)
{
    char digest[65];
    if (len && text[len - 1] == '\n') len--;
    if (pl__sha256_hex(text, len, digest)) return NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].digest, digest) == 0) return &forms[i];
    return NULL;
}

static int create(const struct form *f, const struct pl_vocab *v, const char *digest,
                  struct pl_template **out, struct pl_err *err)
{
    uint32_t start = pl_vocab_find(v, START_MARK, strlen(START_MARK));
    uint32_t end = pl_vocab_find(v, END_MARK, strlen(END_MARK));
    if (!pl_vocab_is_control(v, start) || !pl_vocab_is_control(v, end))
        return pl_fail(
            err, PL_E_MODEL_UNSUPPORTED, TEMPLATE_KEY,
            "the chat template needs the control tokens %s and %s, which the vocabulary does not have",
            START_MARK, END_MARK);
    struct pl_template *t = calloc(1, sizeof *t);
    if (!t) return pl_fail(err, PL_E_NO_MEMORY, TEMPLATE_KEY, "no memory for a chat template");
    *t = (struct pl_template){.form = f, .vocab = v, .start_id = start, .end_id = end};
    memcpy(t->digest, digest, sizeof t->digest);
    *out = t;
    return 0;
}

int pl_template_create(const struct pl_gguf *g, const struct pl_vocab *v, struct pl_template **out,
                       struct pl_err *err)
{
    const char *text;
    size_t len;
    char digest[65];
    if (!pl_gguf_str(g, TEMPLATE_KEY, &text, &len))
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, TEMPLATE_KEY, "the model file has no chat template");
    if (pl__sha256_hex(text, len, digest))
        return pl_fail(err, PL_E_INTERNAL, TEMPLATE_KEY, "libcrypto has no SHA-256");
    const struct form *f = form_of(text, len);
    if (!f)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, TEMPLATE_KEY,
                       "the chat template of %zu bytes with SHA-256 %s is none that this program knows", len,
                       digest);
    return create(f, v, digest, out, err);
}

int pl_template_create_chatml(const struct pl_vocab *v, struct pl_template **out, struct pl_err *err)
{
    return create(&forms[0], v, forms[0].digest, out, err);
}

void pl_template_destroy(struct pl_template **t)
{
    free(*t);
    *t = NULL;
}

const char *pl_template_digest(const struct pl_template *t)
{
    return t->digest;
}
bool pl_template_has_tools(const struct pl_template *t)
{
    return t->form->has_tools;
}
/* None of the known templates opens one. */
bool pl_template_opens_reasoning(const struct pl_template *t)
{
    return false;
}

static int check_roles(const struct pl_chat_message *messages, size_t n, struct pl_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct pl_chat_message *m = &messages[i];
        if (!has_role(m, "system") && !has_role(m, "user") && !has_role(m, "assistant") &&
            !has_role(m, "tool"))
            return pl_fail(err, PL_E_INVALID, "role",
                           "message %zu has the role \"%s\"; there are system, user, "
                           "assistant and tool",
                           i, m->role);
    }
    return 0;
}

/* Parses the tools into *TOOLS (given; NULL when there are none). */
static int read_tools(const struct pl_template *t, const char *text, json_t **tools, struct pl_err *err)
{
    json_error_t why;
    *tools = NULL;
    if (!text) return 0;
    json_t *value = json_loads(text, JSON_ALLOW_NUL, &why);
    if (!value) return pl_fail(err, PL_E_INVALID, "tools", "the tools are not JSON: %s", why.text);
    int rc = 0;
    if (!json_is_array(value))
        rc = pl_fail(err, PL_E_INVALID, "tools", "the tools are not an array");
    else if (json_array_size(value) && !t->form->has_tools)
        rc = pl_fail(err, PL_E_INVALID, "tools", "the model's chat template has no place for tools");
    if (rc)
        json_decref(value);
    else
        *tools = value;
    return rc;
}

static void put_messages(struct sink *s, const struct pl_chat_message *messages, size_t n, bool opens)
{
    for (size_t i = 0; i < n; i++) s->t->form->message(s, messages, n, i, opens && i == 0);
}

static int finish(struct sink *s, struct pl_err *err)
{
    flush(s);
    if (!s->rc) return 0;
    return pl_fail(err, -s->rc, "messages",
                   s->rc == -PL_E_NO_MEMORY ? "no memory for the prompt"
                                            : "the text cannot be cut into tokens");
}

static int render(struct sink *s, const struct pl_prompt *p, struct pl_err *err)
{
    json_t *tools;
    int rc = check_roles(p->messages, p->n_messages, err);
    if (!rc && p->n_messages == 0 && s->t->form->needs_message)
        rc = pl_fail(err, PL_E_INVALID, "messages", "the model's chat template needs a message");
    if (!rc) rc = read_tools(s->t, p->tools_json, &tools, err);
    if (rc) return rc;
    s->t->form->head(s, p, tools);
    put_messages(s, p->messages, p->n_messages, true);
    if (p->add_generation_prompt) open_turn(s, "assistant\n");
    json_decref(tools);
    return finish(s, err);
}

int pl_template_text(const struct pl_template *t, const struct pl_prompt *p, char **text, size_t *len,
                     struct pl_err *err)
{
    struct sink s = {.t = t};
    int rc = render(&s, p, err);
    if (!rc && !s.text.bytes) s.text.bytes = calloc(1, 1); /* an empty text is no NULL */
    if (!rc && !s.text.bytes) rc = pl_fail(err, PL_E_NO_MEMORY, "messages", "no memory for the prompt");
    if (rc) {
        pl__text_finish(&s.text);
        return rc;
    }
    *text = s.text.bytes;
    *len = s.text.len;
    return 0;
}

int pl_template_ids(const struct pl_template *t, const struct pl_prompt *p, struct pl_ids *out,
                    struct pl_err *err)
{
    struct sink s = {.t = t, .ids = out};
    size_t before = out->count;
    int rc = render(&s, p, err);
    pl__text_finish(&s.text);
    if (rc) out->count = before;
    return rc;
}

int pl_template_continue(const struct pl_template *t, bool ended, const struct pl_chat_message *messages,
                         size_t n_messages, struct pl_ids *out, struct pl_err *err)
{
    struct sink s = {.t = t, .ids = out};
    size_t before = out->count;
    int rc = check_roles(messages, n_messages, err);
    if (rc) return rc;
    if (!ended) put_mark(&s, END_MARK, t->end_id);
    put_text(&s, "\n");
    put_messages(&s, messages, n_messages, false);
    open_turn(&s, "assistant\n");
    rc = finish(&s, err);
    pl__text_finish(&s.text);
    if (rc) out->count = before;
    return rc;
}
