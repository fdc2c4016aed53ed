/* train.c - `parlance train`: a LoRA adapter from dialogues, without a daemon.
 *
 * DIR becomes a PEFT directory. While it works it holds train.checkpoint as well (every 50 steps or 60 s, and
 * when it is interrupted), from which --resume goes on to the same bits; train.jsonl has a line a step,
 * loss.svg the curve. */
#include "kernels/train/trainer.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "kernels/file.h"
#include "ops/cli/cli.h"

enum { SAVE_STEPS = 50, SAVE_SECONDS = 60, EPOCHS = 3, REST_MOST = 256 };

struct training {
    const struct cli *c;
    struct cli_model m;
    struct pl_dataset *data, *replay, *valid;
    struct pl_adapter *from;
    struct pl_trainer *trainer;
    const char *out;
    char checkpoint[1100], log[1100];
    double *losses; /* [steps] */
    uint32_t steps, first;
    double begun, saved, last_loss;
    uint64_t ids;
    FILE *lines;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_dataset(struct training *t, const char *option, struct pl_dataset **out)
{
    const char *path = pl_config_str(t->c->options, option);
    struct pl_err err = {0};
    if (!path || strcmp(path, "none") == 0) return CLI_OK;
    uint32_t most = (uint32_t)pl_config_u64(t->c->options, "max-tokens");
    return pl_dataset_read(path, t->m.dialogue, t->m.vocab, most, out, &err) ? cli_fail(&err) : CLI_OK;
}

static uint32_t count_steps(const struct training *t)
{
    const struct pl_config *o = t->c->options;
    uint64_t batch = pl_config_u64(o, "batch"), epochs = pl_config_u64(o, "epochs");
    if (pl_config_is_set(o, "steps")) return (uint32_t)pl_config_u64(o, "steps");
    return (uint32_t)((t->data->count * (epochs ? epochs : EPOCHS) + batch - 1) / batch);
}

static int make_trainer(struct training *t)
{
    const struct pl_config *o = t->c->options;
    struct pl_train_opts p = pl_train_defaults;
    struct pl_err err = {0};
    p.threads = (uint32_t)pl_config_u64(o, "threads");
    p.rank = (uint32_t)pl_config_u64(o, "rank");
    p.alpha = (float)pl_config_f64(o, "alpha");
    p.dropout = (float)pl_config_f64(o, "dropout");
    p.rslora = pl_config_bool(o, "rslora");
    p.modules = pl_modules_parse(pl_config_str(o, "targets"));
    p.batch = (uint32_t)pl_config_u64(o, "batch");
    p.lr = (float)pl_config_f64(o, "lr");
    p.seed = pl_config_u64(o, "seed");
    p.recompute = pl_config_bool(o, "recompute");
    p.steps = t->steps = count_steps(t);
    if (!p.modules)
        return cli_usage("--targets is all, or a list of q, k, v, o, gate, up, down; not '%s'",
                         pl_config_str(o, "targets"));
    t->losses = calloc(t->steps + 1u, sizeof *t->losses);
    if (!t->losses) return cli_usage("no memory for %u steps", t->steps);
    int rc = pl_trainer_create(t->m.model, &p, t->data, t->replay, t->from, &t->trainer, &err);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int open_all(struct training *t)
{
    const char *from = pl_config_str(t->c->options, "from");
    struct pl_err err = {0};
    int code = cli_model_open(t->c, CLI_WITH_VOCAB | CLI_WITH_TEMPLATE | CLI_WITH_WEIGHTS, &t->m);
    if (!code) code = read_dataset(t, "data", &t->data);
    if (!code) code = read_dataset(t, "replay", &t->replay);
    if (!code) code = read_dataset(t, "valid", &t->valid);
    if (!code && from && pl_adapter_open(from, pl_model_info(t->m.model), &t->from, &err))
        code = cli_fail(&err);
    return code ? code : make_trainer(t);
}

/* --- what it shows --- */

static void show_progress(const struct training *t, const struct pl_train_stats *s)
{
    double spent = seconds() - t->begun, each = spent / (s->step - t->first);
    int left = (int)(each * (s->steps - s->step)), filled = (int)(24.0 * s->step / s->steps);
    if (!isatty(STDERR_FILENO) && s->step % 10 != 0 && s->step != s->steps) return;
    fprintf(stderr, "%s[%.*s%.*s] step %u/%u  loss %.4f  %s%.3g  %.0f tokens/s  %d:%02d left%s",
            isatty(STDERR_FILENO) ? "\r" : "", filled, "########################", 24 - filled,
            "------------------------", s->step, s->steps, s->loss, t->replay ? "divergence " : "lr ",
            t->replay ? s->divergence : s->lr, (double)t->ids / spent, left / 60, left % 60,
            isatty(STDERR_FILENO) && s->step < s->steps ? "\033[K" : "\n");
}

static void write_line(struct training *t, const struct pl_train_stats *s)
{
    json_t *v =
        json_pack("{s:i,s:f,s:f,s:f,s:f,s:I,s:b}", "step", (int)s->step, "loss", s->loss, "divergence",
                  s->divergence, "gradient_norm", isfinite(s->gradient_norm) ? s->gradient_norm : -1.0, "lr",
                  s->lr, "tokens", (json_int_t)s->ids, "skipped", s->skipped);
    if (v && t->lines) {
        json_dumpf(v, t->lines, JSON_COMPACT | JSON_REAL_PRECISION(9));
        fputc('\n', t->lines);
        fflush(t->lines);
    }
    json_decref(v);
}

/* The loss over the steps as a picture, mean of ten neighbours. */
static void draw_curve(const struct training *t)
{
    char path[1100];
    struct pl_file w;
    struct pl_err err = {0};
    double top = 0;
    for (uint32_t i = t->first; i < t->steps; i++)
        if (isfinite(t->losses[i]) && t->losses[i] > top) top = t->losses[i];
    snprintf(path, sizeof path, "%.1000s/loss.svg", t->out);
    if (top <= 0 || t->steps - t->first < 2 || pl_file_begin(&w, path, &err)) return;
    fprintf(w.f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 320\" font-family=\"sans-serif\" "
            "font-size=\"12\">\n"
            "<rect width=\"640\" height=\"320\" fill=\"white\"/>\n<path d=\"M40 10V290H630\" fill=\"none\" "
            "stroke=\"#888\"/>\n"
            "<text x=\"4\" y=\"18\">%.2f</text><text x=\"20\" y=\"294\">0</text>\n<text x=\"560\" "
            "y=\"310\">step %u</text>\n"
            "<text x=\"300\" y=\"20\">loss, nats a token</text>\n<polyline fill=\"none\" stroke=\"#1f5fbf\" "
            "points=\"",
            top, t->steps);
    for (uint32_t i = t->first; i < t->steps; i++) {
        double sum = 0;
        uint32_t n = 0;
        for (uint32_t k = i < t->first + 9 ? t->first : i - 9; k <= i; k++, n++) sum += t->losses[k];
        fprintf(w.f, "%.1f,%.1f ", 40 + 590.0 * (i - t->first) / (t->steps - t->first - 1),
                290 - 280 * sum / n / top);
    }
    fputs("\"/>\n</svg>\n", w.f);
    pl_file_end(&w, true, &err);
}

/* --- the run --- */

static int save(struct training *t)
{
    struct pl_err err = {0};
    t->saved = seconds();
    return pl_trainer_save(t->trainer, t->checkpoint, &err) ? cli_fail(&err) : CLI_OK;
}

static int run_steps(struct training *t)
{
    struct pl_err err = {0};
    int code = CLI_OK;
    while (!code && !interrupted && !pl_trainer_done(t->trainer)) {
        struct pl_train_stats s;
        if (pl_trainer_step(t->trainer, &s, &err)) return cli_fail(&err);
        t->ids += s.ids;
        t->losses[s.step - 1] = t->last_loss = s.loss;
        write_line(t, &s);
        show_progress(t, &s);
        if (s.step < s.steps && (s.step % SAVE_STEPS == 0 || seconds() - t->saved > SAVE_SECONDS))
            code = save(t);
    }
    if (code || !interrupted) return code;
    code = save(t);
    fprintf(stderr, "\nparlance: interrupted; the same command with --resume goes on\n");
    return code ? code : CLI_FAILED;
}

static int begin(struct training *t)
{
    struct pl_err err = {0};
    struct stat st;
    bool resume = pl_config_bool(t->c->options, "resume");
    snprintf(t->checkpoint, sizeof t->checkpoint, "%.1000s/train.checkpoint", t->out);
    snprintf(t->log, sizeof t->log, "%.1000s/train.jsonl", t->out);
    if (mkdir(t->out, 0777) && errno != EEXIST)
        return cli_usage("cannot make %s: %s", t->out, strerror(errno));
    bool there = stat(t->checkpoint, &st) == 0;
    if (there && !resume)
        return cli_usage("%s holds a run that is not over: --resume goes on with it", t->out);
    if (there && pl_trainer_load(t->trainer, t->checkpoint, &err)) return cli_fail(&err);
    t->first = pl_trainer_steps_done(t->trainer);
    t->lines = fopen(t->log, there ? "ae" : "we");
    t->begun = t->saved = seconds();
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return CLI_OK;
}

static int finish(struct training *t)
{
    struct pl_err err = {0};
    struct pl_adapter *a = NULL;
    double valid = 0;
    int rc = pl_trainer_adapter(t->trainer, &a, &err);
    if (!rc) rc = pl_adapter_save(a, pl_model_info(t->m.model), t->out, &err);
    if (!rc && t->valid) rc = pl_trainer_evaluate(t->trainer, t->valid, &valid, &err);
    pl_adapter_close(&a);
    if (rc) return cli_fail(&err);
    unlink(t->checkpoint);
    draw_curve(t);
    double spent = seconds() - t->begun;
    if (pl_config_bool(t->c->options, "json")) {
        json_t *v =
            json_pack("{s:s,s:i,s:i,s:I,s:f,s:f,s:f}", "out", t->out, "steps", (int)t->steps, "examples",
                      (int)t->data->count, "tokens", (json_int_t)t->ids, "loss", t->last_loss, "seconds",
                      spent, "tokens_per_s", spent > 0 ? (double)t->ids / spent : 0.0);
        if (t->valid) json_object_set_new(v, "valid_loss", json_real(valid));
        cli_print_json(v);
        return CLI_OK;
    }
    printf("%s: %u steps over %u examples, loss %.4f, %.0f s\n", t->out, t->steps, t->data->count,
           t->last_loss, spent);
    if (t->valid) printf("validation loss %.4f\n", valid);
    return CLI_OK;
}

static int run(const struct cli *c)
{
    struct training t = {.c = c, .out = pl_config_str(c->options, "out")};
    if (!t.out || !pl_config_str(c->options, "data"))
        return cli_usage("--data F.jsonl and --out DIR are needed");
    int code = open_all(&t);
    if (!code) code = begin(&t);
    if (!code) code = run_steps(&t);
    if (!code) code = finish(&t);
    if (t.lines) fclose(t.lines);
    pl_trainer_destroy(&t.trainer);
    pl_adapter_close(&t.from);
    pl_dataset_free(&t.data);
    pl_dataset_free(&t.replay);
    pl_dataset_free(&t.valid);
    free(t.losses);
    cli_model_close(&t.m);
    return code;
}

static const struct pl_option options[] = {
    {.name = "data",
     .kind = PL_OPT_STRING,
     .doc = "JSON lines: messages of role and content, or prompt and completion; what the assistant says is "
            "learnt"},
    {.name = "json", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print JSON"},
    {.name = "help", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print this and exit"},
    CLI_ENGINE,
    {.name = "out", .kind = PL_OPT_STRING, .doc = "the PEFT directory to write"},
    {.name = "method",
     .kind = PL_OPT_CHOICE,
     .fallback = "lora",
     .choices = "lora",
     .doc = "what is trained"},
    {.name = "from",
     .kind = PL_OPT_STRING,
     .doc = "adapter to go on from; its rank, alpha and modules count"},
    {.name = "rank", .kind = PL_OPT_U64, .fallback = "16", .min = 1, .max = 1024, .doc = "of the pairs"},
    {.name = "alpha",
     .kind = PL_OPT_F64,
     .fallback = "32",
     .min = 0.001,
     .max = 100000,
     .doc = "scale is alpha/rank"},
    {.name = "rslora", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "scale is alpha/sqrt(rank)"},
    {.name = "targets",
     .kind = PL_OPT_STRING,
     .fallback = "all",
     .doc = "all, or a list of q, k, v, o, gate, up, down"},
    {.name = "dropout", .kind = PL_OPT_F64, .fallback = "0", .min = 0, .max = 0.95, .doc = "before A"},
    {.name = "epochs",
     .kind = PL_OPT_U64,
     .fallback = "3",
     .min = 1,
     .max = 10000,
     .doc = "times through the data"},
    {.name = "steps", .kind = PL_OPT_U64, .min = 1, .max = 10000000, .doc = "instead of epochs"},
    {.name = "batch", .kind = PL_OPT_U64, .fallback = "8", .min = 1, .max = 4096, .doc = "examples a step"},
    {.name = "lr",
     .kind = PL_OPT_F64,
     .fallback = "0.0002",
     .min = 1e-9,
     .max = 1,
     .doc = "greatest learning rate"},
    {.name = "replay",
     .kind = PL_OPT_STRING,
     .fallback = "none",
     .doc = "JSON lines of other talk, on which the model is kept near to what it said before; none"},
    {.name = "valid",
     .kind = PL_OPT_STRING,
     .doc = "JSON lines whose loss is told at the end; not trained on"},
    {.name = "max-tokens",
     .kind = PL_OPT_U64,
     .fallback = "2048",
     .min = 16,
     .max = 65536,
     .unit = "tokens",
     .doc = "longest example; older turns are left out"},
    {.name = "recompute",
     .kind = PL_OPT_BOOL,
     .fallback = "false",
     .doc = "less memory for a third more work"},
    {.name = "seed", .kind = PL_OPT_U64, .fallback = "0", .doc = "of first values and order"},
    {.name = "resume",
     .kind = PL_OPT_BOOL,
     .fallback = "false",
     .doc = "go on from DIR's checkpoint, if there is one"},
    CLI_END,
};
const struct cli_command cli_train = {
    "train", "", "Train a LoRA adapter on dialogues, without a daemon.", options, run, NULL,
};
