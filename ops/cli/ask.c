/* ask.c - one question and its answer, and a question that is answered page by page. */
#include <stdio.h>
#include "ops/cli/cli.h"

int cli_ask(const struct cli *c, bool admin, const struct pl_type *type, const void *body,
            const struct pl_client_head *head, const struct pl_type *want, void (*print)(const void *answer))
{
    struct pl_client *client = NULL;
    struct pl_reply r = {0};
    int code = cli_connect(c, admin, &client);
    if (!code) code = cli_call(client, type, body, head, want, &r);
    if (!code && pl_config_bool(c->options, "json"))
        cli_print_record(want, r.body, NULL, NULL);
    else if (!code)
        print(r.body);
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

/* The `next` of a page is kept where it outlives the page. */
int cli_pages(struct pl_client *client, const struct cli_pages *p, void *arg)
{
    char after[1025] = "";
    int code = CLI_OK;
    for (bool more = true; more && !code;) {
        struct pl_reply r;
        *p->has_after = *after != 0;
        *p->after = pl_str_of(after);
        code = cli_call(client, p->type, p->request, p->head, p->want, &r);
        struct pl_str next = code ? (struct pl_str){0} : p->take(r.body, arg);
        snprintf(after, sizeof after, "%.*s", PL_STR_FMT(next));
        more = next.len > 0;
        pl_reply_finish(&r);
    }
    return code;
}
