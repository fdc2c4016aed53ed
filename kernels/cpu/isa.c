/* Which instruction sets this processor has and the system saves (CPUID leaf 7 and XCR0: a processor may have
 * wide registers that the kernel does not restore). AMX is recognised, but it has no kernels of its own yet:
 * a device opened for it runs the AVX-512 ones, whose bits are the same. */
#include "kernels/engine.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[] = {"auto", "portable", "avx2", "avx512", "amx"};

const char *pl_isa_name(enum pl_isa isa)
{
    return (unsigned)isa < sizeof names / sizeof *names ? names[isa] : "unknown";
}

int pl_isa_parse(const char *name)
{
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return (int)i;
    return -1;
}

#if defined(__x86_64__)

struct features {
    unsigned c1, b7, c7, d7;
    unsigned long long xcr0;
};

static bool has(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

static unsigned long long read_xcr0(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

static struct features read_features(void)
{
    struct features f = {0};
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &f.c1, &d)) return f;
    if (!__get_cpuid_count(7, 0, &a, &f.b7, &c, &d)) return f;
    f.c7 = c;
    f.d7 = d;
    if (f.c1 & bit_OSXSAVE) f.xcr0 = read_xcr0();
    return f;
}

static bool avx2(const struct features *f)
{
    return (f->xcr0 & 0x6) == 0x6 && has(f->c1, bit_AVX | bit_FMA | bit_F16C) && has(f->b7, bit_AVX2);
}

static bool avx512(const struct features *f)
{
    return avx2(f) && (f->xcr0 & 0xe6) == 0xe6 && has(f->c7, bit_AVX512VNNI) &&
           has(f->b7, bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ);
}

static bool amx(const struct features *f)
{
    return avx512(f) && (f->xcr0 & 0x60000) == 0x60000 && has(f->d7, 1u << 24 | 1u << 25);
}

bool pl_isa_available(enum pl_isa isa)
{
    struct features f = read_features();
    switch (isa) {
    case PL_ISA_AUTO:
    case PL_ISA_PORTABLE:
        return true;
    case PL_ISA_AVX2:
        return avx2(&f);
    case PL_ISA_AVX512:
        return avx512(&f);
    case PL_ISA_AMX:
        return amx(&f);
    }
    return false;
}

#else

bool pl_isa_available(enum pl_isa isa)
{
    return isa == PL_ISA_AUTO || isa == PL_ISA_PORTABLE;
}

#endif

enum pl_isa pl_isa_best(void)
{
    for (int isa = PL_ISA_AMX; isa > PL_ISA_PORTABLE; isa--)
        if (pl_isa_available((enum pl_isa)isa)) return (enum pl_isa)isa;
    return PL_ISA_PORTABLE;
}
