/* backup.c - `parlance backup`: the service makes a checkpoint, and this program hashes it, copies it where
 * it shall lie, checks it and puts it back. Only `create` needs the service; `restore` needs it stopped. */
#include "runtime/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ops/cli/cli.h"
#include "runtime/audit.h"
#include "runtime/master.h"

enum { PATH_BYTES = 1024 };

/* Where the backups lie: --dir, as an absolute path, else DATA/backups. */
static int backups_dir(const struct cli *c, char *out, size_t size)
{
    char data[PATH_BYTES], here[PATH_MAX];
    const char *given = pl_config_str(c->options, "dir");
    int code = given ? CLI_OK : cli_data(c, data, sizeof data);
    if (code) return code;
    int n = !given            ? snprintf(out, size, "%s/backups", data)
            : given[0] == '/' ? snprintf(out, size, "%s", given)
                              : snprintf(out, size, "%s/%s", getcwd(here, sizeof here) ? here : ".", given);
    return n >= 0 && (size_t)n < size ? CLI_OK : cli_usage("the path of the backups is too long");
}

static void record(const char *data, const char *act, const char *name, const char *outcome,
                   const char *detail)
{
    struct pl_err err = {0};
    struct pl_audit_entry e = {.act = act, .outcome = outcome, .subject = name, .detail = detail};
    if (pl_audit_append(data, &e, &err)) fprintf(stderr, "parlance: not in the audit record: %s\n", err.text);
}

static json_t *backup_json(const struct pl_backup *b)
{
    return json_pack("{ss ss ss sI sI sI ss sb}", "name", b->name, "time", b->time, "version", b->version,
                     "sequence", (json_int_t)b->sequence, "files", (json_int_t)b->files, "bytes",
                     (json_int_t)b->bytes, "audit_head", b->audit_head, "damaged", b->damaged);
}

/* --- create --- */

struct making {
    char data[PATH_BYTES], own[PATH_BYTES + 16], dir[PATH_BYTES + 16];
    int own_lock, dir_lock;
    char from[1201];
    struct pl_backup b;
};

static int take_places(const struct cli *c, struct making *m)
{
    struct pl_err err = {0};
    char path[PATH_BYTES + 96];
    int code = cli_data(c, m->data, sizeof m->data);
    if (!code) code = backups_dir(c, m->dir, sizeof m->dir);
    if (code) return code;
    snprintf(m->own, sizeof m->own, "%s/backups", m->data);
    snprintf(path, sizeof path, "%s/%s", m->dir, m->b.name);
    if (access(path, F_OK) == 0) {
        pl_fail(&err, PL_E_CONFLICT, "name", "there is a backup %s already", path);
        return cli_fail(&err);
    }
    int rc = pl_backup_begin(m->own, &m->own_lock, &err);
    if (!rc && strcmp(m->own, m->dir) != 0) rc = pl_backup_begin(m->dir, &m->dir_lock, &err);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int ask_checkpoint(const struct cli *c, struct making *m)
{
    struct pl_client *client = NULL;
    struct pl_backup_create q;
    struct pl_reply r = {0};
    int code = cli_connect(c, true, &client);
    pl_backup_create_type.init(&q);
    q.name = pl_str_of(m->b.name);
    q.has_dir = true;
    q.dir = pl_str_of(m->dir);
    if (!code) code = cli_call(client, &pl_backup_create_type, &q, NULL, &pl_backup_created_type, &r);
    const struct pl_backup_created *made = code ? NULL : r.body;
    if (made) {
        snprintf(m->from, sizeof m->from, "%.*s", PL_STR_FMT(made->path));
        snprintf(m->b.time, sizeof m->b.time, "%.*s", PL_STR_FMT(made->time));
        m->b.sequence = made->sequence;
    }
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

static int finish(struct making *m)
{
    struct pl_err err = {0};
    struct pl_audit_report audit;
    struct pl_backup_watch watch = {cli_progress, (char[]){"copying"}};
    snprintf(m->b.version, sizeof m->b.version, "%s", PL_VERSION);
    if (pl_audit_verify(m->data, NULL, &audit, NULL, NULL, NULL) == 0)
        snprintf(m->b.audit_head, sizeof m->b.audit_head, "%s", audit.head);
    int rc = pl_backup_finish(m->from, m->dir, &m->b, &watch, &err);
    record(m->data, "backup.create", m->b.name, rc ? "failed" : "done", rc ? err.text : m->dir);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int keep(const struct cli *c, const struct making *m, uint32_t *removed)
{
    struct pl_err err = {0};
    uint32_t n = (uint32_t)pl_config_u64(c->options, "keep");
    *removed = 0;
    return n && pl_backup_keep(m->dir, n, removed, &err) ? cli_fail(&err) : CLI_OK;
}

static void show_made(const struct cli *c, const struct making *m, uint32_t removed)
{
    if (pl_config_bool(c->options, "json")) {
        json_t *v = backup_json(&m->b);
        json_object_set_new(v, "path", json_sprintf("%s/%s", m->dir, m->b.name));
        json_object_set_new(v, "removed", json_integer(removed));
        cli_print_json(v);
        return;
    }
    printf("%s/%s: %llu files, %.1f MiB, up to write %llu\n", m->dir, m->b.name,
           (unsigned long long)m->b.files, (double)m->b.bytes / 1048576, (unsigned long long)m->b.sequence);
    if (removed) printf("removed %u older\n", removed);
}

static int run_create(const struct cli *c)
{
    struct making m = {.own_lock = -1, .dir_lock = -1};
    struct pl_err err = {0};
    char time[32], name[32];
    uint32_t removed = 0;
    const char *given = pl_config_str(c->options, "name");
    pl_backup_now(time, name);
    if (given && pl_backup_check_name(given, &err)) return cli_usage("%s", err.text);
    snprintf(m.b.name, sizeof m.b.name, "%s", given ? given : name);
    int code = take_places(c, &m);
    if (!code) code = ask_checkpoint(c, &m);
    if (!code) code = finish(&m);
    if (!code) code = keep(c, &m, &removed);
    if (!code) show_made(c, &m, removed);
    if (m.own_lock >= 0) close(m.own_lock);
    if (m.dir_lock >= 0) close(m.dir_lock);
    return code;
}

/* --- list --- */

static void list_json(const struct pl_backup *b, void *arg)
{
    json_array_append_new(arg, backup_json(b));
}

static void list_row(const struct pl_backup *b, void *arg)
{
    if (b->damaged)
        cli_table_row(arg, b->name, "", "", "", "", "damaged: its manifest cannot be read");
    else
        cli_table_row(arg, b->name, b->time, cli_format("%.1f", (double)b->bytes / 1048576),
                      cli_format("%llu", (unsigned long long)b->files),
                      cli_format("%llu", (unsigned long long)b->sequence), b->version);
}

static int run_list(const struct cli *c)
{
    char dir[PATH_BYTES + 16];
    struct pl_err err = {0};
    struct cli_table t = {.columns = 6};
    bool json = pl_config_bool(c->options, "json");
    int code = backups_dir(c, dir, sizeof dir);
    if (code) return code;
    json_t *all = json_array();
    if (!json) cli_table_row(&t, "NAME", "TIME", "MIB", "FILES", "UP TO WRITE", "VERSION");
    int rc = pl_backup_list(dir, json ? list_json : list_row, json ? (void *)all : &t, &err);
    if (json && !rc)
        cli_print_json(all);
    else
        json_decref(all);
    cli_table_print(&t);
    return rc ? cli_fail(&err) : CLI_OK;
}

/* --- verify --- */

/* The key that the values are opened with, as the daemon finds it. Without one they stay closed. */
static int master_key(const struct cli *c, struct pl_master *m, bool *found)
{
    char data[PATH_BYTES];
    struct pl_err err = {0};
    int code = cli_data(c, data, sizeof data);
    const struct pl_master_source from = {pl_config_str(c->options, "master-key-file"),
                                          pl_config_str(c->options, "master-key-command"), data};
    int rc = code ? 0 : pl_master_find(m, &from, false, &err);
    *found = !code && !rc;
    bool missing = rc == -PL_E_NOT_FOUND && !from.file;
    return rc && !missing ? cli_fail(&err) : code;
}

static void show_opened(const struct pl_backup_report *r)
{
    if (r->opened)
        printf("%llu values open with the keys beside it", (unsigned long long)r->values);
    else
        printf("values were not opened: there is no master key here (--master-key-file)");
    if (r->forgotten) printf("; %llu are of forgotten users", (unsigned long long)r->forgotten);
    putchar('\n');
}

static json_t *report_json(const struct pl_backup_report *r)
{
    json_t *v = backup_json(&r->backup), *rows = json_object();
    for (uint32_t i = 0; i < r->families_count; i++)
        json_object_set_new(rows, r->families[i].name, json_integer((json_int_t)r->families[i].rows));
    json_object_set_new(v, "rows", rows);
    json_object_set_new(v, "opened", json_boolean(r->opened));
    json_object_set_new(v, "values", json_integer((json_int_t)r->values));
    json_object_set_new(v, "forgotten", json_integer((json_int_t)r->forgotten));
    return v;
}

static int run_verify(const struct cli *c)
{
    char dir[PATH_BYTES + 16];
    struct pl_err err = {0};
    struct pl_backup_report r;
    struct pl_backup_watch watch = {cli_progress, (char[]){"reading"}};
    int code = backups_dir(c, dir, sizeof dir);
    struct pl_master master = {.beside = false};
    bool found = false;
    if (!code) code = master_key(c, &master, &found);
    if (code) return code;
    int rc = pl_backup_verify(dir, c->words[0], found ? master.key : NULL, &watch, &r, &err);
    pl_master_clear(&master);
    if (rc) return cli_fail(&err);
    if (pl_config_bool(c->options, "json")) {
        cli_print_json(report_json(&r));
        return CLI_OK;
    }
    printf("%s of %s: %llu files are what was backed up, and every row can be read\n", r.backup.name,
           r.backup.time, (unsigned long long)r.backup.files);
    for (uint32_t i = 0; i < r.families_count; i++)
        if (r.families[i].rows)
            printf("%10llu %s\n", (unsigned long long)r.families[i].rows, r.families[i].name);
    show_opened(&r);
    return CLI_OK;
}

/* --- restore --- */

static int name_of(const struct cli *c, const char *dir, char *out, size_t size)
{
    struct pl_backup b;
    struct pl_err err = {0};
    const char *at = pl_config_str(c->options, "at");
    if (!at == !c->n_words) return cli_usage("backup restore takes a NAME, or --at TIME");
    if (!at)
        return snprintf(out, size, "%s", c->words[0]) >= (int)size ? cli_usage("the name is too long")
                                                                   : CLI_OK;
    if (strlen(at) < 4 || strspn(at, "0123456789-:TZ.") != strlen(at))
        return cli_usage("--at takes a time such as 2030-01-02T03:04:05Z, in UTC");
    if (pl_backup_find_at(dir, at, &b, &err)) return cli_fail(&err);
    snprintf(out, size, "%s", b.name);
    return CLI_OK;
}

/* DATA/lock, so that no service starts in the middle. */
static int lock_data(const char *data, int *fd)
{
    char path[PATH_BYTES + 16];
    struct pl_err err = {0};
    snprintf(path, sizeof path, "%s/lock", data);
    if (mkdir(data, 0700) && errno != EEXIST)
        pl_fail(&err, PL_E_IO, "data", "cannot make %s: %s", data, strerror(errno));
    *fd = err.code ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (!err.code && *fd < 0) pl_fail(&err, PL_E_IO, "data", "cannot open %s: %s", path, strerror(errno));
    if (!err.code && flock(*fd, LOCK_EX | LOCK_NB))
        pl_fail(&err, PL_E_CONFLICT, "data", "parlanced serves %s: stop it before a restore", data);
    return err.code ? cli_fail(&err) : CLI_OK;
}

static int restore(const struct cli *c, const char *dir, const char *name, const char *data)
{
    char aside[PATH_BYTES + 64] = "";
    struct pl_err err = {0};
    struct pl_backup_watch watch = {cli_progress, (char[]){"copying"}};
    record(data, "backup.restore", name, "intent", dir);
    int rc = pl_backup_restore(dir, name, data, aside, sizeof aside, &watch, &err);
    record(data, "backup.restore", name, rc ? "failed" : "done", rc ? err.text : aside);
    if (rc) return cli_fail(&err);
    if (pl_config_bool(c->options, "json"))
        cli_print_json(json_pack("{ss ss ss}", "name", name, "data", data, "aside", aside));
    else
        printf("%s is in place in %s%s%s\n", name, data, *aside ? "; the store before is " : "", aside);
    return CLI_OK;
}

static int run_restore(const struct cli *c)
{
    char data[PATH_BYTES], dir[PATH_BYTES + 16], name[PL_BACKUP_NAME_BYTES + 1];
    const char *to = pl_config_str(c->options, "to");
    int lock = -1, code = backups_dir(c, dir, sizeof dir);
    if (!code) code = name_of(c, dir, name, sizeof name);
    if (!code && to)
        snprintf(data, sizeof data, "%s", to);
    else if (!code)
        code = cli_data(c, data, sizeof data);
    if (!code) code = lock_data(data, &lock);
    if (!code) code = restore(c, dir, name, data);
    if (lock >= 0) close(lock);
    return code;
}

#define DIR_OPTION                                                                                           \
    {                                                                                                        \
        .name = "dir", .kind = PL_OPT_STRING, .doc = "where the backups lie; default DATA/backups"           \
    }
static const struct pl_option create_options[] = {
    CLI_COMMON,
    CLI_WAIT,
    DIR_OPTION,
    {.name = "name", .kind = PL_OPT_STRING, .doc = "its name; default the time in UTC"},
    {.name = "keep",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 1000000,
     .doc = "remove the oldest beyond; 0: none"},
    CLI_END};
static const struct pl_option options[] = {CLI_COMMON, DIR_OPTION, CLI_END};
static const struct pl_option verify_options[] = {
    CLI_COMMON,
    DIR_OPTION,
    {.name = "master-key-file",
     .kind = PL_OPT_STRING,
     .doc = "as the service's; default DATA/master.key when there"},
    {.name = "master-key-command", .kind = PL_OPT_STRING, .doc = "as the service's"},
    CLI_END};
static const struct pl_option restore_options[] = {
    CLI_COMMON,
    DIR_OPTION,
    {.name = "at", .kind = PL_OPT_STRING, .doc = "the newest that is not later than this time, in UTC"},
    {.name = "to", .kind = PL_OPT_STRING, .doc = "data directory to restore into; default --data"},
    CLI_END};
const struct cli_command cli_backup_create = {
    "backup create", "", "Make a backup of the running service's store.", create_options, run_create, NULL};
const struct cli_command cli_backup_list = {"backup list", "", "List the backups.", options, run_list, NULL};
const struct cli_command cli_backup_verify = {
    "backup verify", "NAME", "Read every byte of a backup and open it.", verify_options, run_verify, NULL};
const struct cli_command cli_backup_restore = {
    "backup restore", "[NAME]",    "Put a backup in the place of the stopped service's store.",
    restore_options,  run_restore, NULL};
