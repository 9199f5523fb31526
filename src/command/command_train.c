/* command_train.c - primer train: runs a recipe.
 *
 * Texts and conversations of the recipe are made to shards in the run's folder first; the trainer
 * sees tokens alone. A line for every report goes to standard output (with --json an object a
 * line). Where all is one terminal a single line is written over and over instead, on standard
 * error, and only evaluations, samples and the end stay. Ctrl-C, SIGTERM and the like stop after the
 * step that is running, with a checkpoint: the same command goes on from there. A second Ctrl-C ends
 * at once, which loses what came after the last checkpoint and nothing else.
 */
#include "command/command.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "command/limits.h"
#include "command/train_plan.h"
#include "command/train_shards.h"
#include "primer_train.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define PLAN_SECONDS  3.0
#define LIMIT_SECONDS 0.1 /* of measuring the peak */

struct watcher {
    const primer_recipe *recipe;
    const struct settings *settings;
    struct progress progress;
    uint64_t step, first; /* done; before this process */
    uint64_t begun;       /* clock nanoseconds */
    bool live;            /* reports are written over each other */
    char note[128];       /* of the last report; "": none yet */
    primer_error error;   /* of output */
};

/* JSON has no NaN and no infinity. */
static primer_status say_number(struct buffer *out, const char *name, double value,
                                primer_error *error)
{
    return isfinite(value) ? buffer_format(out, error, ",\"%s\":%.9g", name, value)
                           : buffer_format(out, error, ",\"%s\":null", name);
}

static primer_status say_json(const primer_train_progress *p, struct buffer *out,
                              primer_error *error)
{
    const struct {
        const char *name;
        double value;
        bool there;
    } numbers[] = {{"loss", p->loss, p->tokens_per_second > 0.0},
                   {"rate", p->rate, p->tokens_per_second > 0.0},
                   {"norm", p->norm, p->tokens_per_second > 0.0},
                   {"tokens_per_second", p->tokens_per_second, p->tokens_per_second > 0.0},
                   {"peak_share", p->peak_share, p->tokens_per_second > 0.0},
                   {"seconds", p->seconds, p->tokens_per_second > 0.0},
                   {"seconds_left", p->seconds_left, p->tokens_per_second > 0.0},
                   {"evaluation_loss", p->evaluation_loss, p->evaluated},
                   {"bits_per_byte", p->bits_per_byte, p->evaluated && !isnan(p->bits_per_byte)}};
    FORWARD(
        buffer_format(out, error, "{\"step\":%" PRIu64 ",\"tokens\":%" PRIu64, p->step, p->tokens));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].there)
            FORWARD(say_number(out, numbers[i].name, numbers[i].value, error));
    return buffer_format(out, error, ",\"checkpoint\":%s}\n", p->checkpointed ? "true" : "false");
}

static primer_status say_text(const primer_train_progress *p, struct buffer *out,
                              primer_error *error)
{
    char left[RENDER_TEXT], a[RENDER_TEXT], b[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "step %s of %s", render_count(p->step, a),
                          render_count(p->steps, b)));
    if (p->tokens_per_second > 0.0) {
        FORWARD(buffer_format(out, error, "  loss %.4f  norm %.3g  rate %.3g  %s tokens/s", p->loss,
                              p->norm, p->rate, render_count((uint64_t)p->tokens_per_second, a)));
        if (p->peak_share > 0.0)
            FORWARD(buffer_format(out, error, "  %.0f %% of f32 peak", 100.0 * p->peak_share));
        if (p->step < p->steps)
            FORWARD(buffer_format(out, error, "  %s left", render_duration(p->seconds_left, left)));
    }
    if (p->evaluated)
        FORWARD(buffer_format(out, error, "  held-out %.4f", p->evaluation_loss));
    if (p->evaluated && !isnan(p->bits_per_byte))
        FORWARD(buffer_format(out, error, " (%.4f bits a byte)", p->bits_per_byte));
    return buffer_text(out, p->checkpointed ? "  kept\n" : "\n", error);
}

static void keep_error(struct watcher *watcher, const primer_error *error)
{
    if (watcher->error.status == PRIMER_OK)
        watcher->error = *error;
}

static void say(struct watcher *watcher, const struct buffer *text)
{
    primer_error error = {0};
    progress_end(&watcher->progress);
    if (output_write(text->bytes, text->length, &error) != PRIMER_OK ||
        output_flush(&error) != PRIMER_OK)
        keep_error(watcher, &error);
}

/* What stands in the line that is written over and over until the next report. */
static void take_note(struct watcher *watcher, const primer_train_progress *p)
{
    char speed[RENDER_TEXT], share[32] = "";
    if (p->tokens_per_second <= 0.0)
        return;
    if (p->peak_share > 0.0)
        snprintf(share, sizeof share, "  %.0f %% of peak", 100.0 * p->peak_share);
    snprintf(watcher->note, sizeof watcher->note, "  loss %.4f  %.24s tokens/s%s", p->loss,
             render_count((uint64_t)p->tokens_per_second, speed), share);
}

static void on_progress(void *context, const primer_train_progress *p)
{
    struct watcher *const watcher = context;
    struct buffer out = {0};
    primer_error error = {0};
    take_note(watcher, p);
    if (watcher->live && !p->evaluated && p->step < p->steps)
        return;
    if ((watcher->settings->json ? say_json(p, &out, &error) : say_text(p, &out, &error)) !=
        PRIMER_OK)
        keep_error(watcher, &error);
    else
        say(watcher, &out);
    buffer_free(&out);
}

static void show_progress(struct watcher *watcher)
{
    char line[512], done[RENDER_TEXT], all[RENDER_TEXT], left[RENDER_TEXT];
    const uint64_t steps = watcher->recipe->steps;
    const double seconds = clock_seconds_since(watcher->begun);
    render_duration(
        seconds * (double)(steps - watcher->step) / (double)(watcher->step - watcher->first), left);
    snprintf(line, sizeof line, "step %s of %s%s  %s left", render_count(watcher->step, done),
             render_count(steps, all), watcher->note, left);
    progress_line(&watcher->progress, line);
}

/* Called after every step. */
static bool on_step(void *context)
{
    struct watcher *const watcher = context;
    watcher->step++;
    if (progress_due(&watcher->progress))
        show_progress(watcher);
    return interrupt_seen() || watcher->error.status != PRIMER_OK;
}

static bool collect(void *context, const primer_generated *generated)
{
    return buffer_append(context, generated->text, generated->length, NULL) == PRIMER_OK;
}

static primer_status write_sample(const char *path, const struct watcher *watcher,
                                  struct buffer *text, primer_error *error)
{
    const primer_recipe *const recipe = watcher->recipe;
    const char *const prompt = recipe->sample_prompt == NULL ? "" : recipe->sample_prompt;
    const primer_model_options options = {.no_prefix_cache = true};
    primer_generation generation = {
        .max_tokens = recipe->sample_tokens, .callback = collect, .context = text};
    primer_sampling sampling = primer_sampling_default();
    primer_generation_result result;
    primer_session_options session_options = {0};
    primer_adapter_use use = {.scale = 1.0f};
    primer_model *model = NULL;
    primer_session *session = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    primer_status status = PRIMER_OK;
    sampling.seed = recipe->seed;
    generation.sampling = &sampling;
    TRY(primer_model_open(recipe->lora_rank > 0 ? recipe->model : path, &options, &model, error));
    if (recipe->lora_rank > 0) {
        TRY(primer_adapter_open(model, path, &use.adapter, error));
        session_options.adapters = &use;
        session_options.adapter_count = 1;
    }
    TRY(primer_session_create(model, &session_options, &session, error));
    TRY(primer_tokenize(model, prompt, strlen(prompt), PRIMER_TEXT_BOS, &ids, &count, error));
    if (count == 0) {
        /* Nothing to begin with: a document's end stands before every document. */
        const int32_t end = primer_token_eos(model) >= 0 ? primer_token_eos(model) : 0;
        TRY(primer_session_append(session, end, error));
    } else {
        TRY(primer_session_sync(session, ids, count, NULL, NULL, error));
    }
    TRY(primer_generate(session, &generation, &result, error));

cleanup:
    primer_free(ids);
    primer_session_free(session);
    primer_adapter_free(use.adapter);
    primer_model_free(model);
    return status;
}

/* A sample that fails is said; the run goes on. */
static void on_sample(void *context, const char *path)
{
    struct watcher *const watcher = context;
    const char *const prompt = watcher->recipe->sample_prompt;
    struct buffer text = {0}, out = {0};
    primer_error error = {0};
    primer_status status = buffer_text(&text, prompt == NULL ? "" : prompt, &error);
    if (status == PRIMER_OK)
        status = write_sample(path, watcher, &text, &error);
    if (status == PRIMER_OK && watcher->settings->json) {
        status = buffer_format(&out, &error, "{\"step\":%" PRIu64 ",\"sample\":", watcher->step);
        if (status == PRIMER_OK)
            status = buffer_json_string(&out, text.bytes, text.length, &error);
        if (status == PRIMER_OK)
            status = buffer_text(&out, "}\n", &error);
    } else if (status == PRIMER_OK) {
        status = buffer_format(&out, &error, "--- sample after step %" PRIu64 "\n%s\n---\n",
                               watcher->step, text.bytes);
    }
    if (status == PRIMER_OK)
        say(watcher, &out);
    else
        fprintf(stderr, "primer: no sample: %s\n", error.message);
    buffer_free(&text);
    buffer_free(&out);
}

/* There is nothing to be kept at the next Ctrl-C. */
static volatile sig_atomic_t at_once;

/* Inside the signal's handler. */
static void on_interrupt(void)
{
    static const char text[] = "\nprimer: stopping; Ctrl-C again stops at once\n";
    if (at_once != 0)
        _exit(EXIT_CODE_INTERRUPTED);
    at_once = 1;
    if (isatty(STDERR_FILENO) != 0 && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return;
}

static primer_status write_plan(primer_trainer *trainer, const struct settings *settings,
                                const primer_recipe *recipe, double peak, primer_error *error)
{
    primer_train_plan plan;
    struct buffer out = {0};
    primer_status status = PRIMER_OK;
    at_once = 1;
    if (!interrupt_seen())
        TRY(primer_trainer_plan(trainer, PLAN_SECONDS, &plan, error));
    if (interrupt_seen())
        FAIL(PRIMER_ECANCELED, "stopped before anything was measured");
    peak *= (double)plan.processes;
    TRY(settings->json ? train_plan_json(&plan, peak, &out, error)
                       : train_plan_text(&plan, recipe, peak, &out, error));
    if (primer_trainer_reports(trainer))
        TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status;
}

/* What a stranger would miss: with `whole`, ends that no row has room for. */
static void say_cuts(const primer_trainer *trainer, const primer_recipe *recipe)
{
    uint64_t documents = 0, tokens = 0;
    char a[RENDER_TEXT], b[RENDER_TEXT];
    primer_trainer_cuts(trainer, &documents, &tokens);
    if (documents > 0 && primer_trainer_reports(trainer))
        fprintf(stderr,
                "primer: documents longer than a row of %zu tokens: %s, whose ends, %s tokens in "
                "all, are left out (whole = yes)\n",
                recipe->length, render_count(documents, a), render_count(tokens, b));
}

/* Where the model is. */
static primer_status say_end(const primer_trainer *trainer, const struct settings *settings,
                             const primer_recipe *recipe, primer_error *error)
{
    const char *const path = primer_trainer_output(trainer);
    const bool adapter = recipe->lora_rank > 0;
    const bool own = recipe->template_name == NULL || strcmp(recipe->template_name, "own") == 0;
    const char *const template = own ? NULL : recipe->template_name;
    struct buffer out = {0};
    primer_status status = PRIMER_OK;
    if (settings->json) {
        TRY(buffer_format(&out, error, "{\"step\":%" PRIu64 ",\"%s\":", recipe->steps,
                          adapter ? "adapter" : "model"));
        TRY(buffer_json_string(&out, path, strlen(path), error));
        TRY(buffer_text(&out, "}\n", error));
    } else {
        TRY(buffer_format(
            &out, error, "%s: the trained %s%s%s\n", path, adapter ? "adapter" : "model",
            template == NULL ? "" : "; chat with --template ", template == NULL ? "" : template));
    }
    TRY(output_write(out.bytes, out.length, error));
    TRY(output_flush(error));

cleanup:
    buffer_free(&out);
    return status;
}

static primer_status train(primer_trainer *trainer, const struct settings *settings,
                           const primer_recipe *recipe, primer_error *error)
{
    struct watcher watcher = {.recipe = recipe, .settings = settings};
    primer_train_callbacks callbacks = {.context = &watcher,
                                        .progress = on_progress,
                                        .sample = recipe->sample_every != 0 ? on_sample : NULL,
                                        .stop = on_step};
    watcher.step = watcher.first = primer_trainer_resumed(trainer);
    watcher.begun = clock_nanoseconds();
    watcher.progress = progress_begin("training", "steps");
    watcher.progress.enabled = watcher.progress.enabled && primer_trainer_reports(trainer);
    watcher.live = watcher.progress.enabled && output_is_terminal() && !settings->json;
    if (primer_trainer_skipped(trainer) != NULL)
        fprintf(stderr, "primer: %s\n", primer_trainer_skipped(trainer));
    say_cuts(trainer, recipe);
    if (watcher.step > 0 && primer_trainer_reports(trainer))
        fprintf(stderr, "primer: going on from the checkpoint of step %" PRIu64 "\n", watcher.step);
    primer_status status = primer_trainer_run(trainer, &callbacks, error);
    progress_end(&watcher.progress);
    if (watcher.error.status != PRIMER_OK && (status == PRIMER_OK || status == PRIMER_ECANCELED)) {
        *error = watcher.error;
        return watcher.error.status;
    }
    if (status == PRIMER_OK && primer_trainer_reports(trainer))
        status = say_end(trainer, settings, recipe, error);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_recipe *recipe = NULL;
    primer_trainer *trainer = NULL;
    struct train_shards shards = {0};
    bool says = true;
    primer_train_options options = {.threads = settings->model.threads,
                                    .ignore_memory = settings->model.ignore_memory,
                                    .plan_only = settings->plan,
                                    .fresh = settings->fresh};
    TRY(primer_recipe_read(settings->arguments[0], settings->overrides.items,
                           settings->overrides.count, &recipe, error));
    interrupt_install(on_interrupt);
    interrupt_hold();
    TRY(train_shards_make(recipe, settings, &shards, error));
    options.shards = shards.sources;
    options.evaluation_shards = shards.evaluation;
    options.peak_operations_per_second =
        limits_f32(options.threads > 0 ? options.threads : cpu_thread_count(), LIMIT_SECONDS);
    TRY(primer_trainer_create(recipe, &options, &trainer, error));
    TRY(settings->plan
            ? write_plan(trainer, settings, recipe, options.peak_operations_per_second, error)
            : train(trainer, settings, recipe, error));

cleanup:
    /* What all processes of a run found alike, one says. */
    says = trainer == NULL || primer_trainer_reports(trainer) ||
           (status != PRIMER_ECANCELED && status != PRIMER_ENUMERIC);
    primer_trainer_free(trainer);
    train_shards_free(&shards);
    primer_recipe_free(recipe);
    if (status == PRIMER_ECANCELED) {
        if (says)
            fprintf(stderr, "primer: %s\n", problem.message);
        interrupt_end();
    }
    if (!says)
        return status == PRIMER_ECANCELED ? EXIT_CODE_INTERRUPTED : EXIT_CODE_FAILURE;
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_train = {
    .name = "train",
    .group = "Teach",
    .arguments = "RECIPE",
    .summary = "train a model, or go on with one, as a recipe says",
    .teaching =
        "A recipe is a text file of `name = value` lines; docs/recipes.md lists the names.\n"
        "\n"
        "  tokenizer = tokenizer.gguf          made by `primer tokenizer train`\n"
        "  data = stories.txt                  or .jsonl, or a .shard of `primer data shard`\n"
        "  evaluate = held-out.txt\n"
        "  layers = 6        embedding = 256      heads = 8\n"
        "  batch = 16        length = 256         steps = 2000\n"
        "  folder = runs/stories               checkpoints, the log, the model at the end\n"
        "\n"
        "Examples\n"
        "  primer train stories.recipe --plan      what it would cost\n"
        "  primer train stories.recipe             the same again goes on where it stopped\n"
        "  primer train stories.recipe --set rate=0.0005 --set folder=runs/slower\n"
        "  primer plot runs/stories/log.jsonl -o curves.svg\n"
        "\n"
        "Ctrl-C stops after the step that is running and keeps everything; a second one stops at\n"
        "once. A run that was stopped or killed goes on from its last checkpoint, to the same "
        "bits\n"
        "as if it had never stopped. Several processes: mpirun -n 2 primer train stories.recipe\n",
    .bit = COMMAND_TRAIN,
    .least = 1,
    .most = 1,
    .run = run,
};
