/* math.h - exp, log, pow, sin and cos of our own: glibc picks variants by processor, so its bits are not
 * everyone's.
 *
 * Float64 functions use + - * / only (no fma), float32 ones the written fma chain; both give the same bits on
 * every machine. No state; any thread. */
#ifndef PL_KERNELS_CPU_MATH_H
#define PL_KERNELS_CPU_MATH_H

/* e^x in float32 within 1 ulp; 0 below -87.33, infinity above 88.73. The lanes' v16_exp, one value. */
float pl__exp(float x);
/* e^x in float64, relative error below 4e-16; |x| < 700, outside 0 or infinity. */
double pl__exp64(double x);
/* Natural logarithm of a normal positive X, error below 2 ulp; NaN for others, -infinity for 0. */
double pl__log64(double x);
/* X^Y = e^(Y log X) for positive normal X; relative error about |Y log X| * 2e-16. */
double pl__pow64(double x, double y);
/* Sine and cosine of ANGLE in radians, |angle| <= 2^21 (beyond a million positions): absolute error below
 * 1e-15. */
void pl__sincos64(double angle, double *sin_out, double *cos_out);

#endif
