/* doctor_data.c - the data directory: disk, modes, keys, the audit record, backups. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "ops/cli/doctor.h"
#include "runtime/audit.h"
#include "runtime/backup.h"
#include "runtime/keys.h"

enum { SYNCS = 15, PATH_BYTES = 1200 };

static const char *below(const struct doctor *d, const char *name)
{
    return cli_format("%.480s/%s", d->data, name);
}

static void check_space(struct doctor *d)
{
    struct statvfs v;
    if (statvfs(d->data, &v)) return;
    unsigned long long free_bytes = (unsigned long long)v.f_bavail * v.f_frsize;
    unsigned long long all = (unsigned long long)v.f_blocks * v.f_frsize;
    const char *fix = cli_format("df -h %s; make room, or move the data to a larger disk", d->data);
    if (free_bytes < 1ull << 30)
        doctor_say(d, DOCTOR_PROBLEM, "disk", fix, "%llu MiB are free: writes will soon be refused",
                   free_bytes >> 20);
    else if (free_bytes < all / 20)
        doctor_say(d, DOCTOR_WARNING, "disk", fix, "%llu GiB are free, less than a twentieth of the disk",
                   free_bytes >> 30);
    else
        doctor_say(d, DOCTOR_OK, "disk", "", "%llu GiB are free", free_bytes >> 30);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median time of a small write with its sync; negative when it cannot be measured. */
static double sync_ms(const char *path)
{
    char block[4096] = {0};
    double times[SYNCS];
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), i = 0;
    if (fd < 0) return -1;
    for (; i < SYNCS; i++) {
        double began = now_ms();
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd)) break;
        times[i] = now_ms() - began;
    }
    close(fd);
    unlink(path);
    if (i < SYNCS) return -1;
    qsort(times, SYNCS, sizeof *times, by_size);
    return times[SYNCS / 2];
}

static void check_sync(struct doctor *d)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/.doctor.%d", d->data, (int)getpid());
    double ms = sync_ms(path);
    if (ms < 0)
        doctor_say(d, DOCTOR_PROBLEM, "sync", cli_format("ls -ld %s", d->data),
                   "nothing can be written to %s", d->data);
    else if (ms > 30)
        doctor_say(d, ms > 200 ? DOCTOR_PROBLEM : DOCTOR_WARNING, "sync",
                   "put the data on an SSD or NVMe disk",
                   "a sync takes %.0f ms, and every accepted request waits for one", ms);
    else
        doctor_say(d, DOCTOR_OK, "sync", "", "a sync takes %.2f ms", ms);
}

/* NAME below DATA, if it is there, may be read by nobody else. */
static bool check_mode(struct doctor *d, const char *name)
{
    struct stat st;
    const char *path = *name ? below(d, name) : d->data;
    if (stat(path, &st)) return true;
    const char *mode = S_ISDIR(st.st_mode) ? "700" : "600";
    if (st.st_uid != geteuid() && geteuid() != 0)
        doctor_say(d, DOCTOR_PROBLEM, "modes", cli_format("chown -R %d %s", (int)geteuid(), path),
                   "%s belongs to user %d, not to this one", path, (int)st.st_uid);
    else if (st.st_mode & 077)
        doctor_say(d, DOCTOR_PROBLEM, "modes", cli_format("chmod %s %s", mode, path),
                   "others may use %s (mode %03o)", path, st.st_mode & 0777);
    else
        return true;
    return false;
}

static void check_modes(struct doctor *d)
{
    static const char *const names[] = {"",       "keys",  "keys/server.key", "keys/clients.json",
                                        "store",  "vault", "master.key",      "audit.jsonl",
                                        "backups"};
    bool good = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) good &= check_mode(d, names[i]);
    if (good) doctor_say(d, DOCTOR_OK, "modes", "", "%s is for this user alone", d->data);
}

static void check_master(struct doctor *d)
{
    if (access(below(d, "master.key"), F_OK) == 0)
        doctor_say(
            d, DOCTOR_WARNING, "master key",
            cli_format("mv %s /etc/parlance/ and start with --master-key-file /etc/parlance/master.key",
                       below(d, "master.key")),
            "the master key lies beside the data that it seals: who copies the directory can read it");
    else
        doctor_say(d, DOCTOR_OK, "master key", "", "it does not lie beside the data");
}

/* Whether strangers may come: anything but ipc and loopback. */
static bool listens_outside(const struct doctor *d)
{
    const char *at = d->daemon ? pl_config_str(d->daemon, "listen") : NULL;
    if (!at || strncmp(at, "tcp://", 6) != 0) return false;
    return strncmp(at + 6, "127.", 4) != 0 && strncmp(at + 6, "[::1]", 5) != 0 &&
           strncmp(at + 6, "localhost", 9) != 0;
}

static void check_keys(struct doctor *d)
{
    struct pl_keys *k = NULL;
    struct pl_err err = {0};
    if (pl_keys_open(d->data, &k, &err)) {
        doctor_say(d, DOCTOR_PROBLEM, "keys", cli_format("ls -l %s", below(d, "keys")), "%s", err.text);
        return;
    }
    unsigned live = pl_keys_live(k);
    if (!live && listens_outside(d))
        doctor_say(d, DOCTOR_PROBLEM, "keys", "parlance keys new NAME",
                   "it would listen at %s, and no client has a key: it will refuse to start",
                   pl_config_str(d->daemon, "listen"));
    else
        doctor_say(d, DOCTOR_OK, "keys", "",
                   live ? "%u clients have a key" : "none, which is enough for this machine", live);
    pl_keys_close(&k);
}

static void check_audit(struct doctor *d)
{
    struct pl_audit_report r = {0};
    struct pl_err err = {0};
    if (pl_audit_verify(d->data, NULL, &r, &err, NULL, NULL))
        doctor_say(d, DOCTOR_PROBLEM, "audit", cli_format("ls -l %s", below(d, "audit.jsonl")), "%s",
                   err.text);
    else if (r.bad_line)
        doctor_say(d, DOCTOR_PROBLEM, "audit", "parlance audit verify",
                   "line %llu of the audit record is not what was written: %s",
                   (unsigned long long)r.bad_line, r.why);
    else if (r.torn_bytes)
        doctor_say(d, DOCTOR_WARNING, "audit", "parlance audit verify",
                   "the last line was cut short by a crash; the next act mends that");
    else
        doctor_say(d, DOCTOR_OK, "audit", "", "%llu lines verify", (unsigned long long)r.lines);
}

static void keep_newest(const struct pl_backup *b, void *arg)
{
    char *newest = arg;
    if (!b->damaged && strcmp(b->time, newest) > 0) memcpy(newest, b->time, sizeof b->time);
}

static void check_backup(struct doctor *d)
{
    char newest[32] = "";
    struct tm when = {0};
    struct pl_err err = {0};
    if (pl_backup_list(below(d, "backups"), keep_newest, newest, &err)) newest[0] = 0;
    if (!newest[0] || !strptime(newest, "%Y-%m-%dT%H:%M:%S", &when)) {
        doctor_say(d, DOCTOR_WARNING, "backup", "parlance backup create", "there is no backup in %s",
                   below(d, "backups"));
        return;
    }
    double days = difftime(time(NULL), timegm(&when)) / 86400;
    doctor_say(d, days > 2 ? DOCTOR_WARNING : DOCTOR_OK, "backup", "parlance backup create",
               "the newest is %.1f days old (%s)", days, newest);
}

void doctor_data(struct doctor *d)
{
    if (!d->data_there) {
        doctor_say(d, DOCTOR_OK, "data", "", "%s is not there yet; the first start makes it", d->data);
        return;
    }
    check_space(d);
    check_sync(d);
    check_modes(d);
    check_master(d);
    check_keys(d);
    check_audit(d);
    check_backup(d);
}
