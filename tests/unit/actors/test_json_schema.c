/* The checker of arguments: each keyword takes what fits and refuses what does not, with the place. */
#include "actors/json_schema.h"

#include <jansson.h>
#include <stdio.h>
#include "tests/support/support.h"

static const struct sample {
    const char *schema, *value;
    const char *field; /* NULL: fits */
} samples[] = {
    {"{}", "{\"a\": 1}", NULL},
    {"true", "5", NULL},
    {"false", "5", ""},
    {"{\"type\": \"object\"}", "{}", NULL},
    {"{\"type\": \"object\"}", "[]", ""},
    {"{\"type\": \"integer\"}", "5", NULL},
    {"{\"type\": \"integer\"}", "5.0", NULL},
    {"{\"type\": \"integer\"}", "5.5", ""},
    {"{\"type\": \"number\"}", "5.5", NULL},
    {"{\"type\": \"number\"}", "\"5.5\"", ""},
    {"{\"type\": [\"string\", \"null\"]}", "null", NULL},
    {"{\"type\": [\"string\", \"null\"]}", "false", ""},
    {"{\"type\": \"boolean\"}", "true", NULL},
    {"{\"type\": \"boolean\"}", "0", ""},
    {"{\"type\": \"array\"}", "{}", ""},
    {"{\"type\": \"nonsense\"}", "{}", NULL},
    {"{\"required\": [\"a\"]}", "{\"a\": null}", NULL},
    {"{\"required\": [\"a\", \"b\"]}", "{\"a\": 1}", "b"},
    {"{\"properties\": {\"a\": {\"type\": \"string\"}}}", "{\"a\": \"x\"}", NULL},
    {"{\"properties\": {\"a\": {\"type\": \"string\"}}}", "{\"a\": 3}", "a"},
    {"{\"properties\": {\"a\": {\"properties\": {\"b\": {\"minimum\": 2}}}}}", "{\"a\": {\"b\": 1}}", "a.b"},
    {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1}", NULL},
    {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"b\": 1}", "b"},
    {"{\"additionalProperties\": {\"type\": \"string\"}}", "{\"b\": 1}", "b"},
    {"{\"items\": {\"type\": \"integer\"}}", "[1, 2, 3]", NULL},
    {"{\"items\": {\"type\": \"integer\"}}", "[1, \"x\"]", "1"},
    {"{\"enum\": [\"a\", 2]}", "2", NULL},
    {"{\"enum\": [\"a\", 2]}", "\"b\"", ""},
    {"{\"const\": {\"a\": 1}}", "{\"a\": 1}", NULL},
    {"{\"const\": 1}", "2", ""},
    {"{\"minimum\": 1, \"maximum\": 3}", "3", NULL},
    {"{\"minimum\": 1, \"maximum\": 3}", "0.5", ""},
    {"{\"minimum\": 1, \"maximum\": 3}", "4", ""},
    {"{\"exclusiveMinimum\": 1}", "1", ""},
    {"{\"exclusiveMaximum\": 1}", "1", ""},
    {"{\"minLength\": 2, \"maxLength\": 3}", "\"\xC3\xA9\xC3\xA9\xC3\xA9\"", NULL},
    {"{\"minLength\": 2}", "\"\xC3\xA9\"", ""},
    {"{\"maxLength\": 2}", "\"abc\"", ""},
    {"{\"minItems\": 1}", "[]", ""},
    {"{\"maxItems\": 1}", "[1, 2]", ""},
    {"{\"unknown keyword\": 1, \"format\": \"date\"}", "\"x\"", NULL},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

START_TEST(keyword_takes_what_fits_and_names_what_does_not)
{
    const struct sample *t = &samples[_i];
    json_t *schema = json_loads(t->schema, JSON_DECODE_ANY, NULL),
           *value = json_loads(t->value, JSON_DECODE_ANY, NULL);
    struct pl_err err = {0};
    ck_assert_ptr_nonnull(schema);
    ck_assert_ptr_nonnull(value);
    int rc = pl_json_schema_check(schema, value, &err);
    ck_assert_msg(rc == (t->field ? -PL_E_INVALID : 0), "%s with %s: %s", t->schema, t->value, err.text);
    if (t->field) ck_assert_str_eq(err.field, t->field);
    if (t->field) ck_assert_int_gt((int)strlen(err.text), 10);
    json_decref(schema);
    json_decref(value);
}
END_TEST

START_TEST(no_schema_takes_everything)
{
    json_t *value = json_loads("{\"a\": 1}", 0, NULL);
    ck_assert_int_eq(pl_json_schema_check(NULL, value, NULL), 0);
    json_decref(value);
}
END_TEST

START_TEST(deep_value_is_refused)
{
    json_t *schema = json_object(), *value = json_array();
    for (int i = 0; i < 100; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, value);
        value = outer;
        schema = json_pack("{s:o}", "items", schema);
    }
    ck_assert_int_eq(pl_json_schema_check(schema, value, NULL), -PL_E_INVALID);
    json_decref(schema);
    json_decref(value);
}
END_TEST

START_TEST(long_path_is_cut_at_a_character)
{
    json_t *schema = json_loads("{\"additionalProperties\": false}", 0, NULL), *value = json_object();
    struct pl_err err = {0};
    char name[121] = "";
    for (int i = 0; i < 60; i++) strcat(name, "\xC3\xA9");
    json_object_set_new(value, name, json_null());
    json_object_set_new(value, name + 2, json_null());
    ck_assert_int_eq(pl_json_schema_check(schema, value, &err), -PL_E_INVALID);
    ck_assert_uint_eq(strlen(err.field) % 2, 0);
    json_decref(schema);
    json_decref(value);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("json_schema");
    TCase *tc = tcase_create("json_schema");
    tcase_add_loop_test(tc, keyword_takes_what_fits_and_names_what_does_not, 0, SAMPLES);
    PL_TEST(tc, no_schema_takes_everything);
    PL_TEST(tc, deep_value_is_refused);
    PL_TEST(tc, long_path_is_cut_at_a_character);
    suite_add_tcase(s, tc);
    return s;
}
PL_TESTS(suite)
