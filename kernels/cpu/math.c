#include "kernels/cpu/math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include "kernels/cpu/f16.h"

#define MAGIC32 12582912.0f        /* 1.5 * 2^23 */
#define MAGIC64 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer, half to even */

float pl__exp(float x)
{
    if (x < -87.33f) return 0.0f;
    if (89.0f < x) return INFINITY;
    float t = fmaf(x, 1.44269504f, MAGIC32), n = t - MAGIC32;
    float r = fmaf(n, -0.693359375f, x);
    r = fmaf(n, 2.12194440e-4f, r);
    static const float c[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    float p = 1.0f / 5040;
    for (unsigned i = 0; i < sizeof c / sizeof *c; i++) p = fmaf(p, r, c[i]);
    int32_t k = (int32_t)(pl__f32_bits(t) - pl__f32_bits(MAGIC32)), h = k >> 1;
    float a = pl__f32_from_bits(((uint32_t)h + 127) << 23);
    return p * a * pl__f32_from_bits(((uint32_t)k - (uint32_t)h + 127) << 23);
}

static uint64_t bits64(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static double from_bits64(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

double pl__exp64(double x)
{
    if (x != x) return x;
    if (x < -700) return 0;
    if (x > 700) return INFINITY;
    double t = x * 1.4426950408889634 + MAGIC64, n = t - MAGIC64;
    /* ln2 in two parts; the first has 21 trailing zero bits, so n times it is exact */
    double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 1.0;
    for (int i = 14; i >= 1; i--) p = 1.0 + p * r / i;
    int64_t k = (int64_t)n;
    return p * from_bits64((uint64_t)(k + 1023) << 52);
}

double pl__log64(double x)
{
    if (x == 0) return -INFINITY;
    uint64_t b = bits64(x);
    if (!(x >= 0x1p-1022) || b >= 0x7ff0000000000000u) return x == INFINITY ? x : NAN;
    int64_t e = (int64_t)(b >> 52) - 1023;
    double m = from_bits64((b & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m > 1.4142135623730951) {
        m /= 2;
        e++;
    }
    /* log m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716: s^2 falls by 34 a term */
    double s = (m - 1) / (m + 1), z = s * s, p = 0;
    for (int i = 23; i >= 3; i -= 2) p = (p + 1.0 / i) * z;
    double d = (double)e;
    return d * 6.93147180369123816490e-01 + (d * 1.90821492927058770002e-10 + (2 * s + 2 * s * p));
}

double pl__pow64(double x, double y)
{
    return pl__exp64(y * pl__log64(x));
}

static double sin_near_zero(double r)
{
    double z = r * r, p = 1.0;
    for (int i = 16; i >= 2; i -= 2) p = 1.0 - p * z / (double)(i * (i + 1));
    return r * p;
}

static double cos_near_zero(double r)
{
    double z = r * r, p = 1.0;
    for (int i = 17; i >= 1; i -= 2) p = 1.0 - p * z / (double)(i * (i + 1));
    return p;
}

void pl__sincos64(double angle, double *sin_out, double *cos_out)
{
    double n = (angle * 0.63661977236758134 + MAGIC64) - MAGIC64;
    /* pi/2 in three parts of 30 bits and a rest: n below 2^21 times each of them is exact */
    double r = angle - n * 0x1.921fb54p+0;
    r -= n * 0x1.10b46118p-30;
    r -= n * 0x1.313198ap-61;
    r -= n * 0x1.701b8398p-92;
    double s = sin_near_zero(r), c = cos_near_zero(r);
    unsigned quadrant = (unsigned)(int64_t)n & 3u;
    *sin_out = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
    *cos_out = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
}
