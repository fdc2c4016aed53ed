/* replay.c - a main for a fuzz target in builds without libFuzzer: runs it once on each file that is named,
 * or on each file of a folder that is named, in the order of their names. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st)) {
        fprintf(stderr, "cannot read %s\n", path);
        if (f) fclose(f);
        return 1;
    }
    /* Exactly as large as the file, so that a read past its end is seen. */
    uint8_t *data = malloc((size_t)st.st_size + !st.st_size);
    size_t n = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    fclose(f);
    if (data && n == (size_t)st.st_size)
        LLVMFuzzerTestOneInput(data, n);
    else
        fprintf(stderr, "cannot read %s to its end\n", path);
    free(data);
    return 0;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int run_folder(const char *path, int *count)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, visible, alphasort), failed = n < 0;
    for (int i = 0; i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        failed |= run_file(name);
        free(entries[i]);
    }
    free(entries);
    *count += n > 0 ? n : 0;
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0, count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        failed |= folder ? run_folder(argv[i], &count) : run_file(argv[i]);
        count += !folder;
    }
    printf("%d inputs\n", count);
    return failed || count == 0;
}
