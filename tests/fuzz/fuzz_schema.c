/* Fuzzes the checks of a tool's arguments: the input is a JSON schema, a zero byte, and a JSON value. A
 * refusal names a place and says why; the empty schema takes everything. */
#include <jansson.h>

#include "actors/json_schema.h"
#include "tests/fuzz/fuzz.h"

static void check(const json_t *schema, const json_t *value)
{
    struct pl_err err = {0};
    int rc = pl_json_schema_check(schema, value, &err);
    PL_MUST(rc == 0 || (rc == -PL_E_INVALID && err.text[0]));
    PL_MUST(pl_json_schema_check(NULL, value, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0, m = 0;
    char *schema = fuzz_piece(&data, &size, 0, &n), *value = fuzz_piece(&data, &size, 0, &m);
    json_t *s = schema ? json_loadb(schema, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
    json_t *v = value ? json_loadb(value, m, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
    if (v && s) check(s, v);
    if (s) check(s, s);
    json_decref(s);
    json_decref(v);
    free(schema);
    free(value);
    return 0;
}
