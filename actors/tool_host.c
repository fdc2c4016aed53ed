/* tool.NAME: hosts one tool, a shared object behind plugins/parlance_tool.h, in a process of its own.
 *
 * It loads the object at start (and refuses one of another ABI, or whose description does not hold together),
 * tells the tools actor what it has, and runs one call after another. The tool's code may block, hang or
 * crash: this is the one process that it can hurt, and the tools actor has it restarted. What a tool answers
 * is checked here, so that a result is always UTF-8 within its bound. */
#include "actors/actors.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>
#include "kernels/utf8.h"
#include "plugins/parlance_tool.h"
#include "schemas/gen/types.h"

enum { RESULT_MAX = 65536, SCHEMA_MAX = 16384, TIMEOUT_MAX_MS = 600000 };

struct tool_host {
    void *object; /* of dlopen */
    const struct parlance_tool *tool;
    char *schema; /* the OpenAI function object; malloc'd */
    char *out;    /* RESULT_MAX + 1 bytes */
};

static bool is_name(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") : 0;
    return n >= 1 && n <= 64 && s[n] == 0;
}

static int tool_check(const struct parlance_tool *t, struct pl_err *err)
{
    if (!t || t->abi != PARLANCE_TOOL_ABI)
        return pl_fail(err, PL_E_UNSUPPORTED, "tool", "the tool is not of ABI %u", PARLANCE_TOOL_ABI);
    if (t->size < offsetof(struct parlance_tool, call) + sizeof t->call)
        return pl_fail(err, PL_E_INVALID, "size", "the tool's description is too short");
    if (!is_name(t->name))
        return pl_fail(err, PL_E_INVALID, "name", "a tool's name is 1 to 64 of a-z, 0-9, _ and -");
    if (!t->description || !pl_utf8_valid(t->description, strlen(t->description)))
        return pl_fail(err, PL_E_INVALID, "description", "the tool has no description in UTF-8");
    if (t->timeout_ms < 1 || t->timeout_ms > TIMEOUT_MAX_MS)
        return pl_fail(err, PL_E_INVALID, "timeout_ms", "a time-out is 1 to %d ms", TIMEOUT_MAX_MS);
    return t->call ? 0 : pl_fail(err, PL_E_INVALID, "call", "the tool has no function");
}

/* The tool as an OpenAI function object, in the order in which chat templates show it. */
static char *schema_text(const struct parlance_tool *t)
{
    json_t *parameters = t->parameters ? json_loads(t->parameters, 0, NULL) : json_object();
    if (!json_is_object(parameters)) {
        json_decref(parameters);
        return NULL;
    }
    json_t *all = json_pack("{s:s, s:{s:s, s:s, s:o}}", "type", "function", "function", "name", t->name,
                            "description", t->description, "parameters", parameters);
    char *text = all ? json_dumps(all, 0) : NULL;
    json_decref(all);
    if (text && strlen(text) <= SCHEMA_MAX) return text;
    free(text);
    return NULL;
}

static int tool_load(struct tool_host *st, const char *path, struct pl_err *err)
{
    const struct parlance_tool *(*describe)(void) = NULL;
    st->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!st->object) return pl_fail(err, PL_E_IO, "path", "%s", dlerror());
    void *symbol = dlsym(st->object, "parlance_tool");
    if (!symbol) return pl_fail(err, PL_E_INVALID, "path", "%s has no function parlance_tool", path);
    memcpy(&describe, &symbol, sizeof describe); /* C has no cast from an object to a function pointer */
    const struct parlance_tool *t = describe();
    int rc = tool_check(t, err);
    if (rc != 0) return rc;
    st->tool = t;
    st->schema = schema_text(t);
    if (!st->schema)
        return pl_fail(err, PL_E_INVALID, "parameters", "the parameters are no JSON object or too long");
    bool has_start = t->size >= offsetof(struct parlance_tool, start) + sizeof t->start && t->start;
    if (has_start && t->start() != 0)
        return pl_fail(err, PL_E_TOOL_FAILED, "start", "the tool did not start");
    st->out = malloc(RESULT_MAX + 1);
    return st->out ? 0 : pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for the tool");
}

static void send_hello(struct pl_actor *self, const struct tool_host *st)
{
    PL_NEW(m, b, tool_hello);
    if (b) {
        b->tool.name = pl_str_of(st->tool->name);
        b->tool.schema = pl_msg_str(m, pl_str_of(st->schema));
        b->tool.timeout_ms = st->tool->timeout_ms;
        b->tool.idempotent = st->tool->flags & PARLANCE_TOOL_IDEMPOTENT;
    }
    pl_send_to(self, "tools", &m);
}

static int tool_host_start(struct pl_actor *self, void *state, const void *arg)
{
    const struct pl_tool_host_opts *o = arg;
    struct tool_host *st = state;
    struct pl_err err = {0};
    int rc = tool_load(st, o->path, &err);
    if (rc != 0) {
        pl_log(self, PL_LOG_ERROR, "tool_refused", "path=%s field=%s why=%s", o->path, err.field, err.text);
        return rc;
    }
    pl_monitor(self, "tools"); /* each time it comes up it is told what there is here */
    return 0;
}

/* What the tool left in OUT, for a person: up to the NUL, as UTF-8 that fits. */
static struct pl_str sentence(struct pl_msg *m, const char *out, const char *otherwise)
{
    size_t len = strnlen(out, 1024);
    if (!len || !pl_utf8_valid(out, len)) return pl_str_of(otherwise);
    return pl_msg_str(m, (struct pl_str){out, (uint32_t)len});
}

static int on_run(struct pl_actor *self, struct tool_host *st, const struct pl_msg *run)
{
    const struct pl_tool_run *r = run->body;
    PL_NEW(m, b, tool_ran);
    struct pl_str arguments =
        m ? pl_msg_str(m, r->arguments) : (struct pl_str){NULL, 0}; /* with a NUL after it */
    if (!m || m->lacking) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    st->out[0] = 0;
    int n = st->tool->call(arguments.len ? arguments.ptr : "", arguments.len, st->out, RESULT_MAX);
    st->out[RESULT_MAX] = 0;
    b->call = r->call;
    if (n == PARLANCE_TOOL_REFUSED) {
        b->code = PL_E_INVALID;
        b->content = sentence(m, st->out, "the tool refused the arguments");
    } else if (n < 0) {
        b->code = PL_E_TOOL_FAILED;
        b->content = sentence(m, st->out, pl_error_text(PL_E_TOOL_FAILED));
    } else if (n > RESULT_MAX || !pl_utf8_valid(st->out, (size_t)n)) {
        b->code = PL_E_TOOL_FAILED;
        b->content = PL_STR("the tool's result is too long or not text");
    } else {
        b->content = pl_msg_str(m, (struct pl_str){st->out, (uint32_t)n});
    }
    pl_reply(self, run, &m);
    return 0;
}

static int tool_host_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct tool_host *st = state;
    if (m->type->id == PL_T_TOOL_RUN) return on_run(self, st, m);
    if (m->type->id != PL_T_SYS_UP) return PL_UNHANDLED;
    send_hello(self, st);
    return 0;
}

static void tool_host_stop(struct pl_actor *self, void *state)
{
    struct tool_host *st = state;
    const struct parlance_tool *t = st->tool;
    if (t && st->out && t->size >= offsetof(struct parlance_tool, stop) + sizeof t->stop && t->stop)
        t->stop();
    free(st->schema);
    free(st->out);
    if (st->object) dlclose(st->object);
}

const struct pl_actor_class pl_tool_host_class = {
    .name = "tool",
    .state_bytes = sizeof(struct tool_host),
    .start = tool_host_start,
    .receive = tool_host_receive,
    .stop = tool_host_stop,
    .mailbox_limit = 64,
    .restart = PL_RESTART_DEFAULT,
    .may_block = true,
};
