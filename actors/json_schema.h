/* json_schema.h - checks a JSON value against the part of JSON Schema that tools use.
 *
 * Keywords: type (a name or a list of them), properties, required, additionalProperties, items, enum, const,
 * minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength (characters), minItems,
 * maxItems. Others are ignored, as the specification wants of unknown ones. No state; any thread. Format:
 * JSON Schema draft 2020-12, validation vocabulary. */
#ifndef PL_ACTORS_JSON_SCHEMA_H
#define PL_ACTORS_JSON_SCHEMA_H

#include "schemas/err.h"

struct json_t; /* of jansson */

/* 0 when VALUE fits SCHEMA (an object or a boolean; NULL takes everything); -PL_E_INVALID with the field's
 * path
 * ("points.2.x"; empty: the value itself) and a sentence that a model can act on. Both are borrowed. */
int pl_json_schema_check(const struct json_t *schema, const struct json_t *value, struct pl_err *err);

#endif
