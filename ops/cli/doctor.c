/* doctor.c - `parlance doctor`: what is wrong here, and what to do about it.
 *
 * Works with and without a running daemon, and changes nothing. Each check is one line, with one command
 * where something is to be done. Exit code 0 as long as there is no problem; warnings are none. */
#include "ops/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ops/daemon/options.h"

static const char *const levels[] = {"ok", "warning", "problem"};

void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *fix,
                const char *fmt, ...)
{
    if (d->count == DOCTOR_MOST) return;
    struct doctor_finding *f = &d->found[d->count++];
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
    f->check = check;
    f->level = level;
    snprintf(f->fix, sizeof f->fix, "%s", fix);
}

static int count_of(const struct doctor *d, enum doctor_level level)
{
    int n = 0;
    for (int i = 0; i < d->count; i++) n += d->found[i].level == level;
    return n;
}

/* The lock is held for the life of a service; trying it does not take it away. */
static bool is_running(const char *data)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/lock", data);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd);
    return held;
}

/* The daemon's options, without flags of its own: those of a running one are not known here. */
static void read_options(struct doctor *d)
{
    char file[1100];
    struct pl_err err = {0};
    snprintf(file, sizeof file, "%s/parlance.ini", d->data);
    if (pl_config_load(pl_daemon_options, 0, NULL, file, NULL, NULL, &d->daemon, &err))
        doctor_say(d, DOCTOR_PROBLEM, "options", cli_format("editor %s", file),
                   "the daemon would not start: %s", err.text);
}

static void print_table(const struct doctor *d)
{
    for (int i = 0; i < d->count; i++) {
        const struct doctor_finding *f = &d->found[i];
        printf("%-8s %-12s %s\n", levels[f->level], f->check, f->text);
        if (*f->fix && f->level != DOCTOR_OK) printf("%21s do: %s\n", "", f->fix);
    }
    printf("%d checks, %d warnings, %d problems\n", d->count, count_of(d, DOCTOR_WARNING),
           count_of(d, DOCTOR_PROBLEM));
}

static void print_findings(const struct doctor *d)
{
    json_t *all = json_object(), *list = json_array();
    json_object_set_new(all, "problems", json_integer(count_of(d, DOCTOR_PROBLEM)));
    json_object_set_new(all, "warnings", json_integer(count_of(d, DOCTOR_WARNING)));
    for (int i = 0; i < d->count; i++) {
        const struct doctor_finding *f = &d->found[i];
        json_t *one = json_object();
        json_object_set_new(one, "check", json_string(f->check));
        json_object_set_new(one, "level", json_string(levels[f->level]));
        json_object_set_new(one, "text", cli_json_text(f->text, strlen(f->text)));
        json_object_set_new(one, "do", cli_json_text(f->fix, strlen(f->fix)));
        json_array_append_new(list, one);
    }
    json_object_set_new(all, "checks", list);
    cli_print_json(all);
}

static int run(const struct cli *c)
{
    static struct doctor d;
    struct stat st;
    int code = cli_data(c, d.data, sizeof d.data);
    if (code) return code;
    d.data_there = stat(d.data, &st) == 0 && S_ISDIR(st.st_mode);
    d.running = is_running(d.data);
    read_options(&d);
    d.model = pl_config_str(c->options, "model");
    if (!d.model && d.daemon) d.model = pl_config_str(d.daemon, "model");
    doctor_machine(&d);
    doctor_data(&d);
    doctor_service(&d, c);
    if (pl_config_bool(c->options, "json"))
        print_findings(&d);
    else
        print_table(&d);
    pl_config_destroy(&d.daemon);
    return count_of(&d, DOCTOR_PROBLEM) ? CLI_FAILED : CLI_OK;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, PL_OPTION_MODEL, CLI_END};
const struct cli_command cli_doctor = {
    "doctor", "",  "Say what is wrong with this machine, its data and its service, and what to do.",
    options,  run, NULL};
