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
}

static void mend_checks(uint8_t *bytes, size_t size)
{
    for (uint8_t *slot = bytes; slot + PL__VAULT_SLOT <= bytes + size; slot += PL__VAULT_SLOT) {
        uint64_t h = 0xcbf29ce484222325u;
        for (int i = 0; i < SLOT_CHECK_AT; i++) h = (h ^ slot[i]) * 0x100000001b3u;
        for (int i = 0; i < 8; i++) slot[SLOT_CHECK_AT + i] = (uint8_t)(h >> (8 * i));
    }
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

static void try_manifest(const uint8_t *data, size_t size)
{
    struct pl_backup b;
    struct pl_backup_files files = {0};
    struct pl_err err = {0};
    fuzz_file("manifest.json", data, size);
    if (pl__manifest_read(fuzz_dir(), "b1", &b, &files, &err) == 0) {
        for (uint32_t i = 0; i < files.count; i++)
            PL_MUST(files.at[i].name[0] && !strchr(files.at[i].name, '/') && strcmp(files.at[i].name, ".."));
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
