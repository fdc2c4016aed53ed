/* backup_manifest.c - manifest.json of a backup: {"format":1,"name","time","version","sequence","audit_head",
 * "files":[{"name","size","sha256"}]}. Names of files are checked before they become a part of a path. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/backup_files.h"

enum { FORMAT = 1 };

static json_t *to_json(const struct pl_backup *b, const struct pl_backup_files *f)
{
    json_t *files = json_array();
    for (uint32_t i = 0; i < f->count; i++)
        json_array_append_new(files, json_pack("{ss sI ss}", "name", f->at[i].name, "size",
                                               (json_int_t)f->at[i].size, "sha256", f->at[i].sum));
    return json_pack("{si ss ss ss sI ss so}", "format", FORMAT, "name", b->name, "time", b->time, "version",
                     b->version, "sequence", (json_int_t)b->sequence, "audit_head", b->audit_head, "files",
                     files);
}

int pl__manifest_write(const char *dir, const struct pl_backup *b, const struct pl_backup_files *f,
                       struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    int rc = pl__path(path, err, "%s/manifest.json", dir);
    if (rc) return rc;
    json_t *v = to_json(b, f);
    FILE *out = fopen(path, "wxe");
    bool good =
        v && out && json_dumpf(v, out, JSON_INDENT(1)) == 0 && fflush(out) == 0 && fsync(fileno(out)) == 0;
    if (!good) rc = pl_fail(err, PL_E_IO, "manifest.json", "cannot write %s: %s", path, strerror(errno));
    if (out) fclose(out);
    json_decref(v);
    return rc;
}

static const char *text(const json_t *v, const char *name)
{
    const char *s = json_string_value(json_object_get(v, name));
    return s ? s : "";
}

/* A name out of a file never leads out of its directory. */
static bool good_name(const char *name)
{
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
           strlen(name) < 256;
}

static int read_file(const json_t *v, struct pl_backup_files *files, struct pl_err *err)
{
    const char *name = text(v, "name"), *sum = text(v, "sha256");
    json_int_t size = json_integer_value(json_object_get(v, "size"));
    if (!good_name(name) || strlen(sum) != PL_BACKUP_SUM || size < 0)
        return pl_fail(err, PL_E_CORRUPT, "manifest.json", "a file of the manifest lacks name, size or sum");
    return pl__files_add(files, name, (uint64_t)size, sum, err);
}

static int read_fields(const json_t *v, struct pl_backup *b, struct pl_backup_files *files,
                       struct pl_err *err)
{
    const json_t *list = json_object_get(v, "files"), *row;
    size_t i;
    int rc = 0;
    if (json_integer_value(json_object_get(v, "format")) != FORMAT || !json_is_array(list))
        return pl_fail(err, PL_E_CORRUPT, "manifest.json", "it is no manifest of format %d", FORMAT);
    snprintf(b->time, sizeof b->time, "%s", text(v, "time"));
    snprintf(b->version, sizeof b->version, "%s", text(v, "version"));
    snprintf(b->audit_head, sizeof b->audit_head, "%s", text(v, "audit_head"));
    b->sequence = (uint64_t)json_integer_value(json_object_get(v, "sequence"));
    json_array_foreach(list, i, row)
    {
        b->bytes += (uint64_t)json_integer_value(json_object_get(row, "size"));
        b->files++;
        if (files && !rc) rc = read_file(row, files, err);
    }
    return rc;
}

int pl__manifest_read(const char *dir, const char *name, struct pl_backup *b, struct pl_backup_files *files,
                      struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    json_error_t why;
    int rc = pl__path(path, err, "%s/manifest.json", dir);
    if (rc) return rc;
    *b = (struct pl_backup){0};
    snprintf(b->name, sizeof b->name, "%s", name);
    if (access(path, R_OK))
        return pl_fail(err, PL_E_NOT_FOUND, "backup", "there is no backup %s: %s is missing", name, path);
    json_t *v = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!v) return pl_fail(err, PL_E_CORRUPT, "manifest.json", "%s cannot be read: %.150s", path, why.text);
    rc = read_fields(v, b, files, err);
    json_decref(v);
    return rc;
}
