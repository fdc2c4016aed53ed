/* parlance.c - the program: the table of commands, their help, and the way from words to a command.
 *
 * A command has one or two words ("send", "sessions list"). Of the environment only what says where and with
 * what to work counts here, not what belongs to one request: the daemon's PARLANCE_TOOLS is no wish of every
 * question. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "ops/cli/cli.h"
#include "ops/streams.h"
#include "runtime/nearest.h"

const struct cli_command *const cli_commands[] = {
    &cli_chat,
    &cli_send,
    &cli_ping,
    &cli_sessions_list,
    &cli_sessions_show,
    &cli_sessions_delete,
    &cli_sessions_forget,
    &cli_sessions_export,
    &cli_feedback_add,
    &cli_feedback_list,
    &cli_feedback_stats,
    &cli_retrain_request,
    &cli_retrain_status,
    &cli_keys_new,
    &cli_keys_list,
    &cli_keys_revoke,
    &cli_keys_rotate_master,
    &cli_keys_rotate_tenant,
    &cli_audit_list,
    &cli_audit_verify,
    &cli_top,
    &cli_doctor,
    &cli_letters_list,
    &cli_letters_replay,
    &cli_backup_create,
    &cli_backup_list,
    &cli_backup_verify,
    &cli_backup_restore,
    &cli_models_inspect,
    &cli_generate,
    &cli_tokenize,
    &cli_perplexity,
    &cli_bench,
    &cli_train,
    &cli_completion,
    &cli_man,
    NULL,
};
enum { N_COMMANDS = sizeof cli_commands / sizeof *cli_commands - 1, WORDS_MAX = 1 };

extern char **environ;

static void show_command(const struct cli_command *k, FILE *out)
{
    fprintf(out, "  %-28s %s\n", cli_format("%s%s%s", k->name, *k->words ? " " : "", k->words), k->doc);
}

static void show_commands(FILE *out)
{
    fputs("usage: parlance COMMAND [options]\n\n", out);
    for (int i = 0; i < N_COMMANDS; i++) show_command(cli_commands[i], out);
    fputs("\nparlance COMMAND --help shows the options of one. Every command takes --data DIR and --json.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the service cannot be reached.\n",
          out);
}

static int show_help(const struct cli_command *k)
{
    static char text[16384];
    pl_config_help(k->options, text, sizeof text);
    printf("usage: parlance %s%s%s [options]\n\n%s\n\n%s", k->name, *k->words ? " " : "", k->words, k->doc,
           text);
    return CLI_OK;
}

/* True when COMMAND begins with WORD, or with WORD and SECOND; *USED gets how many words it has. */
static bool is_command(const char *name, const char *word, const char *second, int *used)
{
    size_t n = strlen(word);
    if (strncmp(name, word, n) != 0) return false;
    *used = name[n] ? 2 : 1;
    return !name[n] || (name[n] == ' ' && second && strcmp(name + n + 1, second) == 0);
}

static const struct cli_command *find(int argc, char **argv, int *used)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (is_command(cli_commands[i]->name, argv[1], argc > 2 ? argv[2] : NULL, used))
            return cli_commands[i];
    return NULL;
}

/* The command that WORD may have been meant for: of one whose name has two words the first counts. NULL:
 * none. */
static const char *nearest(const char *word)
{
    unsigned best = pl_name_slips(strlen(word)) + 1;
    const char *found = NULL;
    for (int i = 0; i < N_COMMANDS; i++) {
        char first[65];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(cli_commands[i]->name, " "),
                 cli_commands[i]->name);
        unsigned d = pl_name_distance(first, word, strlen(word));
        if (d < best) best = d, found = cli_format("%s", first);
    }
    return found;
}

/* A second word that is none of its family's. */
static const char *nearest_in(const char *family, const char *word)
{
    unsigned best = pl_name_slips(strlen(word)) + 1;
    const char *found = NULL;
    size_t n = strlen(family);
    for (int i = 0; i < N_COMMANDS; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, family, n) != 0 || name[n] != ' ') continue;
        unsigned d = pl_name_distance(name + n + 1, word, strlen(word));
        if (d < best) best = d, found = name;
    }
    return found;
}

/* "sessions" alone, or with a second word that is none; HELP: that word asks for this list. */
static int no_such_command(const char *word, bool help)
{
    bool family = false;
    FILE *out = help ? stdout : stderr;
    if (word[0] == '-')
        return cli_usage("options follow the command: parlance COMMAND %s ...; parlance --help", word);
    for (int i = 0; i < N_COMMANDS; i++) {
        bool in = strncmp(cli_commands[i]->name, word, strlen(word)) == 0 &&
                  cli_commands[i]->name[strlen(word)] == ' ';
        if (in && !family)
            fprintf(out,
                    help ? "usage: parlance %s ... [options], one of:\n" : "parlance: `%s` needs one of:\n",
                    word);
        if (in) show_command(cli_commands[i], out);
        family = family || in;
    }
    if (family && help) return CLI_OK;
    const char *near = family ? NULL : nearest(word);
    if (near) return cli_usage("there is no command `%s`; the nearest is `%s`", word, near);
    return family ? CLI_USAGE : cli_usage("there is no command `%s`; parlance --help lists them", word);
}

/* Forgets PARLANCE_* names that are not for all commands. */
static void trim_environment(void)
{
    static const char *const kept[] = {
        "DATA",     "ENDPOINT", "MODEL",      "THREADS",         "ISA",
        "CTX_SIZE", "USER",     "MASTER_KEY", "MASTER_KEY_FILE", "MASTER_KEY_COMMAND",
        NULL};
    for (char **e = environ; *e;) {
        size_t n = strcspn(*e, "=");
        bool ours = strncmp(*e, "PARLANCE_", 9) == 0, keep = false;
        for (const char *const *k = kept; *k && ours; k++)
            keep = keep || (n == 9 + strlen(*k) && strncmp(*e + 9, *k, n - 9) == 0);
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)n, *e);
        if (!ours || keep || n >= sizeof name || unsetenv(name)) e++;
    }
}

/* True when the flag W takes the next word as its value. */
static bool takes_value(const struct cli_command *k, const char *w)
{
    if (strncmp(w, "--", 2) != 0 || strchr(w, '=')) return false;
    for (const struct pl_option *o = k->options; o->name; o++)
        if (strcmp(o->name, w + 2) == 0) return o->kind != PL_OPT_BOOL;
    return false;
}

/* Replaces -h and the command's own short flag by the long one. LONGER has room for it. */
static void lengthen(const struct cli_command *k, int argc, const char **argv, char *longer, size_t size)
{
    if (k->alias) snprintf(longer, size, "--%s", k->alias + 1);
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-h") == 0) argv[i] = "--help";
        if (k->alias && argv[i][0] == '-' && argv[i][1] == k->alias[0] && argv[i][2] == 0) argv[i] = longer;
        if (takes_value(k, argv[i])) i++;
    }
}

static int check_words(const struct cli_command *k, int n)
{
    bool may_miss = !*k->words || k->words[0] == '[';
    if (n == 0 && !may_miss) return cli_usage("%s needs %s; parlance %s --help", k->name, k->words, k->name);
    if (n > (*k->words ? WORDS_MAX : 0))
        return cli_usage("%s: too many words; put text with spaces in quotes", k->name);
    return CLI_OK;
}

static int run(const struct cli_command *k, int argc, const char **argv)
{
    char longer[64];
    struct pl_config *options = NULL;
    struct pl_err err = {0};
    struct cli c = {0};
    lengthen(k, argc, argv, longer, sizeof longer);
    if (pl_config_load(k->options, argc, argv, NULL, &c.words, &c.n_words, &options, &err))
        return cli_usage("%s: %s", k->name, err.text);
    c.options = options;
    int code = pl_config_bool(options, "help") ? show_help(k) : check_words(k, c.n_words);
    if (!code && !pl_config_bool(options, "help")) code = k->run(&c);
    pl_config_destroy(&options);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    return code ? code : cli_usage("cannot write the output") - CLI_USAGE + CLI_FAILED;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    int used = 0;
    pl_streams_hold();
    if (argc < 2) {
        show_commands(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) return printf("parlance %s\n", PL_VERSION) < 0;
    if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        show_commands(stdout);
        return CLI_OK;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that goes is a failed write, with a line and an exit code */
    trim_environment();
    const struct cli_command *k = find(argc, argv, &used);
    if (!k && argc > 2 && nearest_in(argv[1], argv[2]))
        return cli_usage("there is no command `%s %s`; the nearest is `%s`", argv[1], argv[2],
                         nearest_in(argv[1], argv[2]));
    if (!k) return no_such_command(argv[1], argc > 2 && asks_for_help(argv[2]));
    return run(k, argc - 1 - used, (const char **)argv + 1 + used);
}
