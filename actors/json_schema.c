#include "actors/json_schema.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "kernels/utf8.h"

enum { MAX_DEPTH = 32 };

/* Where we are: names and indices joined with points; cut when it is long. */
struct place {
    char path[64];
    int depth;
};

static int check(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err);

static struct place inside(const struct place *at, const char *name)
{
    struct place in = {.depth = at->depth + 1};
    int n = snprintf(in.path, sizeof in.path, "%s%s", at->path, at->path[0] ? "." : "");
    if (n >= 0 && (size_t)n < sizeof in.path) snprintf(in.path + n, sizeof in.path - (size_t)n, "%s", name);
    in.path[pl_utf8_complete(in.path, strlen(in.path))] = 0; /* it may have been cut inside a character */
    return in;
}

static const char *named(const struct place *at)
{
    return at->path[0] ? at->path : "the value";
}

static bool is_whole(const json_t *value)
{
    return json_is_integer(value) ||
           (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
}

static bool has_type(const json_t *value, const char *type)
{
    if (!type) return true;
    if (strcmp(type, "object") == 0) return json_is_object(value);
    if (strcmp(type, "array") == 0) return json_is_array(value);
    if (strcmp(type, "string") == 0) return json_is_string(value);
    if (strcmp(type, "integer") == 0) return is_whole(value);
    if (strcmp(type, "number") == 0) return json_is_number(value);
    if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
    if (strcmp(type, "null") == 0) return json_is_null(value);
    return true; /* a type that we do not know */
}

static int check_type(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    const json_t *type = json_object_get(schema, "type");
    bool ok = !json_is_array(type);
    for (size_t i = 0; !ok && i < json_array_size(type); i++)
        ok = has_type(value, json_string_value(json_array_get(type, i)));
    if (!ok) return pl_fail(err, PL_E_INVALID, at->path, "%s has a wrong type", named(at));
    if (json_is_string(type) && !has_type(value, json_string_value(type)))
        return pl_fail(err, PL_E_INVALID, at->path, "%s must be of type %s", named(at),
                       json_string_value(type));
    return 0;
}

static int check_enum(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    const json_t *words = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
    if (only && !json_equal(only, value))
        return pl_fail(err, PL_E_INVALID, at->path, "%s is not the one value that is allowed", named(at));
    if (!json_is_array(words)) return 0;
    for (size_t i = 0; i < json_array_size(words); i++)
        if (json_equal(json_array_get(words, i), value)) return 0;
    return pl_fail(err, PL_E_INVALID, at->path, "%s is not one of the values that are allowed", named(at));
}

static bool limit(const json_t *schema, const char *keyword, double *out)
{
    const json_t *bound = json_object_get(schema, keyword);
    *out = json_number_value(bound);
    return json_is_number(bound);
}

static int check_number(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    double d = json_number_value(value), bound;
    if (!json_is_number(value)) return 0;
    if (limit(schema, "minimum", &bound) && d < bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s must be at least %g", named(at), bound);
    if (limit(schema, "maximum", &bound) && d > bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s must be at most %g", named(at), bound);
    if (limit(schema, "exclusiveMinimum", &bound) && d <= bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s must be more than %g", named(at), bound);
    if (limit(schema, "exclusiveMaximum", &bound) && d >= bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s must be less than %g", named(at), bound);
    return 0;
}

/* Characters of a string, items of an array. */
static size_t size_of(const json_t *value)
{
    size_t n = 0;
    if (json_is_array(value)) return json_array_size(value);
    for (const char *p = json_string_value(value), *end = p + json_string_length(value); p < end; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80;
    return n;
}

static int check_size(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    bool array = json_is_array(value);
    double bound;
    if (!array && !json_is_string(value)) return 0;
    if (limit(schema, array ? "minItems" : "minLength", &bound) && (double)size_of(value) < bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s is too short", named(at));
    if (limit(schema, array ? "maxItems" : "maxLength", &bound) && (double)size_of(value) > bound)
        return pl_fail(err, PL_E_INVALID, at->path, "%s is too long", named(at));
    return 0;
}

static int check_items(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    const json_t *items = json_object_get(schema, "items");
    int rc = 0;
    if (!json_is_array(value) || !items) return 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        struct place in = inside(at, name);
        rc = check(items, json_array_get(value, i), &in, err);
    }
    return rc;
}

static int check_required(const json_t *schema, const json_t *value, const struct place *at,
                          struct pl_err *err)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!name || json_object_get(value, name)) continue;
        struct place in = inside(at, name);
        return pl_fail(err, PL_E_INVALID, in.path, "%s is missing", in.path);
    }
    return 0;
}

static int check_object(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    const json_t *known = json_object_get(schema, "properties"),
                 *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *item;
    if (!json_is_object(value)) return 0;
    int rc = check_required(schema, value, at, err);
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        const json_t *property = json_object_get(known, name);
        struct place in = inside(at, name);
        if (rc == 0 && !property && json_is_false(others))
            rc = pl_fail(err, PL_E_INVALID, in.path, "there is no argument named %s", in.path);
        if (rc == 0) rc = check(property ? property : others, item, &in, err);
    }
    return rc;
}

static int check(const json_t *schema, const json_t *value, const struct place *at, struct pl_err *err)
{
    if (at->depth > MAX_DEPTH)
        return pl_fail(err, PL_E_INVALID, at->path, "%s is nested too deeply", named(at));
    if (json_is_false(schema)) return pl_fail(err, PL_E_INVALID, at->path, "%s is not allowed", named(at));
    if (!json_is_object(schema)) return 0;
    int rc = check_type(schema, value, at, err);
    if (rc == 0) rc = check_enum(schema, value, at, err);
    if (rc == 0) rc = check_number(schema, value, at, err);
    if (rc == 0) rc = check_size(schema, value, at, err);
    if (rc == 0) rc = check_items(schema, value, at, err);
    if (rc == 0) rc = check_object(schema, value, at, err);
    return rc;
}

int pl_json_schema_check(const struct json_t *schema, const struct json_t *value, struct pl_err *err)
{
    struct place top = {.depth = 0};
    return check(schema, value, &top, err);
}
