/* man.c - `parlance man PAGE`: the pages parlance(1) and parlanced(8) in man's own language, from the tables
 * of commands and options. */
#include <stdio.h>
#include <stdlib.h>
#include "ops/cli/cli.h"
#include "ops/daemon/options.h"

/* A dash is a dash that can be copied; a leading dot or quote is no request. */
static void put(const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", stdout);
    for (const char *p = text; *p; p++)
        if (*p == '-')
            fputs("\\-", stdout);
        else if (*p == '\\')
            fputs("\\e", stdout);
        else
            putchar(*p);
}

static void put_line(const char *request, const char *text)
{
    fputs(request, stdout);
    put(text);
    putchar('\n');
}

/* One option by the words of --help: the flag on a line, what it does on the next. */
static void put_option(const struct pl_option *o)
{
    char text[2048];
    const struct pl_option one[2] = {*o, {.name = NULL}};
    pl_config_help(one, text, sizeof text);
    char *save = NULL, *flag = strtok_r(text, "\n", &save), *doc = strtok_r(NULL, "\n", &save);
    puts(".TP");
    if (flag) put_line(".B ", flag + strspn(flag, " "));
    if (doc) put_line("", doc + strspn(doc, " "));
}

static void put_options(const struct pl_option *options)
{
    for (const struct pl_option *o = options; o->name; o++)
        if (!cli_is_internal(o)) put_option(o);
}

static void put_head(const char *name, const char *section, const char *what)
{
    printf(".TH %s %s \"\" \"Parlance %s\" \"Parlance\"\n.SH NAME\n%s \\- %s\n", name, section, PL_VERSION,
           name, what);
}

static void page_of_parlance(void)
{
    put_head("parlance", "1", "ask, inspect and operate a Parlance chat service");
    puts(".SH SYNOPSIS\n.B parlance\n.I COMMAND\n[options]\n.SH DESCRIPTION\n"
         "Talks to the service of a data directory over its admin socket, and does some things with model "
         "files\n"
         "without any service. Answers go to the standard output, everything else to the standard error.\n"
         ".SH COMMANDS");
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *k = cli_commands[i];
        printf(".SS \"");
        put(k->name);
        printf("%s%s\"\n", *k->words ? " " : "", k->words);
        put_line("", k->doc);
        put_options(k->options);
    }
    puts(".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\nfailed\n.TP\n.B 2\nwrong usage\n.TP\n.B 3\n"
         "the service cannot be reached\n.SH ENVIRONMENT\n"
         "PARLANCE_DATA, PARLANCE_ENDPOINT, PARLANCE_MODEL, PARLANCE_THREADS, PARLANCE_ISA, "
         "PARLANCE_CTX_SIZE and\n"
         "PARLANCE_USER stand for the option of that name.\n.SH SEE ALSO\n.BR parlanced (8)");
}

static void page_of_parlanced(void)
{
    put_head("parlanced", "8", "the Parlance chat service");
    puts(
        ".SH SYNOPSIS\n.B parlanced \\-\\-model\n.I FILE\n[options]\n.SH DESCRIPTION\n"
        "Serves a model to producers over ZeroMQ and keeps their dialogues. It stays in the foreground; "
        "SIGTERM ends\n"
        "it with exit code 0, and what was accepted goes on at the next start. Its log is JSON lines on the\n"
        "standard error.\n.PP\n"
        "An option has one name in three places: `max\\-seqs = 8` in DATA/parlance.ini, "
        "PARLANCE_MAX_SEQS=8,\n"
        "\\-\\-max\\-seqs 8. Flags beat the environment, which beats the file.\n.SH OPTIONS");
    put_options(pl_daemon_options);
    puts(
        ".SH FILES\n.TP\n.I DATA/parlance.ini\noptions, when it is there\n.TP\n.I DATA/admin.sock\n"
        "where parlance(1) finds the service\n.TP\n.I DATA/store\nwhat was said\n.SH EXIT STATUS\n.TP\n.B 0\n"
        "it was asked to stop\n.TP\n.B 1\nit failed; the last line says why\n.TP\n.B 2\nan option is wrong\n"
        ".SH SEE ALSO\n.BR parlance (1)");
}

static int run(const struct cli *c)
{
    if (strcmp(c->words[0], "parlance") == 0)
        page_of_parlance();
    else if (strcmp(c->words[0], "parlanced") == 0)
        page_of_parlanced();
    else
        return cli_usage("%s: the pages are parlance and parlanced", c->words[0]);
    return CLI_OK;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_END};
const struct cli_command cli_man = {"man",   "PAGE", "Print a manual page: parlance man parlance | man -l -.",
                                    options, run,    NULL};
