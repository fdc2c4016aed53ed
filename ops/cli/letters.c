/* letters.c - `parlance dead-letters`: messages that nobody handled, and sending one again. */
#include <stdio.h>
#include "ops/cli/cli.h"

static void add_letter(struct cli_table *t, const struct pl_letter_row *l)
{
    cli_table_row(t, cli_format("%.*s", PL_STR_FMT(l->letter)), cli_time(l->at_ms),
                  cli_format("%.*s", PL_STR_FMT(l->cause)), cli_format("%.*s", PL_STR_FMT(l->type)),
                  cli_format("%.*s", PL_STR_FMT(l->from)), cli_format("%.*s", PL_STR_FMT(l->to)),
                  cli_format("%llu", (unsigned long long)l->bytes),
                  l->replayed ? "replayed"
                  : l->kept   ? ""
                              : "not kept");
}

static void print_letters(const void *answer)
{
    const struct pl_letters_listed *page = answer;
    struct cli_table t = {.columns = 8};
    cli_table_row(&t, "LETTER", "TIME", "CAUSE", "TYPE", "FROM", "TO", "BYTES", "");
    for (uint32_t i = 0; i < page->letters_count; i++) add_letter(&t, &page->letters[i]);
    cli_table_print(&t);
    printf("%llu since the nodes' start, %u listed\n", (unsigned long long)page->total, page->letters_count);
}

static int run_list(const struct cli *c)
{
    struct pl_letters_list q;
    pl_letters_list_type.init(&q);
    return cli_ask(c, true, &pl_letters_list_type, &q, NULL, &pl_letters_listed_type, print_letters);
}

static void print_replayed(const void *answer)
{
    const struct pl_letters_replayed *r = answer;
    printf("%.*s was sent again to %.*s\n", PL_STR_FMT(r->letter), PL_STR_FMT(r->to));
}

static int run_replay(const struct cli *c)
{
    struct pl_letters_replay q;
    pl_letters_replay_type.init(&q);
    q.letter = pl_str_of(c->words[0]);
    return cli_ask(c, true, &pl_letters_replay_type, &q, NULL, &pl_letters_replayed_type, print_replayed);
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};
const struct cli_command cli_letters_list = {
    "dead-letters list", "", "List the messages that nobody handled.", options, run_list, NULL};
const struct cli_command cli_letters_replay = {
    "dead-letters replay", "LETTER", "Send a dead letter again to its receiver.", options, run_replay, NULL};
