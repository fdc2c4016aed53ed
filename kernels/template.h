/* template.h - dialogue to prompt, in the model's own chat template.
 *
 * There is no template language here: the template text of the model file (tokenizer.chat_template) is recognised by
 * its exact bytes and rendered by C code that gives byte for byte what Jinja2 makes of it. An unknown template is
 * refused at load with a sentence. Text that a person wrote never becomes a control token: only the template's own
 * marks do. Ids are those of tokenising the rendered text with its marks as control tokens.
 * Immutable after creation; any thread. */
#ifndef PL_KERNELS_TEMPLATE_H
#define PL_KERNELS_TEMPLATE_H

#include "kernels/vocab.h"

struct pl_template;

struct pl_chat_message {
    const char *role;    /* "system", "user", "assistant", "tool" */
    const char *content; /* UTF-8, CONTENT_LEN bytes, not NUL-terminated */
    size_t content_len;
};

struct pl_prompt {
    const struct pl_chat_message *messages;
    size_t n_messages;
    /* Tool schemas: a JSON text that is an array of OpenAI function objects
     * ({"type":"function","function":{"name",...}}), or NULL. Written as Jinja2's tojson writes it. */
    const char *tools_json;
    bool add_generation_prompt;
};

/* Recognises the template of G. The vocabulary must outlive the template. -PL_E_MODEL_UNSUPPORTED names what was found. */
int pl_template_create(const struct pl_gguf *g, const struct pl_vocab *v, struct pl_template **out, struct pl_err *err);
/* The ChatML template of SmolLM2 over the byte vocabulary. */
int pl_template_create_chatml(const struct pl_vocab *v, struct pl_template **out, struct pl_err *err);
void pl_template_destroy(struct pl_template **t);

/* SHA-256 of the template text, 64 hex digits. Lent for the life of the template. */
const char *pl_template_digest(const struct pl_template *t);
/* True when the template has a place for tools. */
bool pl_template_has_tools(const struct pl_template *t);
/* True when the answer begins inside a reasoning block (the rendered prompt ends with <think>). */
bool pl_template_opens_reasoning(const struct pl_template *t);

/* The rendered text, malloc'd into *TEXT (given). -PL_E_INVALID for an unknown role or tools without a place for them. */
int pl_template_text(const struct pl_template *t, const struct pl_prompt *p, char **text, size_t *len, struct pl_err *err);
/* The ids of the rendered text, appended to OUT. */
int pl_template_ids(const struct pl_template *t, const struct pl_prompt *p, struct pl_ids *out, struct pl_err *err);

/* Continuing a dialogue on stored ids. A dialogue's ids are: PROMPT ids (pl_template_ids with the generation prompt),
 * the ids that the model sampled (its end token included when it sampled one), then this function's ids, then sampled
 * ids, and so on. It appends what the template puts between an assistant's content and the next generation prompt:
 * the end mark (only when ENDED is false, that is when the last sampled id was no end token), the newline, MESSAGES
 * (user messages, or tool results after a tool call; grouped as the template groups them) and the generation prompt.
 * The result equals pl_template_ids of the whole dialogue whenever re-tokenising the answers gives the sampled ids. */
int pl_template_continue(const struct pl_template *t, bool ended, const struct pl_chat_message *messages,
                         size_t n_messages, struct pl_ids *out, struct pl_err *err);

#endif
