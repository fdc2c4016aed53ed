/* calculator: the tool that models call for arithmetic.
 *
 * One argument, `expression`: + - * / % ^ (right to left, also **), parentheses, unary minus, decimals. Whole
 * numbers are exact up to about a thousand digits, a quotient too when it is whole; everything else is a
 * double of which 15 digits are shown, never with an exponent. % has the sign of its right side. What people
 * and models write is understood: commas between thousands, x and the signs for times, divided and minus, a
 * closing "=".
 *
 *   sum     = product (("+" | "-") product)*        unary = ("-" | "+") unary | power
 *   product = unary (("*" | "/" | "%") unary)*      power = atom ["^" unary]      atom = number | "(" sum ")"
 */
#include "plugins/parlance_tool.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMBS = 128, BASE = 1000000000, DIGITS = 9, MAX_EXPRESSION = 4096, MAX_DEPTH = 100 };

/* A whole number: little-endian limbs of nine digits. N 0: zero, never negative. */
struct big {
    bool negative;
    uint32_t n, limb[LIMBS];
};

struct value {
    bool exact;
    struct big whole; /* when exact */
    double real;      /* when not */
};

struct parser {
    const char *start, *at, *end;
    int depth;
    bool failed;
    char *out; /* the sentence, once failed */
    size_t out_size;
};

/* ---- whole numbers; those that return bool are false when the result is too long ---- */

static void big_trim(struct big *a)
{
    while (a->n && a->limb[a->n - 1] == 0) a->n--;
    if (!a->n) a->negative = false;
}

static int big_compare(const struct big *a, const struct big *b) /* of the absolute values */
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (uint32_t i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static bool big_push(struct big *a, uint32_t limb)
{
    if (a->n == LIMBS) return limb == 0;
    a->limb[a->n++] = limb;
    return true;
}

/* |a| + |b|, with the sign of A. OUT is neither of them. */
static bool big_plus(const struct big *a, const struct big *b, struct big *out)
{
    uint32_t carry = 0, most = a->n > b->n ? a->n : b->n;
    *out = (struct big){.negative = a->negative};
    for (uint32_t i = 0; i < most; i++) {
        uint32_t sum = carry + (i < a->n ? a->limb[i] : 0) + (i < b->n ? b->limb[i] : 0);
        carry = sum >= BASE;
        out->limb[out->n++] = sum - (carry ? BASE : 0);
    }
    return carry == 0 || big_push(out, carry);
}

/* |a| - |b|, where |a| >= |b|, with the sign of A. OUT may be A. */
static void big_minus(const struct big *a, const struct big *b, struct big *out)
{
    uint32_t borrow = 0;
    if (out != a) *out = *a;
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t take = borrow + (i < b->n ? b->limb[i] : 0), have = a->limb[i];
        borrow = have < take;
        out->limb[i] = have + (borrow ? BASE : 0) - take;
    }
    big_trim(out);
}

static bool big_add(const struct big *a, const struct big *b, struct big *out)
{
    if (a->negative == b->negative) return big_plus(a, b, out);
    if (big_compare(a, b) >= 0)
        big_minus(a, b, out);
    else
        big_minus(b, a, out);
    return true;
}

static bool big_multiply(const struct big *a, const struct big *b, struct big *out)
{
    uint32_t product[2 * LIMBS + 1] = {0};
    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b->n; j++) {
            uint64_t sum = (uint64_t)a->limb[i] * b->limb[j] + product[i + j] + carry;
            product[i + j] = (uint32_t)(sum % BASE);
            carry = sum / BASE;
        }
        product[i + b->n] = (uint32_t)carry;
    }
    uint32_t n = a->n + b->n;
    while (n && product[n - 1] == 0) n--;
    if (n > LIMBS) return false;
    *out = (struct big){.negative = n && a->negative != b->negative, .n = n};
    memcpy(out->limb, product, n * sizeof *product);
    return true;
}

static void big_scale(const struct big *a, uint32_t by, struct big *out) /* |a| * by; A has a limb to spare */
{
    uint64_t carry = 0;
    *out = (struct big){.n = a->n};
    for (uint32_t i = 0; i < a->n; i++) {
        carry += (uint64_t)a->limb[i] * by;
        out->limb[i] = (uint32_t)(carry % BASE);
        carry /= BASE;
    }
    if (carry) big_push(out, (uint32_t)carry);
    big_trim(out);
}

/* The most times that |b| goes into |rest|, less than BASE times; takes it off. */
static uint32_t divide_limb(struct big *rest, const struct big *b)
{
    uint32_t low = 0, high = BASE - 1;
    struct big part;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        big_scale(b, middle, &part);
        if (big_compare(&part, rest) <= 0)
            low = middle;
        else
            high = middle - 1;
    }
    big_scale(b, low, &part);
    big_minus(rest, &part, rest);
    return low;
}

/* |a| / |b| and what is left, both not negative. False when B is too long to divide by. */
static bool big_divide(const struct big *a, const struct big *b, struct big *quotient, struct big *rest)
{
    *quotient = (struct big){.n = a->n};
    *rest = (struct big){0};
    if (b->n + 1 >= LIMBS) return false;
    for (uint32_t i = a->n; i-- > 0;) {
        if (rest->n) memmove(rest->limb + 1, rest->limb, rest->n * sizeof *rest->limb);
        rest->limb[0] = a->limb[i];
        rest->n++;
        big_trim(rest);
        quotient->limb[i] = divide_limb(rest, b);
    }
    big_trim(quotient);
    return true;
}

static bool big_read(const char *digits, size_t len, struct big *out)
{
    *out = (struct big){0};
    while (len) {
        size_t take = len < DIGITS ? len : DIGITS;
        uint32_t limb = 0;
        for (size_t i = len - take; i < len; i++) limb = limb * 10 + (uint32_t)(digits[i] - '0');
        if (!big_push(out, limb)) return false;
        len -= take;
    }
    big_trim(out);
    return true;
}

enum { BIG_TEXT = LIMBS * DIGITS + 3 };

static void big_write(const struct big *a, char text[BIG_TEXT])
{
    int at = snprintf(text, BIG_TEXT, "%s%u", a->negative ? "-" : "", a->n ? a->limb[a->n - 1] : 0);
    for (uint32_t i = a->n; i-- > 1;)
        at += snprintf(text + at, BIG_TEXT - (size_t)at, "%09u", a->limb[i - 1]);
}

static double big_real(const struct big *a)
{
    char text[BIG_TEXT];
    big_write(a, text);
    return strtod(text, NULL); /* rounds once */
}

/* ---- errors ---- */

static struct value fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static struct value fail(struct parser *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!p->failed && p->out_size) vsnprintf(p->out, p->out_size, fmt, args);
    va_end(args);
    p->failed = true;
    return (struct value){.exact = true};
}

static struct value too_large(struct parser *p)
{
    return fail(p, "the result is too large");
}

static size_t character_bytes(const char *at, const char *end)
{
    size_t n = 1;
    while (at + n < end && ((unsigned char)at[n] & 0xC0) == 0x80) n++;
    return n;
}

static struct value unexpected(struct parser *p)
{
    int position = 1;
    if (p->at >= p->end) return fail(p, "the expression ends too early");
    for (const char *c = p->start; c < p->at; c += character_bytes(c, p->end)) position++;
    return fail(p, "unexpected '%.*s' at position %d", (int)character_bytes(p->at, p->end), p->at, position);
}

/* ---- arithmetic ---- */

static double real_of(const struct value *v)
{
    return v->exact ? big_real(&v->whole) : v->real;
}

static struct value real_value(struct parser *p, double d)
{
    if (isnan(d)) return fail(p, "the result is not a real number");
    if (isinf(d)) return too_large(p);
    return (struct value){.real = d};
}

static bool is_zero(const struct value *v)
{
    return v->exact ? v->whole.n == 0 : v->real == 0;
}

static struct value negate(struct value v)
{
    if (v.exact)
        v.whole.negative = v.whole.n && !v.whole.negative;
    else
        v.real = -v.real;
    return v;
}

static struct value add(struct parser *p, const struct value *a, const struct value *b)
{
    struct value v = {.exact = true};
    if (!a->exact || !b->exact) return real_value(p, real_of(a) + real_of(b));
    return big_add(&a->whole, &b->whole, &v.whole) ? v : too_large(p);
}

static struct value multiply(struct parser *p, const struct value *a, const struct value *b)
{
    struct value v = {.exact = true};
    if (!a->exact || !b->exact) return real_value(p, real_of(a) * real_of(b));
    return big_multiply(&a->whole, &b->whole, &v.whole) ? v : too_large(p);
}

static struct value divide(struct parser *p, const struct value *a, const struct value *b)
{
    struct value v = {.exact = true};
    struct big rest;
    if (is_zero(b)) return fail(p, "division by zero");
    if (a->exact && b->exact && big_divide(&a->whole, &b->whole, &v.whole, &rest) && rest.n == 0) {
        v.whole.negative = v.whole.n && a->whole.negative != b->whole.negative;
        return v;
    }
    return real_value(p, real_of(a) / real_of(b));
}

static struct value remainder_of(struct parser *p, const struct value *a, const struct value *b)
{
    struct value v = {.exact = true};
    struct big quotient;
    if (is_zero(b)) return fail(p, "division by zero");
    if (!a->exact || !b->exact) {
        double m = fmod(real_of(a), real_of(b));
        return real_value(p, m != 0 && (m < 0) != (real_of(b) < 0) ? m + real_of(b) : m);
    }
    if (!big_divide(&a->whole, &b->whole, &quotient, &v.whole)) return too_large(p);
    v.whole.negative = v.whole.n && a->whole.negative;
    if (!v.whole.n || a->whole.negative == b->whole.negative) return v;
    struct value left = v;
    return add(p, &left, b);
}

/* A to the power of a whole number N >= 0, by squaring. */
static struct value whole_power(struct parser *p, struct value a, uint64_t n)
{
    struct value v = {.exact = true, .whole = {.n = 1, .limb = {1}}};
    while (n && !p->failed) {
        if (n & 1) v = multiply(p, &v, &a);
        n >>= 1;
        if (n && !p->failed) a = multiply(p, &a, &a);
    }
    return v;
}

static struct value power(struct parser *p, const struct value *a, const struct value *b)
{
    const struct value one = {.exact = true, .whole = {.n = 1, .limb = {1}}};
    if (is_zero(a) && (b->exact ? b->whole.negative : b->real < 0)) return fail(p, "division by zero");
    if (!a->exact || !b->exact) return real_value(p, pow(real_of(a), real_of(b)));
    bool unit = a->whole.n == 0 || (a->whole.n == 1 && a->whole.limb[0] == 1);
    bool odd = b->whole.n && b->whole.limb[0] % 2;
    if (b->whole.n > 1 && !unit) return b->whole.negative ? real_value(p, 0) : too_large(p);
    uint64_t n = unit ? (b->whole.n == 0 ? 0 : odd ? 1 : 2) : b->whole.n ? b->whole.limb[0] : 0;
    if (b->whole.negative && n > LIMBS * DIGITS) return real_value(p, pow(real_of(a), -(double)n));
    struct value v = whole_power(p, *a, n);
    return b->whole.negative && !p->failed ? divide(p, &one, &v) : v;
}

/* ---- reading ---- */

static const struct {
    const char *text;
    char operator;
} spellings[] = {
    {"**", '^'},
    {"*", '*'},
    {"x", '*'},
    {"X", '*'},
    {"\xC3\x97", '*'},
    {"\xC2\xB7", '*'},
    {"\xE2\x8B\x85", '*'},
    {"/", '/'},
    {"\xC3\xB7", '/'},
    {"+", '+'},
    {"-", '-'},
    {"\xE2\x88\x92", '-'},
    {"\xE2\x80\x93", '-'},
    {"%", '%'},
    {"^", '^'},
    {"(", '('},
    {")", ')'},
    {"=", '='},
};

static void skip_space(struct parser *p)
{
    for (; p->at < p->end; p->at++) {
        bool no_break = p->at + 1 < p->end && memcmp(p->at, "\xC2\xA0", 2) == 0;
        if (no_break)
            p->at++;
        else if (!strchr(" \t\r\n", *p->at) || !*p->at)
            return;
    }
}

/* The operator that comes next and its length, 0 when there is none. */
static char peek(struct parser *p, size_t *len)
{
    skip_space(p);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        *len = strlen(spellings[i].text);
        if ((size_t)(p->end - p->at) >= *len && memcmp(p->at, spellings[i].text, *len) == 0)
            return spellings[i].operator;
    }
    return 0;
}

static char take_one_of(struct parser *p, const char *operators)
{
    size_t len;
    char c = peek(p, &len);
    if (!c || !strchr(operators, c)) return 0;
    p->at += len;
    return c;
}

static bool is_digit(const struct parser *p, const char *at)
{
    return at < p->end && *at >= '0' && *at <= '9';
}

/* A comma that separates thousands: exactly three digits follow. */
static bool is_separator(const struct parser *p, const char *at)
{
    return at < p->end && *at == ',' && is_digit(p, at + 1) && is_digit(p, at + 2) && is_digit(p, at + 3) &&
           !is_digit(p, at + 4);
}

/* Copies the digits of the whole part without separators. */
static size_t read_digits(struct parser *p, char *digits)
{
    size_t n = 0, group = 0;
    bool grouped = false;
    for (; is_digit(p, p->at) || is_separator(p, p->at); p->at++) {
        if (*p->at == ',') {
            if (group < 1 || group > 3 || (grouped && group != 3)) break;
            grouped = true;
            group = 0;
            continue;
        }
        digits[n++] = *p->at;
        group++;
    }
    return n;
}

static struct value number(struct parser *p)
{
    char digits[MAX_EXPRESSION + 2];
    struct value v = {.exact = true};
    size_t whole = read_digits(p, digits), n = whole;
    bool fraction = false;
    if (p->at < p->end && *p->at == '.' && (whole || is_digit(p, p->at + 1))) {
        digits[n++] = '.';
        for (p->at++; is_digit(p, p->at); p->at++) {
            fraction |= *p->at != '0';
            digits[n++] = *p->at;
        }
    }
    if (!n) return unexpected(p);
    digits[n] = 0;
    if (fraction) return real_value(p, strtod(digits, NULL));
    return big_read(digits, whole, &v.whole) ? v : fail(p, "a number is too long");
}

static struct value sum(struct parser *p);
static struct value unary(struct parser *p);

static struct value atom(struct parser *p)
{
    if (!take_one_of(p, "(")) return number(p);
    struct value v = sum(p);
    if (!p->failed && !take_one_of(p, ")"))
        return p->at < p->end ? unexpected(p) : fail(p, "a ')' is missing");
    return v;
}

static struct value powers(struct parser *p)
{
    struct value a = atom(p);
    if (p->failed || !take_one_of(p, "^")) return a;
    struct value b = unary(p);
    return p->failed ? b : power(p, &a, &b);
}

static struct value unary(struct parser *p)
{
    struct value v;
    if (++p->depth > MAX_DEPTH) return fail(p, "the expression is nested too deeply");
    char sign = take_one_of(p, "+-");
    v = sign ? unary(p) : powers(p);
    p->depth--;
    return sign == '-' ? negate(v) : v;
}

static struct value product(struct parser *p)
{
    struct value a = unary(p);
    for (char c; !p->failed && (c = take_one_of(p, "*/%")) != 0;) {
        struct value b = unary(p);
        if (p->failed) return b;
        a = c == '*' ? multiply(p, &a, &b) : c == '/' ? divide(p, &a, &b) : remainder_of(p, &a, &b);
    }
    return a;
}

static struct value sum(struct parser *p)
{
    struct value a = product(p);
    for (char c; !p->failed && (c = take_one_of(p, "+-")) != 0;) {
        struct value b = product(p);
        if (p->failed) return b;
        if (c == '-') b = negate(b);
        a = add(p, &a, &b);
    }
    return a;
}

/* ---- writing ---- */

/* 15 digits of D in positional notation, without zeros at the end. */
static void real_write(double d, char text[BIG_TEXT])
{
    char sign[2] = {d < 0 ? '-' : 0, 0}, digits[32], raw[40];
    snprintf(raw, sizeof raw, "%.14e", fabs(d));
    int exponent = atoi(strchr(raw, 'e') + 1), n = 15;
    digits[0] = raw[0];
    memcpy(digits + 1, raw + 2, 14);
    while (n > 1 && digits[n - 1] == '0') n--;
    int before = exponent + 1; /* digits before the point; 0 or less: zeros after it */
    if (d == 0)
        snprintf(text, BIG_TEXT, "0");
    else if (before <= 0)
        snprintf(text, BIG_TEXT, "%s0.%.*d%.*s", sign, -before, 0, n, digits);
    else if (before < n)
        snprintf(text, BIG_TEXT, "%s%.*s.%.*s", sign, before, digits, n - before, digits + before);
    else
        snprintf(text, BIG_TEXT, "%s%.*s%.*d", sign, n, digits, before - n, 0);
}

static int evaluate(const char *text, size_t len, char *out, size_t out_size)
{
    struct parser p = {.start = text, .at = text, .end = text + len, .out = out, .out_size = out_size};
    char result[BIG_TEXT];
    struct value v = sum(&p);
    if (!p.failed) take_one_of(&p, "=");
    skip_space(&p);
    if (!p.failed && p.at < p.end) unexpected(&p);
    if (p.failed) return PARLANCE_TOOL_REFUSED;
    if (v.exact)
        big_write(&v.whole, result);
    else
        real_write(v.real, result);
    return snprintf(out, out_size, "%s", result);
}

static int call(const char *arguments, size_t len, char *out, size_t out_size)
{
    json_t *given = json_loadb(arguments, len, 0, NULL);
    const json_t *expression = json_object_get(given, "expression");
    size_t n = expression ? json_string_length(expression) : 0;
    int rc = PARLANCE_TOOL_REFUSED;
    if (!json_is_string(expression))
        snprintf(out, out_size, "the argument \"expression\" is missing");
    else if (n > MAX_EXPRESSION)
        snprintf(out, out_size, "the expression is longer than %d bytes", MAX_EXPRESSION);
    else
        rc = evaluate(json_string_value(expression), n, out, out_size);
    json_decref(given);
    return rc;
}

const struct parlance_tool *parlance_tool(void)
{
    static const struct parlance_tool tool = {
        .abi = PARLANCE_TOOL_ABI,
        .size = sizeof tool,
        .name = "calculator",
        .description =
            "Calculates the exact value of an arithmetic expression. Use it for every calculation.",
        .parameters =
            "{\"type\": \"object\", \"properties\": {\"expression\": {\"type\": \"string\", \"description\": "
            "\"The expression, for example 12345 * 6789\"}}, \"required\": [\"expression\"]}",
        .timeout_ms = 2000,
        .flags = PARLANCE_TOOL_IDEMPOTENT,
        .call = call,
    };
    return &tool;
}
