#include "runtime/nearest.h"

#include <limits.h>
#include <string.h>

static char plain(char c)
{
    return c == '.' ? '-' : c;
}

unsigned pl_name_distance(const char *a, const char *b, size_t n)
{
    unsigned row[65];
    size_t na = strlen(a);
    if (n > 64 || na > 64) return UINT_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned change = diagonal + (plain(a[i - 1]) != plain(b[j - 1]));
            diagonal = row[j];
            unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < gap ? change : gap;
        }
    }
    return row[n];
}

unsigned pl_name_slips(size_t n)
{
    return n / 3 > 2 ? (unsigned)(n / 3) : 2;
}
