/* doctor_machine.c - limits, memory, processor, clock, kernel. What a container hides is passed over in
 * silence. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include "ops/cli/doctor.h"

enum { FILES_WANTED = 16384, FILES_LEAST = 1024 };

/* First line of a file of /proc or /sys; false when it cannot be read. */
static bool read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool good = f && fgets(out, (int)size, f);
    if (f) fclose(f);
    if (good) out[strcspn(out, "\n")] = 0;
    return good;
}

static void check_files(struct doctor *d)
{
    struct rlimit l;
    static const char fix[] = "ulimit -n 65536 (systemd: LimitNOFILE=65536)";
    if (getrlimit(RLIMIT_NOFILE, &l)) return;
    unsigned long long n = l.rlim_cur;
    if (n < FILES_LEAST)
        doctor_say(d, DOCTOR_PROBLEM, "files", fix,
                   "only %llu open files are allowed; the store alone may need more", n);
    else if (n < FILES_WANTED)
        doctor_say(d, DOCTOR_WARNING, "files", fix,
                   "%llu open files are allowed: so many clients less some hundred", n);
    else
        doctor_say(d, DOCTOR_OK, "files", "", "%llu open files are allowed", n);
}

/* Of /proc/meminfo, in bytes; 0: not known. */
static unsigned long long memory_of(const char *key)
{
    char line[160];
    unsigned long long kib = 0;
    size_t n = strlen(key);
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && line[n] == ':') kib = strtoull(line + n + 1, NULL, 10);
    if (f) fclose(f);
    return kib << 10;
}

static void check_memory(struct doctor *d)
{
    struct stat st;
    unsigned long long total = memory_of("MemTotal"), available = memory_of("MemAvailable");
    if (!total) return;
    if (!d->model || strcmp(d->model, "hash") == 0) {
        doctor_say(d, DOCTOR_OK, "memory", "", "%llu MiB, %llu of them available", total >> 20,
                   available >> 20);
    } else if (stat(d->model, &st)) {
        doctor_say(d, DOCTOR_PROBLEM, "memory", cli_format("ls -l %s", d->model), "there is no model file %s",
                   d->model);
    } else if ((unsigned long long)st.st_size > total) {
        doctor_say(d, DOCTOR_PROBLEM, "memory", "choose a smaller or a more strongly quantised model",
                   "the model has %llu MiB and the machine only %llu", (unsigned long long)st.st_size >> 20,
                   total >> 20);
    } else if ((unsigned long long)st.st_size > available && !d->running) {
        doctor_say(d, DOCTOR_WARNING, "memory", "ps aux --sort=-rss | head",
                   "the model has %llu MiB and only %llu of %llu are available",
                   (unsigned long long)st.st_size >> 20, available >> 20, total >> 20);
    } else {
        doctor_say(d, DOCTOR_OK, "memory", "", "the model's %llu MiB fit into %llu",
                   (unsigned long long)st.st_size >> 20, total >> 20);
    }
}

static void check_processor(struct doctor *d)
{
    enum pl_isa best = pl_isa_best();
    if (best == PL_ISA_PORTABLE)
        doctor_say(d, DOCTOR_WARNING, "processor", "serve from a machine with AVX2 or better",
                   "none of the fast instruction sets is there: answers will be slow");
    else
        doctor_say(d, DOCTOR_OK, "processor", "", "kernels will use %s", pl_isa_name(best));
}

static void check_overcommit(struct doctor *d)
{
    char line[64];
    if (!read_line("/proc/sys/vm/overcommit_memory", line, sizeof line)) return;
    if (line[0] == '2')
        doctor_say(
            d, DOCTOR_WARNING, "overcommit", "sysctl vm.overcommit_memory=0",
            "the kernel counts reserved memory as used: large models may be refused though there is room");
    else
        doctor_say(d, DOCTOR_OK, "overcommit", "", "memory may be reserved ahead (%s)", line);
}

static void check_hugepages(struct doctor *d)
{
    char line[96];
    if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line)) return;
    if (strstr(line, "[never]"))
        doctor_say(d, DOCTOR_WARNING, "hugepages",
                   "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                   "transparent huge pages are off: large models run somewhat slower");
    else
        doctor_say(d, DOCTOR_OK, "hugepages", "", "transparent huge pages: %s", line);
}

static void check_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    if (state < 0) return;
    if (state == TIME_ERROR || (t.status & STA_UNSYNC))
        doctor_say(d, DOCTOR_WARNING, "clock", "timedatectl set-ntp true",
                   "the clock is not synchronised: the times of turns, audit lines and backups may be wrong");
    else
        doctor_say(d, DOCTOR_OK, "clock", "", "synchronised, within %.1f ms", (double)t.maxerror / 1e3);
}

/* A core file is a copy of the service's memory, so the service forbids them to itself; tools and clients do not. */
static void check_core(struct doctor *d)
{
    char pattern[256];
    if (read_line("/proc/sys/kernel/core_pattern", pattern, sizeof pattern))
        doctor_say(d, DOCTOR_OK, "core", "", "the service writes no core files; those of others go to: %s", pattern);
}

void doctor_machine(struct doctor *d)
{
    check_files(d);
    check_memory(d);
    check_processor(d);
    check_overcommit(d);
    check_hugepages(d);
    check_clock(d);
    check_core(d);
}
