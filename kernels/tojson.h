/* tojson.h - a JSON value written as chat templates write it. */
#ifndef PL_KERNELS_TOJSON_H
#define PL_KERNELS_TOJSON_H

#include <jansson.h>
#include "kernels/text.h"

/* Appends VALUE as Python's json.dumps(value, ensure_ascii=False) writes it: ", " and ": ", keys in their
 * order, floats with the fewest digits that give the same number. 0 or -PL_E_NO_MEMORY, then the text may
 * have a part of it. The value's depth is bounded by jansson's parser. */
int pl__tojson(const json_t *value, struct pl__text *out);

#endif
