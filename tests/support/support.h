/* support.h - what every test program shares: one main, the paths of the checkout, files, a seeded generator.
 * A test program defines its suites with PL_TESTS and nothing else. */
#ifndef PL_TESTS_SUPPORT_H
#define PL_TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Defines main: runs SUITE (a function that returns a Suite *), prints check's closing line, exit status 0
 * or 1. */
#define PL_TESTS(suite)                                                                                      \
    int main(void)                                                                                           \
    {                                                                                                        \
        return pl_test_main(suite());                                                                        \
    }
int pl_test_main(Suite *s);

/* Adds the test function to a case in one line. */
#define PL_TEST(tc, fn) tcase_add_test((tc), (fn))

/* Absolute path of a file of the checkout ("tests/fixtures/x"); static buffer of the call's thread, 4 in
 * rotation. */
const char *pl_test_source(const char *relative);
/* Path inside the folder of aids beside the checkout (../shared), or NULL when it is absent: then say so and
 * skip. */
const char *pl_test_shared(const char *relative);
/* Path of a real model for tests: NAME "smollm2" or "coder". Looked for in $PARLANCE_TEST_MODELS, then in
 * ${XDG_CACHE_HOME:-~/.cache}/parlance/models. NULL when absent. */
const char *pl_test_model(const char *name);
/* Prints "skipped: WHAT: WHY" so that no test is skipped in silence. */
void pl_test_skip(const char *what, const char *why);
/* A fresh directory below $TMPDIR, removed at exit of the process that made it. */
const char *pl_test_dir(void);
/* Reads a whole file; NUL added; the caller frees. Fails the test when absent. */
char *pl_test_read(const char *path, size_t *len);

/* splitmix64, for random tests; the seed is printed by pl_test_seed, $PL_TEST_SEED overrides it. */
uint64_t pl_test_seed(uint64_t fallback);
uint64_t pl_test_random(uint64_t *state);

#endif
