/* completion.c - `parlance completion SHELL`: what a shell needs to complete parlance and parlanced, made
 * from the tables of commands and options, so that it cannot be stale. */
#include <stdio.h>
#include "ops/cli/cli.h"
#include "ops/daemon/options.h"

const char *cli_flag(const struct pl_option *o)
{
    char flag[80];
    snprintf(flag, sizeof flag, "%s", o->name);
    for (char *p = flag; *p; p++)
        if (*p == '.') *p = '-';
    return cli_format("%s", flag);
}

bool cli_is_internal(const struct pl_option *o)
{
    return o->doc && strncmp(o->doc, "internal:", 9) == 0;
}

/* TEXT inside single quotes of every shell here; what would end them is left out, `|` becomes SEPARATOR. */
static void put_quoted(const char *text, char separator)
{
    for (const char *p = text ? text : ""; *p; p++)
        if (*p == '|' && separator)
            putchar(separator);
        else if (*p != '\'' && *p != '\\')
            putchar(*p);
}

/* The words that may come first, each once. */
static bool is_first(int i)
{
    size_t n = strcspn(cli_commands[i]->name, " ");
    for (int k = 0; k < i; k++)
        if (strncmp(cli_commands[k]->name, cli_commands[i]->name, n) == 0 &&
            strcspn(cli_commands[k]->name, " ") == n)
            return false;
    return true;
}

static void put_first_words(const char *between)
{
    for (int i = 0; cli_commands[i]; i++)
        if (is_first(i))
            printf("%s%.*s", i ? between : "", (int)strcspn(cli_commands[i]->name, " "),
                   cli_commands[i]->name);
}

/* --- bash --- */

static void bash_flags(const struct pl_option *options)
{
    for (const struct pl_option *o = options; o->name; o++)
        if (!cli_is_internal(o)) printf(" --%s", cli_flag(o));
}

static void bash_choices(const char *key, const struct pl_option *options)
{
    for (const struct pl_option *o = options; o->name; o++) {
        if (o->kind != PL_OPT_CHOICE) continue;
        printf("        '%s --%s') words='", key, cli_flag(o));
        put_quoted(o->choices, ' ');
        puts("' ;;");
    }
}

static void bash_second_words(int first)
{
    size_t n = strcspn(cli_commands[first]->name, " ");
    printf("        '%.*s') words='", (int)n, cli_commands[first]->name);
    for (int i = first; cli_commands[i]; i++)
        if (strncmp(cli_commands[i]->name, cli_commands[first]->name, n + 1) == 0)
            printf("%s ", cli_commands[i]->name + n + 1);
    puts("' ;;");
}

static void bash_tables(void)
{
    puts("    case \"$key $previous\" in");
    for (int i = 0; cli_commands[i]; i++) bash_choices(cli_commands[i]->name, cli_commands[i]->options);
    bash_choices("parlanced", pl_daemon_options);
    puts("    esac\n"
         "    [ -n \"$words\" ] || case \"$key\" in");
    for (int i = 0; cli_commands[i]; i++) {
        if (is_first(i) && strchr(cli_commands[i]->name, ' ')) bash_second_words(i);
        printf("        '%s') words='", cli_commands[i]->name);
        bash_flags(cli_commands[i]->options);
        puts("' ;;");
    }
    fputs("        'parlanced') words='", stdout);
    bash_flags(pl_daemon_options);
    puts("' ;;");
    fputs("        '') words='", stdout);
    put_first_words(" ");
    puts("' ;;\n    esac");
}

static void bash(void)
{
    puts("# bash completion of parlance and parlanced, made by: parlance completion bash\n"
         "_parlance() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words='' key=''\n"
         "    if [ \"${COMP_WORDS[0]##*/}\" = parlanced ]; then key=parlanced\n"
         "    elif [ \"$COMP_CWORD\" -gt 1 ]; then\n"
         "        key=${COMP_WORDS[1]}\n"
         "        case \" $_parlance_families \" in\n"
         "        *\" $key \"*) [ \"$COMP_CWORD\" -le 2 ] || key=\"$key ${COMP_WORDS[2]}\" ;;\n"
         "        esac\n"
         "    fi");
    bash_tables();
    puts("    COMPREPLY=()\n"
         "    while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$words\" -- "
         "\"$current\")\n"
         "}");
    fputs("_parlance_families='", stdout);
    for (int i = 0; cli_commands[i]; i++)
        if (is_first(i) && strchr(cli_commands[i]->name, ' '))
            printf("%.*s ", (int)strcspn(cli_commands[i]->name, " "), cli_commands[i]->name);
    puts("'\ncomplete -o default -F _parlance parlance parlanced");
}

/* --- zsh --- */

static void zsh_option(const struct pl_option *o)
{
    if (cli_is_internal(o)) return;
    printf(" \\\n        '%s--%s[", o->repeatable ? "*" : "", cli_flag(o));
    for (const char *p = o->doc ? o->doc : ""; *p; p++)
        if (!strchr("[]:'\\", *p)) putchar(*p);
    putchar(']');
    if (o->kind == PL_OPT_CHOICE) {
        fputs(":value:(", stdout);
        put_quoted(o->choices, ' ');
        putchar(')');
    } else if (o->kind != PL_OPT_BOOL) {
        fputs(o->kind == PL_OPT_STRING ? ":value:_files" : ":value: ", stdout);
    }
    putchar('\'');
}

static void zsh_case(const char *key, const struct pl_option *options)
{
    printf("    '%s') _arguments", key);
    for (const struct pl_option *o = options; o->name; o++) zsh_option(o);
    puts(" '*:word:_files' ;;");
}

static void zsh_second_words(int first)
{
    size_t n = strcspn(cli_commands[first]->name, " ");
    printf("    '%.*s') _values command", (int)n, cli_commands[first]->name);
    for (int i = first; cli_commands[i]; i++) {
        if (strncmp(cli_commands[i]->name, cli_commands[first]->name, n + 1) != 0) continue;
        printf(" '%s[", cli_commands[i]->name + n + 1);
        put_quoted(cli_commands[i]->doc, 0);
        fputs("]'", stdout);
    }
    puts(" ;;");
}

static void zsh(void)
{
    puts("#compdef parlance parlanced\n"
         "# zsh completion, made by: parlance completion zsh\n"
         "local key='' families=' '");
    fputs("families=' ", stdout);
    for (int i = 0; cli_commands[i]; i++)
        if (is_first(i) && strchr(cli_commands[i]->name, ' '))
            printf("%.*s ", (int)strcspn(cli_commands[i]->name, " "), cli_commands[i]->name);
    puts("'\n"
         "if [[ $service == parlanced ]]; then key=parlanced\n"
         "elif (( CURRENT > 2 )); then\n"
         "    key=$words[2]\n"
         "    if [[ $families == *\" $key \"* ]] && (( CURRENT > 3 )); then\n"
         "        key=\"$key $words[3]\"; shift 2 words; (( CURRENT -= 2 ))\n"
         "    elif [[ $families != *\" $key \"* ]]; then shift words; (( CURRENT -= 1 )); fi\n"
         "fi\n"
         "case \"$key\" in");
    fputs("    '') _values command", stdout);
    for (int i = 0; cli_commands[i]; i++)
        if (is_first(i)) printf(" %.*s", (int)strcspn(cli_commands[i]->name, " "), cli_commands[i]->name);
    puts(" ;;");
    for (int i = 0; cli_commands[i]; i++) {
        if (is_first(i) && strchr(cli_commands[i]->name, ' ')) zsh_second_words(i);
        zsh_case(cli_commands[i]->name, cli_commands[i]->options);
    }
    zsh_case("parlanced", pl_daemon_options);
    puts("esac");
}

/* --- fish --- */

static void fish_option(const char *program, const char *condition, const struct pl_option *o)
{
    if (cli_is_internal(o)) return;
    printf("complete -c %s%s -l %s", program, condition, cli_flag(o));
    if (o->kind == PL_OPT_CHOICE) {
        fputs(" -x -a '", stdout);
        put_quoted(o->choices, ' ');
        putchar('\'');
    } else if (o->kind != PL_OPT_BOOL) {
        fputs(o->kind == PL_OPT_STRING ? " -r" : " -x", stdout);
    }
    fputs(" -d '", stdout);
    put_quoted(o->doc, 0);
    puts("'");
}

static void fish_command(const struct cli_command *k, bool first)
{
    char condition[256];
    int n = (int)strcspn(k->name, " ");
    const char *second = k->name[n] ? k->name + n + 1 : NULL;
    if (first) {
        printf("complete -c parlance -n __fish_use_subcommand -f -a %.*s -d '", n, k->name);
        put_quoted(second ? "" : k->doc, 0);
        puts("'");
    }
    if (second) {
        printf("complete -c parlance -n '__fish_seen_subcommand_from %.*s; and test (count (commandline "
               "-opc)) -eq 2' -f -a "
               "%s -d '",
               n, k->name, second);
        put_quoted(k->doc, 0);
        puts("'");
    }
    snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %.*s%s%s'", n, k->name,
             second ? "; and __fish_seen_subcommand_from " : "", second ? second : "");
    for (const struct pl_option *o = k->options; o->name; o++) fish_option("parlance", condition, o);
}

static void fish(void)
{
    puts("# fish completion of parlance and parlanced, made by: parlance completion fish");
    for (int i = 0; cli_commands[i]; i++) fish_command(cli_commands[i], is_first(i));
    for (const struct pl_option *o = pl_daemon_options; o->name; o++) fish_option("parlanced", "", o);
}

static int run(const struct cli *c)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(c->words[0], shells[i].name) != 0) continue;
        shells[i].print();
        return CLI_OK;
    }
    return cli_usage("%s: bash, zsh and fish can be completed", c->words[0]);
}

static const struct pl_option options[] = {CLI_COMMON, CLI_END};
const struct cli_command cli_completion = {
    "completion", "SHELL", "Print what bash, zsh or fish needs to complete commands.", options, run, NULL};
