#include "tests/support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int pl_test_main(Suite *s)
{
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

static const char *join(const char *a, const char *b)
{
    static _Thread_local char slots[4][4096];
    static _Thread_local unsigned next;
    char joined[sizeof slots[0]]; /* A may be one of the slots */
    char *slot = slots[next++ % 4];
    snprintf(joined, sizeof joined, "%.2000s/%.2000s", a, b);
    return strcpy(slot, joined);
}

const char *pl_test_source(const char *relative)
{
    const char *root = getenv("PL_TEST_SOURCE");
    return join(root ? root : ".", relative);
}

const char *pl_test_shared(const char *relative)
{
    const char *root = getenv("PL_TEST_SOURCE");
    const char *path = join(join(root ? root : ".", "../shared"), relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

const char *pl_test_model(const char *name)
{
    const char *file = strcmp(name, "smollm2") == 0 ? "smollm2-135m-instruct-q4_1.gguf"
                                                    : "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
    const char *dir = getenv("PARLANCE_TEST_MODELS"), *cache = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    const char *path = NULL;
    if (dir) path = join(dir, file);
    if (path && access(path, R_OK) == 0) return path;
    if (cache && *cache)
        path = join(join(cache, "parlance/models"), file);
    else if (home)
        path = join(join(home, ".cache/parlance/models"), file);
    return path && access(path, R_OK) == 0 ? path : NULL;
}

void pl_test_skip(const char *what, const char *why)
{
    printf("skipped: %s: %s\n", what, why);
    fflush(stdout);
}

static char made_dir[4096];
static pid_t made_by;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    return remove(path);
}

static void remove_dir(void)
{
    if (made_by == getpid()) nftw(made_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *pl_test_dir(void)
{
    if (made_by == getpid()) return made_dir;
    const char *tmp = getenv("TMPDIR");
    snprintf(made_dir, sizeof made_dir, "%s/parlance-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(made_dir)) ck_abort_msg("no temporary directory");
    made_by = getpid();
    atexit(remove_dir);
    return made_dir;
}

char *pl_test_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f) ck_abort_msg("cannot open %s", path);
    char *buf = NULL;
    size_t used = 0, room = 0;
    for (;;) {
        if (used + 65536 + 1 > room) buf = realloc(buf, room = (used + 65536 + 1) * 2);
        if (!buf) ck_abort_msg("no memory for %s", path);
        size_t n = fread(buf + used, 1, 65536, f);
        used += n;
        if (n == 0) break;
    }
    fclose(f);
    buf[used] = 0;
    if (len) *len = used;
    return buf;
}

uint64_t pl_test_seed(uint64_t fallback)
{
    const char *s = getenv("PL_TEST_SEED");
    uint64_t seed = s ? strtoull(s, NULL, 0) : fallback;
    printf("seed: %llu (PL_TEST_SEED sets it)\n", (unsigned long long)seed);
    return seed;
}

uint64_t pl_test_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
