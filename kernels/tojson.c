/* tojson.c - see tojson.h. */
#include "kernels/tojson.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "schemas/err.h"

static int put(struct pl__text *out, const char *text)
{
    return pl__text_add(out, text, strlen(text));
}

/* The escape of a byte that cannot stand in a JSON string; "" for others. */
static void escape_of(unsigned char c, char out[8])
{
    static const char letters[] = "\"\"\\\\\nn\rr\tt\ff\bb";
    out[0] = 0;
    for (size_t i = 0; letters[i]; i += 2)
        if ((unsigned char)letters[i] == c) snprintf(out, 8, "\\%c", letters[i + 1]);
    if (!out[0] && c < 0x20) snprintf(out, 8, "\\u%04x", c);
}

static int put_string(struct pl__text *out, const char *s, size_t len)
{
    int rc = put(out, "\"");
    for (size_t i = 0; i < len && !rc; i++) {
        char escape[8];
        escape_of((unsigned char)s[i], escape);
        rc = escape[0] ? put(out, escape) : pl__text_add(out, s + i, 1);
    }
    return rc ? rc : put(out, "\"");
}

/* The fewest significant digits that read back as V, as "ddd" in DIGITS; returns the decimal exponent of the
 * first. */
static int shortest_digits(double v, char digits[24])
{
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, v);
        if (strtod(text, NULL) == v) break;
    }
    size_t n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p; /* whatever the locale's decimal point is */
    digits[n] = 0;
    return atoi(p + 1);
}

/* Python writes an exponent below 1e-4 and from 1e16 on. */
static int put_real(struct pl__text *out, double v)
{
    char digits[24], text[64] = "";
    int exponent = shortest_digits(v < 0 ? -v : v, digits), n = (int)strlen(digits);
    const char *sign = v < 0 || (v == 0 && 1 / v < 0) ? "-" : "";
    if (exponent < -4 || exponent >= 16)
        snprintf(text, sizeof text, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "", digits + 1,
                 exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        snprintf(text, sizeof text, "%s0.%.*s%s", sign, -exponent - 1, "000", digits);
    else if (n <= exponent + 1)
        snprintf(text, sizeof text, "%s%s%.*s.0", sign, digits, exponent + 1 - n, "0000000000000000");
    else
        snprintf(text, sizeof text, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    return put(out, text);
}

static int put_array(struct pl__text *out, const json_t *value)
{
    int rc = put(out, "[");
    for (size_t i = 0; i < json_array_size(value) && !rc; i++) {
        if (i) rc = put(out, ", ");
        if (!rc) rc = pl__tojson(json_array_get(value, i), out);
    }
    return rc ? rc : put(out, "]");
}

static int put_object(struct pl__text *out, const json_t *value)
{
    json_t *object = (json_t *)value; /* jansson's iterators take no const; nothing is changed */
    int rc = put(out, "{");
    for (void *i = json_object_iter(object); i && !rc; i = json_object_iter_next(object, i)) {
        if (i != json_object_iter(object)) rc = put(out, ", ");
        const char *key = json_object_iter_key(i);
        if (!rc) rc = put_string(out, key, strlen(key));
        if (!rc) rc = put(out, ": ");
        if (!rc) rc = pl__tojson(json_object_iter_value(i), out);
    }
    return rc ? rc : put(out, "}");
}

int pl__tojson(const json_t *value, struct pl__text *out)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(out, value);
    case JSON_ARRAY:
        return put_array(out, value);
    case JSON_STRING:
        return put_string(out, json_string_value(value), json_string_length(value));
    case JSON_REAL:
        return put_real(out, json_real_value(value));
    case JSON_TRUE:
        return put(out, "true");
    case JSON_FALSE:
        return put(out, "false");
    case JSON_NULL:
        return put(out, "null");
    case JSON_INTEGER:
        break;
    }
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return put(out, number);
}
