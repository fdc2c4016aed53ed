#!/usr/bin/env python3
"""generate.py - turns the schemas beside it into C, Python and the protocol page.

`generate.py` writes every output; `generate.py --check` writes nothing, names each stale file and exits 1.
The schemas are data (schemas/*.json): what this file does not know in them is an error, so that a mistyped
limit cannot be ignored. The C code is tables; schemas/wire.c walks them. Needs Python 3.9 and nothing else.
"""

import json
import keyword
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

UNITS = ["envelope", "runtime", "chat", "generate", "admin", "records"]

UNIT_KEYS = {"unit", "doc", "records"}
RECORD_KEYS = {"name", "c_name", "kind", "since", "doc", "edge", "internal", "fields"}
FIELD_KEYS = {"name", "type", "min", "max", "max_items", "default", "optional", "unit", "doc", "pattern", "since"}
ERROR_KEYS = {"name", "number", "http", "text"}
KINDS = {"message", "part", "record", "envelope"}
EDGES = {"in", "out", "admin"}
NUMBERS = {"u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1), "i64": (-(2**63), 2**63 - 1), "f64": (None, None)}
SCALARS = {"bool", "str", "bin", "map"} | set(NUMBERS)
ITEMS = {"str", "u32", "u64"}
MAX_FIELDS = 64
MAX_DEPTH = 8
C_KEYWORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "bool true false unknown unknown_count".split()
)


class SchemaError(Exception):
    """A sentence that says what is wrong with a schema, and where."""


# ---------------------------------------------------------------------------------------------- reading


def need(condition, where, sentence):
    if not condition:
        raise SchemaError("%s: %s" % (where, sentence))


def no_doubles(pairs):
    seen = {}
    for key, value in pairs:
        if key in seen:
            raise SchemaError("the key %r stands twice in one object" % key)
        seen[key] = value
    return seen


def read_json(path):
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f, object_pairs_hook=no_doubles)
    except SchemaError as e:
        raise SchemaError("%s: %s" % (name, e)) from None
    except (OSError, ValueError) as e:
        raise SchemaError("%s: cannot be read: %s" % (name, e)) from None


def known_keys(obj, allowed, required, where):
    need(isinstance(obj, dict), where, "expected an object")
    for key in obj:
        need(key in allowed, where, "unknown key %r" % key)
    for key in required:
        need(key in obj, where, "the key %r is missing" % key)


def is_name(text, dots=False):
    parts = text.split(".") if dots else [text]
    return all(p.isascii() and p.isidentifier() and p == p.lower() for p in parts)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


class Field:
    """One field, checked. `form` is the scalar or item type, `part` the record it names, `words` those of an enum."""

    def __init__(self, raw, where):
        self.where = where = "%s.%s" % (where, raw.get("name") if isinstance(raw, dict) else raw)
        known_keys(raw, FIELD_KEYS, ("name", "type", "doc"), where)
        need(all(isinstance(raw[k], str) for k in ("name", "type", "doc")), where, "name, type and doc are strings")
        self.raw = raw
        self.name = raw["name"]
        self.type = raw["type"]
        self.doc = raw["doc"]
        self.unit = raw.get("unit")
        self.since = raw.get("since")
        self.optional = raw.get("optional", False)
        self.printable = raw.get("pattern") == "printable"
        self.part = None
        self.part_name = None
        self.words = None
        self.list = False
        need(is_name(self.name) and self.name not in C_KEYWORDS, where, "not a usable name")
        need(isinstance(self.optional, bool), where, "'optional' is true or false")
        need("pattern" not in raw or (self.printable and self.type in ("str", "list:str")), where,
             "the only pattern is 'printable', of a str")
        self.read_type(where)
        self.read_limits(where)
        self.read_default(where)
        self.required = not (self.optional or self.has_default or self.list)

    def read_type(self, where):
        text = self.type
        if text.startswith("enum:"):
            self.form = "enum"
            self.words = text[5:].split("|")
            need(all(is_name(w) for w in self.words), where, "the words of an enum are lower case names")
            need(len(set(self.words)) == len(self.words), where, "a word of the enum stands twice")
        elif text.startswith("list:"):
            self.list = True
            self.form = text[5:]
            if self.form not in ITEMS:
                need(self.form not in SCALARS and is_name(self.form), where, "unknown type %r" % text)
                self.part_name, self.form = self.form, "rec"
        elif text.startswith("rec:"):
            self.form, self.part_name = "rec", text[4:]
        else:
            need(text in SCALARS, where, "unknown type %r" % text)
            self.form = text

    def read_limits(self, where):
        raw = self.raw
        low, high = raw.get("min"), raw.get("max")
        if self.form in NUMBERS:
            least, most = NUMBERS[self.form]
            for value in (low, high):
                good = value is None or is_integer(value) or (self.form == "f64" and isinstance(value, float))
                need(good, where, "a limit is not a number of type %s" % self.form)
                need(value is None or least is None or least <= value <= most, where, "a limit is out of range")
        elif self.form in ("str", "bin"):
            need(is_integer(high) and 0 < high < 2**31, where, "a %s needs 'max', its most bytes" % self.form)
            need(low is None or (is_integer(low) and 0 <= low), where, "'min' is a count of bytes")
        else:
            need(low is None and high is None, where, "a %s has no min and max" % self.form)
        need(low is None or high is None or low <= high, where, "'min' is above 'max'")
        items = raw.get("max_items")
        if self.list:
            need(is_integer(items) and 0 < items < 2**24, where, "a list needs 'max_items'")
        else:
            need(items is None, where, "only a list has 'max_items'")
        self.min, self.max, self.max_items = low, high, items

    def read_default(self, where):
        self.has_default = "default" in self.raw
        self.default = value = self.raw.get("default")
        if not self.has_default:
            return
        need(not self.optional, where, "a field is optional or has a default, not both")
        need(not self.list and self.form not in ("rec", "bin", "map"), where, "a %s has no default" % self.type)
        if self.form == "bool":
            need(isinstance(value, bool), where, "the default is not a bool")
        elif self.form == "enum":
            need(value in self.words, where, "the default is not a word of the enum")
        elif self.form == "str":
            need(isinstance(value, str), where, "the default is not a string")
            need((self.min or 0) <= len(value.encode()) <= self.max, where, "the default is outside the limits")
        else:
            good = is_integer(value) or (self.form == "f64" and isinstance(value, float))
            need(good, where, "the default is not a number of type %s" % self.form)
            least, most = NUMBERS[self.form]
            low = self.min if self.min is not None else least
            high = self.max if self.max is not None else most
            need(low is None or low <= value, where, "the default is outside the limits")
            need(high is None or value <= high, where, "the default is outside the limits")


class Record:
    def __init__(self, raw, unit):
        name = raw.get("name") if isinstance(raw, dict) else None
        where = "%s.json: %s" % (unit, name)
        known_keys(raw, RECORD_KEYS, ("name", "kind", "since", "doc", "fields"), where)
        need(isinstance(name, str) and is_name(name, dots=True), where, "not a usable name")
        self.unit, self.name, self.kind, self.doc = unit, name, raw["kind"], raw["doc"]
        self.since = raw["since"]
        self.edge = raw.get("edge")
        self.internal = raw.get("internal", False)
        self.c = raw.get("c_name", name.replace(".", "_"))
        need(self.kind in KINDS, where, "unknown kind %r" % self.kind)
        need(is_integer(self.since) and self.since >= 1, where, "'since' is a version of the protocol")
        need(self.edge is None or self.edge in EDGES, where, "unknown edge %r" % self.edge)
        need(is_name(self.c), where, "'c_name' is not a usable name")
        if self.kind == "message":
            need((self.edge is None) == (self.internal is True), where, "a message has an edge or is internal")
        else:
            need(self.edge is None and not self.internal, where, "only a message has an edge or is internal")
        need(isinstance(raw["fields"], list), where, "'fields' is a list")
        self.fields = [Field(f, where) for f in raw["fields"]]
        names = set()
        for f in self.fields:
            need(f.name not in names, where, "the field %r stands twice" % f.name)
            need(f.form != "map" or self.kind == "envelope", f.where, "only the envelope holds a map")
            names.add(f.name)
            if f.since is None:
                f.since = self.since
        for f in self.fields:
            need(not f.optional or "has_" + f.name not in names, f.where, "has_%s is a field too" % f.name)
            need(not f.list or f.name + "_count" not in names, f.where, "%s_count is a field too" % f.name)
        need(len(self.fields) <= MAX_FIELDS, where, "more than %d fields" % MAX_FIELDS)

    @property
    def id(self):
        return "PL_T_" + self.c.upper()


class Schemas:
    """All units in order, `by_name` all records, `errors` the list of errors."""

    def __init__(self, folder):
        self.folder = folder
        self.errors = read_errors(os.path.join(folder, "errors.json"))
        self.by_name = {}
        self.units = []
        for unit in UNITS:
            self.read_unit(unit)
        present = {n[:-5] for n in os.listdir(folder) if n.endswith(".json")}
        for unit in sorted(present - set(UNITS) - {"errors"}):
            raise SchemaError("%s.json: no such unit; add it to UNITS in generate.py" % unit)
        self.link()
        self.check_tags()
        self.units = [(u, d, in_order(r, self.by_name)) for u, d, r in self.units]

    def read_unit(self, unit):
        raw = read_json(os.path.join(self.folder, unit + ".json"))
        known_keys(raw, UNIT_KEYS, UNIT_KEYS, unit + ".json")
        need(raw["unit"] == unit, unit + ".json", "'unit' is not the name of the file")
        records = [Record(r, unit) for r in raw["records"]]
        for r in records:
            need(r.name not in self.by_name, "%s.json: %s" % (unit, r.name), "this name stands twice")
            self.by_name[r.name] = r
        self.units.append((unit, raw["doc"], records))

    def link(self):
        for r in self.by_name.values():
            for f in r.fields:
                if f.part_name:
                    f.part = self.by_name.get(f.part_name)
                    need(f.part is not None and f.part.kind == "part", f.where, "no such part: %r" % f.part_name)
                    need(UNITS.index(f.part.unit) <= UNITS.index(r.unit), f.where,
                         "the part %r belongs to a later unit" % f.part_name)

    def check_tags(self):
        tags = {}
        for r in self.by_name.values():
            found = [(r.c, r.name)] + [(r.c + "_" + f.name, f.where) for f in r.fields if f.words]
            for tag, where in found:
                need(tag not in tags, where, "its C name pl_%s is taken by %s" % (tag, tags.get(tag)))
                tags[tag] = where

    def all(self):
        return sorted(self.by_name.values(), key=lambda r: r.name)


def depth_of(record, by_name, above=()):
    need(record.name not in above, record.name, "holds itself: %s" % " > ".join(above + (record.name,)))
    inner = [depth_of(f.part, by_name, above + (record.name,)) + f.list for f in record.fields if f.part]
    return 1 + max(inner, default=0)


def in_order(records, by_name):
    """The records of a unit, each after the parts it holds; otherwise as they stand."""
    done, out = set(), []

    def add(r):
        if r.name in done or r not in records:
            return
        done.add(r.name)
        for f in r.fields:
            if f.part:
                add(f.part)
        out.append(r)

    for r in records:
        need(depth_of(r, by_name) < MAX_DEPTH, r.name, "nested deeper than a message may be")
    for r in records:
        add(r)
    return out


def read_errors(path):
    raw = read_json(path)
    known_keys(raw, {"doc", "errors"}, {"doc", "errors"}, "errors.json")
    names, numbers = set(), set()
    for e in raw["errors"]:
        where = "errors.json: %s" % (e.get("name") if isinstance(e, dict) else e)
        known_keys(e, ERROR_KEYS, ERROR_KEYS, where)
        need(is_name(e["name"]), where, "not a usable name")
        need(is_integer(e["number"]) and 0 < e["number"] < 1000, where, "'number' is from 1 to 999")
        need(is_integer(e["http"]) and 400 <= e["http"] < 600, where, "'http' is a status of an error")
        need(e["name"] not in names and e["number"] not in numbers, where, "stands twice")
        names.add(e["name"])
        numbers.add(e["number"])
    return raw["errors"]


# ---------------------------------------------------------------------------------------------- C


def c_string(text):
    plain = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else "\\%03o" % b for b in text.encode())
    return '"%s"' % plain


def c_comment(text):
    return text.replace("*/", "* /")


def banner(source):
    return "/* Generated from schemas/%s by schemas/generate.py; do not edit. */\n" % source


def c_errors(schemas):
    out = [banner("errors.json"), "#ifndef PL_SCHEMAS_GEN_ERRORS_H\n#define PL_SCHEMAS_GEN_ERRORS_H\n\n"]
    out.append("enum pl_error {\n    PL_OK = 0,\n")
    for e in schemas.errors:
        out.append("    PL_E_%s = %d,\n" % (e["name"].upper(), e["number"]))
    out.append("};\n\n#define PL_ERRORS(X) \\\n")
    rows = ["    X(%s, %s, %d, %d, %s)" % (e["name"].upper(), e["name"], e["number"], e["http"], c_string(e["text"]))
            for e in schemas.errors]
    out.append(" \\\n".join(rows) + "\n\n#endif\n")
    return "".join(out)


C_TYPES = {"bool": "bool ", "u32": "uint32_t ", "u64": "uint64_t ", "i64": "int64_t ", "f64": "double ",
           "str": "struct pl_str ", "bin": "struct pl_bin ", "map": "struct pl_bin "}


def c_member_type(record, f):
    if f.form == "rec":
        return "struct pl_%s " % f.part.c
    if f.form == "enum":
        return "enum pl_%s_%s " % (record.c, f.name)
    return C_TYPES[f.form]


def c_words(record, f):
    tag = "pl_%s_%s" % (record.c, f.name)
    words = ", ".join("%s_%s" % (tag.upper(), w.upper()) for w in f.words)
    return "enum %s { %s };\nconst char *%s_name(enum %s value);\n" % (tag, words, tag, tag)


def number_text(value):
    return repr(value) if isinstance(value, float) else str(value)


def limits_text(f):
    """The limits in words: "1 to 64 bytes", "at most 16 items of at most 256 bytes", "0 to 2"."""
    low, high, noun = f.min, f.max, ""
    if f.form in ("str", "bin"):
        noun = " bytes"
        low = low or None
    if low is not None and high is not None:
        text = "%s to %s%s" % (number_text(low), number_text(high), noun)
    elif high is not None:
        text = "at most %s%s" % (number_text(high), noun)
    elif low is not None:
        text = "at least %s%s" % (number_text(low), noun)
    else:
        text = ""
    if f.printable:
        text += (", " if text else "") + "no control characters"
    if f.list:
        text = "at most %d items" % f.max_items + (", each " + text if text else "")
    return text


def default_text(f):
    if not f.has_default:
        return ""
    if isinstance(f.default, (bool, str)):
        return json.dumps(f.default)
    return number_text(f.default)


def notes_text(f):
    """The comment behind a field."""
    notes = [f.doc.rstrip(".")]
    if f.words:
        notes.append("one of " + ", ".join(f.words))
    if f.unit and f.unit != "bytes":
        notes.append("in " + f.unit)
    if limits_text(f):
        notes.append(limits_text(f))
    if f.has_default:
        notes.append("default " + default_text(f))
    return "; ".join(notes)


def c_struct(r):
    out = []
    for f in r.fields:
        if f.words:
            out.append(c_words(r, f))
    out.append("/* %s: %s */\nstruct pl_%s {\n" % (r.name, c_comment(r.doc), r.c))
    for f in r.fields:
        if f.optional:
            out.append("    bool has_%s;\n" % f.name)
        star = "*" if f.list else ""
        out.append("    %s%s%s; /* %s */\n" % (c_member_type(r, f), star, f.name, c_comment(notes_text(f))))
        if f.list:
            out.append("    uint32_t %s_count;\n" % f.name)
    out.append("    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */\n")
    out.append("    uint32_t unknown_count;\n};\n")
    out.append("extern const struct pl_type pl_%s_type;\n" % r.c)
    if r.kind == "part":
        out.append("extern const struct pl_shape pl__%s_shape;\n" % r.c)
    return "".join(out)


def c_header(unit, doc, records):
    guard = "PL_SCHEMAS_GEN_%s_H" % unit.upper()
    used = {f.part.unit for r in records for f in r.fields if f.part} - {unit}
    out = [banner(unit + ".json"), "#ifndef %s\n#define %s\n\n/* %s */\n" % (guard, guard, c_comment(doc))]
    out.append('#include "schemas/wire.h"\n')
    for name in UNITS:
        if name in used:
            out.append('#include "schemas/gen/%s.h"\n' % name)
    for r in records:
        out.append("\n" + c_struct(r))
    out.append("\n#endif\n")
    return "".join(out)


def c_bound(form, value):
    if form == "f64":
        return "{.f = %r}" % float(value)
    if form == "i64":
        return "{.i = %s}" % ("INT64_MIN" if value == -(2**63) else "%dLL" % value)
    return "{.u = %dULL}" % value


def c_bounds(f):
    """min and max members. A float without a limit gets infinity: the walker refuses what is not finite anyway."""
    if f.form == "f64":
        low = "{.f = -HUGE_VAL}" if f.min is None else c_bound("f64", f.min)
        high = "{.f = HUGE_VAL}" if f.max is None else c_bound("f64", f.max)
    elif f.form in NUMBERS:
        low, high = (c_bound(f.form, NUMBERS[f.form][i] if v is None else v) for i, v in enumerate((f.min, f.max)))
    elif f.form in ("str", "bin"):
        low, high = c_bound("u64", f.min or 0), c_bound("u64", f.max)
    else:
        return []
    return [".min = " + low, ".max = " + high]


def c_initial(f):
    if not f.has_default:
        return []
    if f.form == "str":
        return [".initial_text = " + c_string(f.default)]
    if f.form == "enum":
        return [".initial = " + c_bound("u64", f.words.index(f.default))]
    return [".initial = " + c_bound(f.form, f.default)]


def c_field(r, f):
    flags = [n for n, on in (("PL_FIELD_REQUIRED", f.required), ("PL_FIELD_OPTIONAL", f.optional),
                             ("PL_FIELD_LIST", f.list), ("PL_FIELD_PRINTABLE", f.printable)) if on]
    at = "offsetof(struct pl_%s, %%s)" % r.c
    m = [".name = " + c_string(f.name), ".name_len = %d" % len(f.name), ".form = PL_FORM_" + f.form.upper()]
    if flags:
        m.append(".flags = " + " | ".join(flags))
    m.append(".at = " + at % f.name)
    if f.optional:
        m.append(".has_at = " + at % ("has_" + f.name))
    if f.list:
        m.append(".count_at = " + at % (f.name + "_count"))
        m.append(".max_items = %d" % f.max_items)
    m += c_bounds(f) + c_initial(f)
    if f.words:
        m.append(".words = words_%s_%s, .words_count = %d" % (r.c, f.name, len(f.words)))
    if f.part:
        m.append(".part = &pl__%s_shape" % f.part.c if f.part.kind == "part" else "")
    return "    {%s},\n" % ", ".join(m)


def c_enum_tables(r, f):
    tag = "%s_%s" % (r.c, f.name)
    out = "static const char *const words_%s[] = {%s};\n" % (tag, ", ".join(c_string(w) for w in f.words))
    out += "_Static_assert(sizeof(enum pl_%s) == 4, \"an enum is read and written as 32 bits\");\n" % tag
    out += ("const char *pl_%s_name(enum pl_%s value)\n{\n    return (uint32_t)value < %d ? words_%s[value] : \"\";\n}\n"
            % (tag, tag, len(f.words), tag))
    return out


def begins_as_zero(f):
    """Whether init leaves only zero bytes in the field; an empty string of a schema is a pointer to no characters."""
    if f.list:
        return True
    if f.part and f.part.kind == "part":
        return init_count(f.part) == 0
    if not f.has_default:
        return True
    return f.words.index(f.default) == 0 if f.form == "enum" else f.form != "str" and not f.default


def init_count(r):
    """How many fields, from the first on, init has to look at."""
    return max((i + 1 for i, f in enumerate(r.fields) if not begins_as_zero(f)), default=0)


def c_tables(r):
    out = ["\n/* %s */\n" % r.name]
    out += [c_enum_tables(r, f) for f in r.fields if f.words]
    if r.fields:
        out.append("static const struct pl_field fields_%s[] = {\n" % r.c)
        out += [c_field(r, f) for f in r.fields]
        out.append("};\n")
    static = "" if r.kind == "part" else "static "
    out.append("%sconst struct pl_shape pl__%s_shape = {\n" % (static, r.c))
    out.append("    %s, %d, sizeof(struct pl_%s),\n" % ("fields_" + r.c if r.fields else "NULL", len(r.fields), r.c))
    out.append("    offsetof(struct pl_%s, unknown), offsetof(struct pl_%s, unknown_count), %d,\n};\n"
               % (r.c, r.c, init_count(r)))
    edge = "PL_EDGE_" + (r.edge or "none").upper()
    out.append("TYPE(%s, %s, %s, %s)\n" % (r.c, c_string(r.name), r.id, edge))
    return "".join(out)


C_TYPE_MACRO = """
#define TYPE(x, wire_name, type_id, type_edge) \\
    static void init_##x(void *r) { pl__record_init(&pl__##x##_shape, r); } \\
    static int decode_##x(struct pl_cursor *c, struct pl_arena *a, void *r, struct pl_err *e) \\
    { return pl__record_decode(&pl__##x##_shape, c, a, r, e); } \\
    static int encode_##x(const void *r, struct pl_buf *b) { return pl__record_encode(&pl__##x##_shape, r, b); } \\
    static int validate_##x(const void *r, struct pl_err *e) { return pl__record_validate(&pl__##x##_shape, r, e); } \\
    static void print_##x(const void *r, struct pl_buf *b) { pl__record_print(&pl__##x##_shape, r, b); } \\
    static int copy_##x(const void *s, struct pl_arena *a, void *d) \\
    { return pl__record_copy(&pl__##x##_shape, s, a, d); } \\
    const struct pl_type pl_##x##_type = {wire_name, type_id, sizeof(struct pl_##x), type_edge, init_##x, decode_##x, \\
                                          encode_##x, validate_##x, print_##x, copy_##x, &pl__##x##_shape};
"""


def c_source(unit, records):
    out = [banner(unit + ".json"), '#include "schemas/gen/types.h"\n\n#include <math.h>\n', C_TYPE_MACRO]
    out += [c_tables(r) for r in records]
    return "".join(out)


def c_types_header(schemas):
    out = [banner("<unit>.json"), "#ifndef PL_SCHEMAS_GEN_TYPES_H\n#define PL_SCHEMAS_GEN_TYPES_H\n\n"]
    out += ['#include "schemas/gen/%s.h"\n' % unit for unit in UNITS]
    out.append("\n/* Sorted by name; the numbers are of this build only and never on the wire or on disk. */\n")
    out.append("enum pl_type_id {\n    PL_T_NONE = 0,\n")
    out += ["    %s = %d, /* %s */\n" % (r.id, i + 1, r.name) for i, r in enumerate(schemas.all())]
    out.append("    PL_T_END = %d\n};\n\n#endif\n" % (len(schemas.all()) + 1))
    return "".join(out)


def c_types_source(schemas):
    out = [banner("<unit>.json"), '#include "schemas/gen/types.h"\n\n']
    out.append("const struct pl_type *const pl_types[] = {\n")
    out += ["    &pl_%s_type,\n" % r.c for r in schemas.all()]
    out.append("};\nconst size_t pl_types_count = sizeof pl_types / sizeof pl_types[0];\n")
    out.append("""
const struct pl_type *pl_type_at(uint32_t id)
{
    return id >= 1 && id <= pl_types_count ? pl_types[id - 1] : NULL;
}

const struct pl_type *pl_type_find(const char *name, size_t len)
{
    size_t low = 0, high = pl_types_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2, n = strlen(pl_types[mid]->name);
        int order = memcmp(name, pl_types[mid]->name, len < n ? len : n);
        if (order == 0 && len == n) return pl_types[mid];
        if (order < 0 || (order == 0 && len < n)) high = mid;
        else low = mid + 1;
    }
    return NULL;
}
""")
    return "".join(out)


# ---------------------------------------------------------------------------------------------- Python

PY_TYPES = {"bool": "bool", "u32": "int", "u64": "int", "i64": "int", "f64": "float", "str": "str", "bin": "bytes",
            "enum": "str", "map": "Dict[str, Any]"}


def py_base():
    """python_base.py without the comment that opens it."""
    with open(os.path.join(HERE, "python_base.py"), encoding="utf-8") as f:
        lines = f.readlines()
    while lines[0].startswith("#"):
        del lines[0]
    return "\n" + "".join(lines)



def py_class_name(record):
    return "".join(word.capitalize() for word in record.c.split("_"))


def py_attr(name):
    return name + "_" if keyword.iskeyword(name) or name in ("unknown", "to_wire", "from_wire") else name


def py_annotation(f):
    text = py_class_name(f.part) if f.part else PY_TYPES[f.form]
    if f.list:
        text = "List[%s]" % text
    return "Optional[%s]" % text if f.optional else text


def py_default(f):
    if f.required:
        return ""
    if f.optional:
        return " = None"
    return " = _made(default_factory=list)" if f.list else " = %r" % (float(f.default) if f.form == "f64" else f.default)


def py_limits(f):
    if f.form in NUMBERS:
        least, most = NUMBERS[f.form]
        return (least if f.min is None else f.min), (most if f.max is None else f.max)
    if f.form in ("str", "bin"):
        return f.min or 0, f.max
    return None, None


def py_field(f):
    low, high = py_limits(f)
    part = py_class_name(f.part) if f.part else None
    return "        _Field(%r, %r, %r, %r, %r, %r, %r, %r, %r, %r, %r, %r),\n" % (
        f.name, py_attr(f.name), f.form, f.list, f.required, f.optional, low, high, f.max_items or 0, f.printable,
        tuple(f.words or ()), part)


def py_class(r):
    out = ["\n\n@dataclass\nclass %s(Record):\n    %s\n\n" % (py_class_name(r), '"""%s"""' % r.doc)]
    out.append("    NAME: ClassVar[str] = %r\n    EDGE: ClassVar[str] = %r\n" % (r.name, r.edge or ""))
    if r.fields:
        out.append("    FIELDS: ClassVar[Tuple[_Field, ...]] = (\n" + "".join(py_field(f) for f in r.fields) + "    )\n")
    for f in sorted(r.fields, key=lambda f: not f.required):
        out.append("    %s: %s%s  # %s\n" % (py_attr(f.name), py_annotation(f), py_default(f), notes_text(f)))
    out.append("    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)\n")
    return "".join(out)


def edge_records(schemas):
    """The messages that outside sockets see with the parts they hold, parts first, then the envelope."""
    wanted, done = [], set()

    def add(r):
        if r.name in done:
            return
        done.add(r.name)
        for f in r.fields:
            if f.part:
                add(f.part)
        wanted.append(r)

    for _, _, records in schemas.units:
        for r in records:
            if r.edge or r.kind == "envelope":
                add(r)
    return wanted


def py_messages(schemas):
    out = ["# Generated from schemas/<unit>.json by schemas/generate.py; do not edit.\n"]
    out.append('"""The messages of the protocol as classes, with the checks that the service makes. See docs/protocol.md."""\n')
    out.append(py_base())
    records = edge_records(schemas)
    out += [py_class(r) for r in records]
    out.append("\n\n_CLASSES: Dict[str, Type[Record]] = {\n")
    out += ["    %r: %s,\n" % (py_class_name(r), py_class_name(r)) for r in records]
    out.append("}\n\n# Messages by their name on the wire.\nMESSAGES: Dict[str, Type[Record]] = {\n")
    out += ["    %r: %s,\n" % (r.name, py_class_name(r)) for r in records if r.edge]
    out.append("}\n\n# Error codes on the wire, with their default sentences.\nERRORS: Dict[str, str] = {\n")
    out += ["    %r: %r,\n" % (e["name"], e["text"]) for e in schemas.errors]
    out.append("}\n")
    return "".join(out)


# ---------------------------------------------------------------------------------------------- the protocol page


def md_cell(text):
    return text.replace("|", "\\|")


def md_type(f):
    text = " or ".join('"%s"' % w for w in f.words) if f.words else f.form
    if f.part:
        text = "[%s](#%s)" % (f.part.name, md_anchor(f.part))
    return "list of " + text if f.list else text


def md_anchor(r):
    return "".join(c for c in r.name if c.isalnum() or c == "_")


def md_presence(f):
    if f.has_default:
        return default_text(f)
    return "optional" if f.optional else "empty" if f.list else "required"


def md_table(r):
    if not r.fields:
        return "No fields: the body is an empty map, or absent.\n"
    out = ["| field | type | unit | limits | default | since | meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n"]
    for f in r.fields:
        cells = ["`%s`" % f.name, md_type(f), f.unit or "", limits_text(f), md_presence(f), str(f.since), f.doc]
        out.append("| " + " | ".join(md_cell(c) for c in cells) + " |\n")
    return "".join(out)


def md_record(r):
    return "### %s\n\n%s\n\n%s" % (r.name, r.doc, md_table(r))


def md_records(records):
    return "\n".join(md_record(r) for r in records)


def md_errors(schemas):
    out = ["| code | HTTP | default sentence |\n| --- | --- | --- |\n"]
    out += ["| `%s` | %d | %s |\n" % (e["name"], e["http"], e["text"]) for e in schemas.errors]
    return "".join(out)


def md_internal(schemas):
    out = ["| type | unit | what it is |\n| --- | --- | --- |\n"]
    out += ["| `%s` | %s | %s |\n" % (r.name, r.unit, md_cell(r.doc)) for r in schemas.all()
            if r.internal or r.kind == "record"]
    return "".join(out)


def pack(value):
    """msgpack of a small JSON value, for the worked example: (bytes, what they say) pairs."""
    if isinstance(value, dict):
        need(len(value) < 16, "protocol.prose.md", "an example map has more than 15 keys")
        out = [(bytes([0x80 | len(value)]), "map with %d pairs" % len(value))]
        for key, inner in value.items():
            out += pack(key) + [(b, "  " + t if isinstance(inner, dict) else t) for b, t in pack(inner)]
        return out
    if isinstance(value, str):
        data = value.encode()
        need(len(data) < 256, "protocol.prose.md", "an example string is longer than 255 bytes")
        head = bytes([0xA0 | len(data)]) if len(data) < 32 else bytes([0xD9, len(data)])
        return [(head + data, '"%s"' % value)]
    need(is_integer(value) and 0 <= value < 65536, "protocol.prose.md", "an example value is not a small integer")
    if value < 128:
        return [(bytes([value]), str(value))]
    return [(b"\xcd" + value.to_bytes(2, "big") if value > 255 else bytes([0xCC, value]), str(value))]


def md_example(text):
    pieces = pack(json.loads(text))
    lines = []
    for data, meaning in pieces:
        rows = [data[i:i + 16].hex(" ") for i in range(0, len(data), 16)]
        lines.append("%-47s  %s" % (rows[0], meaning))
        lines += rows[1:]
    size = sum(len(data) for data, _ in pieces)
    return "```text\n%s\n```\n\n%d bytes in all.\n" % ("\n".join(lines), size)


def md_place(schemas, word, rest):
    by_edge = {e: [r for _, _, rs in schemas.units for r in rs if r.edge == e] for e in EDGES}
    if word == "messages" and rest in EDGES:
        return md_records(by_edge[rest])
    if word == "parts":
        return md_records([r for r in edge_records(schemas) if r.kind == "part"])
    if word == "envelope":
        return md_table(schemas.by_name["envelope"])
    if word == "errors":
        return md_errors(schemas)
    if word == "internal":
        return md_internal(schemas)
    if word == "example":
        return md_example(rest)
    raise SchemaError("protocol.prose.md: no such place: {{%s %s}}" % (word, rest))


def protocol_page(schemas):
    path = os.path.join(schemas.folder, "protocol.prose.md")
    prose = read_text(path)
    need(prose is not None, "protocol.prose.md", "cannot be read")
    out = ["<!-- Generated from schemas/protocol.prose.md and schemas/<unit>.json by schemas/generate.py; do not edit. -->\n"]
    for line in prose.splitlines(keepends=True):
        mark = line.strip()
        if mark.startswith("{{") and mark.endswith("}}"):
            word, _, rest = mark[2:-2].strip().partition(" ")
            line = md_place(schemas, word, rest)
        out.append(line)
    return "".join(out)


# ---------------------------------------------------------------------------------------------- main


def outputs(schemas):
    """Every generated file: path from the root of the project -> text."""
    files = {"schemas/gen/errors.h": c_errors(schemas)}
    for unit, doc, records in schemas.units:
        files["schemas/gen/%s.h" % unit] = c_header(unit, doc, records)
        files["schemas/gen/%s.c" % unit] = c_source(unit, records)
    files["schemas/gen/types.h"] = c_types_header(schemas)
    files["schemas/gen/types.c"] = c_types_source(schemas)
    files["ops/clients/python/parlance/messages.py"] = py_messages(schemas)
    files["docs/protocol.md"] = protocol_page(schemas)
    return files


def read_text(path):
    try:
        with open(path, encoding="utf-8", newline="") as f:
            return f.read()
    except FileNotFoundError:
        return None


def strays(root, files):
    folder = os.path.join(root, "schemas", "gen")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return ["schemas/gen/" + n for n in names if "schemas/gen/" + n not in files]


def main(argv):
    args = [a for a in argv if a != "--check"]
    if args:
        print("usage: generate.py [--check]", file=sys.stderr)
        return 2
    try:
        files = outputs(Schemas(HERE))
    except SchemaError as e:
        print("generate.py: %s" % e, file=sys.stderr)
        return 1
    stale = [p for p in sorted(files) if read_text(os.path.join(ROOT, p)) != files[p]]
    extra = strays(ROOT, files)
    if "--check" in argv:
        for path in stale:
            print("stale: %s (run schemas/generate.py)" % path)
        for path in extra:
            print("stray: %s is not generated from any schema" % path)
        return 1 if stale or extra else 0
    for path in stale:
        full = os.path.join(ROOT, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as f:
            f.write(files[path])
        print("wrote %s" % path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
