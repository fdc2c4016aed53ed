/* checkpoint.c - a trainer on disk: all that a run needs to go on with the same bits.
 *
 *   "PLTRAIN1"  identity (64 hex digits)  step u32  bad u32  n u64  beta1^step f64  beta2^step f64
 *   params f32[n]  m f32[n]  v f32[n]  SHA-256 of everything before (64 hex digits)
 *
 * Little-endian, as the machine is. IDENTITY is the digest of model, data, options and parent. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/digest.h"
#include "kernels/file.h"
#include "kernels/train/trainer_inside.h"

#define MAGIC "PLTRAIN1"
struct head {
    char magic[8], identity[64];
    uint32_t step, bad;
    uint64_t n;
    double beta1_power, beta2_power;
};

int pl__trainer_identity(struct pl_trainer *t, const struct pl_adapter *from)
{
    char text[1024];
    const struct pl_train_opts *o = &t->opts;
    int n =
        snprintf(text, sizeof text,
                 "model=%s data=%s replay=%s from=%s rank=%u modules=%u alpha=%a dropout=%a rslora=%d "
                 "steps=%u batch=%u "
                 "warmup=%u lr=%a decay=%a clip=%a replay_weight=%a seed=%llu max_rows=%u",
                 pl_model_info(t->net->m)->digest, t->data->digest, t->replay ? t->replay->digest : "none",
                 from ? from->digest : "none", o->rank, o->modules, (double)o->alpha, (double)o->dropout,
                 o->rslora, o->steps, o->batch, o->warmup, (double)o->lr, (double)o->decay, (double)o->clip,
                 (double)o->replay_weight, (unsigned long long)o->seed, o->max_rows);
    return pl__sha256_hex(text, (size_t)n, t->identity);
}

/* What is written, or read back, in order. */
struct piece {
    void *data;
    size_t bytes;
};

static void pieces(const struct pl_trainer *t, struct head *h, struct piece out[4])
{
    size_t bytes = t->net->n_params * sizeof(float);
    out[0] = (struct piece){h, sizeof *h};
    out[1] = (struct piece){t->net->params, bytes};
    out[2] = (struct piece){t->m, bytes};
    out[3] = (struct piece){t->v, bytes};
}

static int digest_of(const struct piece p[4], char out[65])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool good = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL);
    for (int i = 0; i < 4 && good; i++) good = EVP_DigestUpdate(c, p[i].data, p[i].bytes);
    good = good && EVP_DigestFinal_ex(c, raw, &n) && n == 32;
    EVP_MD_CTX_free(c);
    for (unsigned i = 0; good && i < n; i++) snprintf(out + 2 * i, 3, "%02x", raw[i]);
    return good ? 0 : -PL_E_INTERNAL;
}

int pl_trainer_save(const struct pl_trainer *t, const char *path, struct pl_err *err)
{
    struct head h = {.step = t->step, .bad = t->bad, .n = t->net->n_params};
    struct piece p[4];
    struct pl_file w;
    char digest[65];
    memcpy(h.magic, MAGIC, 8);
    memcpy(h.identity, t->identity, 64);
    h.beta1_power = t->beta1_power;
    h.beta2_power = t->beta2_power;
    pieces(t, &h, p);
    if (digest_of(p, digest)) return pl_fail(err, PL_E_INTERNAL, "checkpoint", "no SHA-256");
    int rc = pl_file_begin(&w, path, err);
    if (rc) return rc;
    for (int i = 0; i < 4; i++) fwrite(p[i].data, 1, p[i].bytes, w.f);
    fwrite(digest, 1, 64, w.f);
    return pl_file_end(&w, true, err);
}

static int check(const struct pl_trainer *t, const struct head *h, const char *path, struct pl_err *err)
{
    if (memcmp(h->magic, MAGIC, 8) != 0)
        return pl_fail(err, PL_E_CORRUPT, "resume", "%s is no checkpoint", path);
    if (memcmp(h->identity, t->identity, 64) != 0 || h->n != t->net->n_params)
        return pl_fail(err, PL_E_CONFLICT, "resume", "%s is of another model, dataset or set of options",
                       path);
    if (h->step > t->opts.steps)
        return pl_fail(err, PL_E_CORRUPT, "resume", "%s is beyond the last step", path);
    return 0;
}

int pl_trainer_load(struct pl_trainer *t, const char *path, struct pl_err *err)
{
    struct head h;
    char *bytes = NULL, digest[65];
    size_t len, values = t->net->n_params * sizeof(float), whole = sizeof h + 3 * values + 64;
    int rc = pl_file_read(path, whole, &bytes, &len, err);
    if (rc) return rc;
    if (len < sizeof h)
        memset(&h, 0, sizeof h);
    else
        memcpy(&h, bytes, sizeof h);
    rc = check(t, &h, path, err);
    if (!rc && (len != whole || pl__sha256_hex(bytes, whole - 64, digest) ||
                memcmp(digest, bytes + whole - 64, 64) != 0))
        rc = pl_fail(err, PL_E_CORRUPT, "resume", "%s is damaged", path);
    if (!rc) {
        memcpy(t->net->params, bytes + sizeof h, values);
        memcpy(t->m, bytes + sizeof h + values, values);
        memcpy(t->v, bytes + sizeof h + 2 * values, values);
        t->step = h.step;
        t->bad = h.bad;
        t->beta1_power = h.beta1_power;
        t->beta2_power = h.beta2_power;
    }
    free(bytes);
    return rc;
}
