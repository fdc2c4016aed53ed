/* Fuzzes the configuration of the daemon: the input is the text of the INI file, then, each after a zero
 * byte, words: one with `=` that begins like PARLANCE_ goes into the environment, the others onto the command
 * line. An error names a field and says why; what is taken can be read by every getter. */
#include "ops/daemon/options.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS = 32 };

static void read_all(const struct pl_config *c)
{
    for (const struct pl_option *o = pl_daemon_options; o->name; o++) {
        const char *text = NULL;
        switch (o->kind) {
        case PL_OPT_U64:
            PL_MUST(
                (o->min == 0 && o->max == 0) || !pl_config_is_set(c, o->name) ||
                ((double)pl_config_u64(c, o->name) >= o->min && (double)pl_config_u64(c, o->name) <= o->max));
            break;
        case PL_OPT_F64:
            PL_MUST(pl_config_f64(c, o->name) == pl_config_f64(c, o->name));
            break;
        case PL_OPT_BOOL:
            (void)pl_config_bool(c, o->name);
            break;
        case PL_OPT_STRING:
        case PL_OPT_CHOICE:
            text = pl_config_str(c, o->name);
            PL_MUST(!text || strlen(text) < 1u << 20);
            break;
        }
        for (uint32_t i = 0; i < pl_config_count(c, o->name); i++) PL_MUST(pl_config_at(c, o->name, i));
    }
}

static void load(const char *path, const char *const *words, int n)
{
    struct pl_config *c = NULL;
    struct pl_err err = {0};
    const char *const *rest = NULL;
    int n_rest = 0;
    int rc = pl_config_load(pl_daemon_options, n, words, path, n % 2 ? &rest : NULL, &n_rest, &c, &err);
    if (rc == 0)
        read_all(c);
    else
        PL_MUST(!c && err.code && err.text[0]);
    pl_config_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *kept[2 * WORDS], *piece;
    const char *flags[WORDS];
    int count = 0, flags_count = 0;
    size_t len = 0;
    if (size > 65536) return 0;
    char *text = fuzz_piece(&data, &size, 0, &len);
    const char *path = fuzz_file("parlance.ini", (const uint8_t *)(text ? text : ""), text ? len : 0);
    while (count < WORDS && (piece = fuzz_piece(&data, &size, 0, &len))) {
        kept[count++] = piece;
        if (strncmp(piece, "PARLANCE_", 9) == 0 && strchr(piece, '='))
            putenv(piece);
        else if (strncmp(piece, "--config", 8) != 0)
            flags[flags_count++] = piece;
    }
    load(path, flags, flags_count);
    for (int i = 0; i < count; i++) {
        if (strncmp(kept[i], "PARLANCE_", 9) == 0 && strchr(kept[i], '=')) {
            *strchr(kept[i], '=') = '\0';
            unsetenv(kept[i]);
        }
        free(kept[i]);
    }
    free(text);
    return 0;
}
