/* Fuzzes the files beside the store. The first byte picks one: 'k' the table of clients' keys, 'v' the vault,
 * 'a' the audit record, 'm' the manifest of a backup; the rest is the file. For the vault 'V' mends the check
 * of each slot first, so that what stands behind it is reached. Damage is an error that names what is wrong,
 * or a report. */
#include "runtime/audit.h"
#include "runtime/backup_files.h"
#include "runtime/keys_inside.h"
#include "runtime/vault.h"
#include "runtime/vault_file.h"
#include "tests/fuzz/fuzz.h"

enum { SLOT_CHECK_AT = 120 };

/* As the service opens them. */
static void open_keys(const uint8_t *data, size_t size)
{
    struct pl_keys *k = NULL;
    struct pl_err err = {0};
    char path[160];
    snprintf(path, sizeof path, "%s/keys", fuzz_dir());
    if (mkdir(path, 0700) != 0) PL_MUST(access(path, W_OK) == 0);
    fuzz_file("keys/clients.json", data, size);
    if (pl_keys_open(fuzz_dir(), &k, &err)) {
        PL_MUST(!k && err.text[0]);
        return;
    }
    PL_MUST(pl_keys_live(k) <= pl_keys_count(k) && !pl_keys_named(k, "no such name") &&
            !pl_keys_known(k, ""));
    for (uint32_t i = 0; i < pl_keys_count(k); i++) {
        const struct pl_key *key = pl_keys_at(k, i);
        char roles[64];
        pl_roles_print(key->roles, roles, sizeof roles);
        PL_MUST(pl_keys_named(k, key->name) == key && pl_roles_parse(roles) == key->roles);
        if (!key->revoked[0]) PL_MUST(pl_keys_known(k, key->public_key) == key);
    }
    PL_MUST(pl_keys_refresh(k, &err) == 0);
    pl_keys_close(&k);
}

static void try_keys(const uint8_t *data, size_t size)
{
    struct pl_key *keys = NULL;
    uint32_t count = 0;
    struct pl_err err = {0};
    char *text = malloc(size + 1);
    PL_MUST(text);
    memcpy(text, data, size);
    text[size] = '\0';
    if (pl__keys_parse("clients.json", text, size, &keys, &count, &err))
        PL_MUST(err.code && err.text[0]);
    else
        for (uint32_t i = 0; i < count; i++) PL_MUST(pl__key_name_is_good(keys[i].name) && keys[i].roles);
    free(keys);
    free(text);
    open_keys(data, size);
}

static void mend_checks(uint8_t *bytes, size_t size)
{
    for (uint8_t *slot = bytes; slot + PL__VAULT_SLOT <= bytes + size; slot += PL__VAULT_SLOT) {
        uint64_t h = 0xcbf29ce484222325u;
        for (int i = 0; i < SLOT_CHECK_AT; i++) h = (h ^ slot[i]) * 0x100000001b3u;
        for (int i = 0; i < 8; i++) slot[SLOT_CHECK_AT + i] = (uint8_t)(h >> (8 * i));
    }
}

/* Written as another file they are read as they were. */
static void must_come_back(const struct pl__vault_slot *slots, uint64_t n)
{
    struct pl__vault_slot *again = NULL;
    uint64_t count = 0, bytes = 0;
    char path[160];
    snprintf(path, sizeof path, "%s/vault.again", fuzz_dir());
    PL_MUST(pl__vault_replace(path, slots, n, NULL) == 0);
    PL_MUST(pl__vault_read(path, &again, &count, &bytes, NULL) == 0 && count == n);
    for (uint64_t i = 0; i < n; i++)
        PL_MUST(again[i].kind == slots[i].kind && again[i].parent == slots[i].parent);
    free(again);
}

static void try_vault(const uint8_t *data, size_t size, bool mend)
{
    static const uint8_t master[PL_KEY_BYTES] = {1};
    struct pl__vault_slot *slots = NULL;
    uint64_t n = 0, bytes = 0;
    struct pl_err err = {0};
    struct pl_vault *v = NULL;
    uint8_t *copy = malloc(size + 1);
    PL_MUST(copy);
    memcpy(copy, data, size);
    if (mend) mend_checks(copy, size);
    const char *path = fuzz_file("vault", copy, size);
    int rc = pl__vault_read(path, &slots, &n, &bytes, &err);
    PL_MUST(rc == 0 ? bytes <= size && n * PL__VAULT_SLOT == bytes : err.code && err.text[0]);
    if (rc == 0) must_come_back(slots, n);
    free(slots);
    if (pl_vault_open(path, master, PL_VAULT_READ_ONLY, &v, &err)) PL_MUST(!v && err.text[0]);
    pl_vault_close(&v);
    free(copy);
}

static void count_line(const char *line, size_t len, void *arg)
{
    PL_MUST(len > 0 && !memchr(line, '\n', len));
    ++*(uint64_t *)arg;
}

static void try_audit(const uint8_t *data, size_t size)
{
    struct pl_audit_report report = {0};
    struct pl_err err = {0};
    uint64_t lines = 0;
    fuzz_file("audit.jsonl", data, size);
    PL_MUST(pl_audit_verify(fuzz_dir(), NULL, &report, &err, count_line, &lines) == 0);
    PL_MUST(report.lines == lines &&
            (report.bad_line == 0 || (report.bad_line == lines + 1 && report.why[0])));
}

static void manifest_must_come_back(const struct pl_backup *b, const struct pl_backup_files *files)
{
    struct pl_backup again;
    struct pl_backup_files listed = {0};
    char path[160];
    snprintf(path, sizeof path, "%s/manifest.json", fuzz_dir());
    unlink(path);
    PL_MUST(pl__manifest_write(fuzz_dir(), b, files, NULL) == 0);
    PL_MUST(pl__manifest_read(fuzz_dir(), "b1", &again, &listed, NULL) == 0);
    PL_MUST(again.sequence == b->sequence && listed.count == files->count);
    pl__files_finish(&listed);
}

static void try_manifest(const uint8_t *data, size_t size)
{
    struct pl_backup b;
    struct pl_backup_files files = {0};
    struct pl_err err = {0};
    fuzz_file("manifest.json", data, size);
    if (pl__manifest_read(fuzz_dir(), "b1", &b, &files, &err) == 0) {
        for (uint32_t i = 0; i < files.count; i++)
            PL_MUST(files.at[i].name[0] && !strchr(files.at[i].name, '/') && strcmp(files.at[i].name, ".."));
        manifest_must_come_back(&b, &files);
    } else {
        PL_MUST(err.code && err.text[0]);
    }
    pl__files_finish(&files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536) return 0;
    if (data[0] == 'k')
        try_keys(data + 1, size - 1);
    else if (data[0] == 'v' || data[0] == 'V')
        try_vault(data + 1, size - 1, data[0] == 'V');
    else if (data[0] == 'a')
        try_audit(data + 1, size - 1);
    else if (data[0] == 'm')
        try_manifest(data + 1, size - 1);
    return 0;
}
