/* command_grow.c - primer grow: a larger model of a smaller one's weights.
 *
 * What maps to what is shown as runs of the source's numbers: 24 layers became 32 as
 * "0-2 2-5 5-8 ...", where a number that begins a run again is copied once more.
 */
#include "command/command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/suggest.h"
#include "primer_train.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define CLONE_NOISE 0.1 /* where nothing was said: a clone computes the same with it */

enum { RUNS_SHOWN = 40 };

static bool report(void *context, uint64_t done, uint64_t all)
{
    struct progress *progress = context;
    progress_step(progress, done, all, NULL);
    return !interrupt_seen();
}

/* ---- what was made ---- */

/* In the order of primer_grow_axis. */
static const struct {
    const char *key, *title;
} axes[PRIMER_GROW_AXES] = {
    [PRIMER_GROW_LAYERS] = {"layers", "layers"},
    [PRIMER_GROW_EMBEDDING] = {"embedding", "embedding"},
    [PRIMER_GROW_HEADS] = {"heads", "heads"},
    [PRIMER_GROW_KV_HEADS] = {"kv_heads", "key/value heads"},
    [PRIMER_GROW_HEAD_DIMENSIONS] = {"head_dimensions", "query, key dimensions"},
    [PRIMER_GROW_VALUE_DIMENSIONS] = {"value_dimensions", "value dimensions"},
    [PRIMER_GROW_FEED_FORWARD] = {"feed_forward", "feed-forward"},
};

static size_t size_of(const primer_grow_shape *shape, size_t axis)
{
    const size_t sizes[PRIMER_GROW_AXES] = {
        [PRIMER_GROW_LAYERS] = shape->layers,
        [PRIMER_GROW_EMBEDDING] = shape->embedding,
        [PRIMER_GROW_HEADS] = shape->heads,
        [PRIMER_GROW_KV_HEADS] = shape->kv_heads,
        [PRIMER_GROW_HEAD_DIMENSIONS] = shape->head_dimensions,
        [PRIMER_GROW_VALUE_DIMENSIONS] = shape->head_dimensions,
        [PRIMER_GROW_FEED_FORWARD] = shape->feed_forward,
    };
    return sizes[axis];
}

static bool repeats_any(const primer_grow_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        if (map->repeats[i])
            return true;
    return false;
}

/* Whether something inside layers was copied, so that there are copies to tell apart. */
static bool widened(const primer_grow_summary *summary)
{
    for (size_t i = PRIMER_GROW_EMBEDDING; i < PRIMER_GROW_AXES; i++)
        if (repeats_any(&summary->maps[i]))
            return true;
    return false;
}

/* Methods that keep the function, with noise too. */
static bool keeps(const char *method)
{
    return strcmp(method, "clone") == 0 || strcmp(method, "spread") == 0;
}

static primer_status write_runs(const primer_grow_map *map, struct buffer *out, primer_error *error)
{
    size_t runs = 0;
    for (size_t i = 0, length; i < map->count; i += length) {
        for (length = 1; i + length < map->count &&
                         map->sources[i + length] == map->sources[i + length - 1] + 1;)
            length++;
        if (++runs > RUNS_SHOWN)
            return buffer_text(out, " ...", error);
        FORWARD(buffer_format(out, error, " %zu", map->sources[i]));
        if (length > 1)
            FORWARD(buffer_format(out, error, "-%zu", map->sources[i + length - 1]));
    }
    return PRIMER_OK;
}

static primer_status write_hints(const primer_grow_summary *summary, double noise,
                                 struct buffer *out, primer_error *error)
{
    const primer_grow_map *layers = &summary->maps[PRIMER_GROW_LAYERS];
    if (keeps(summary->method) && repeats_any(layers)) {
        FORWARD(buffer_text(out, "  layers that add nothing until they are trained:", error));
        for (size_t i = 0; i < layers->count; i++)
            if (layers->repeats[i])
                FORWARD(buffer_format(out, error, " %zu", i));
        FORWARD(buffer_text(out, "\n", error));
    }
    if (!(noise > 0) && widened(summary) && strcmp(summary->method, "reuse") != 0)
        FORWARD(buffer_text(out,
                            "  copies are equal, and learn the same unless dropout tells them "
                            "apart; --noise 0.1 does\n",
                            error));
    return PRIMER_OK;
}

static primer_status write_text(const primer_grow_summary *summary, const char *path, double noise,
                                double seconds, struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s: grown by %s, %s parameters became %s, in %s\n", path,
                          summary->method, render_count(summary->from.parameters, a),
                          render_count(summary->to.parameters, b), render_duration(seconds, c)));
    for (size_t i = 0; i < PRIMER_GROW_AXES; i++) {
        FORWARD(buffer_format(out, error, "  %-21s %6zu -> %-6zu", axes[i].title,
                              size_of(&summary->from, i), size_of(&summary->to, i)));
        FORWARD(write_runs(&summary->maps[i], out, error));
        FORWARD(buffer_text(out, "\n", error));
    }
    FORWARD(buffer_format(out, error, "  %-21s %6zu -> %zu\n", "of which RoPE turns",
                          summary->from.rotary_dimensions, summary->to.rotary_dimensions));
    return write_hints(summary, noise, out, error);
}

static primer_status write_shape(const primer_grow_shape *shape, struct buffer *out,
                                 primer_error *error)
{
    return buffer_format(out, error,
                         "{\"parameters\":%llu,\"vocabulary\":%zu,\"layers\":%zu,"
                         "\"embedding\":%zu,\"heads\":%zu,\"kv_heads\":%zu,"
                         "\"head_dimensions\":%zu,\"rotary_dimensions\":%zu,\"feed_forward\":%zu}",
                         (unsigned long long)shape->parameters, shape->vocabulary, shape->layers,
                         shape->embedding, shape->heads, shape->kv_heads, shape->head_dimensions,
                         shape->rotary_dimensions, shape->feed_forward);
}

static primer_status write_map(const primer_grow_map *map, struct buffer *out, primer_error *error)
{
    for (size_t i = 0; i < map->count; i++)
        FORWARD(buffer_format(out, error, "%s%zu", i == 0 ? "[" : ",", map->sources[i]));
    return buffer_text(out, "]", error);
}

static primer_status write_json(const primer_grow_summary *summary, double noise, size_t seed,
                                double seconds, struct buffer *out, primer_error *error)
{
    const primer_grow_map *layers = &summary->maps[PRIMER_GROW_LAYERS];
    bool first = true;
    FORWARD(buffer_format(out, error, "{\"method\":\"%s\",\"noise\":%.6g,\"seed\":%zu,\"from\":",
                          summary->method, noise, seed));
    FORWARD(write_shape(&summary->from, out, error));
    FORWARD(buffer_text(out, ",\"to\":", error));
    FORWARD(write_shape(&summary->to, out, error));
    FORWARD(buffer_text(out, ",\"copies\":{", error));
    for (size_t i = 0; i < PRIMER_GROW_AXES; i++) {
        FORWARD(buffer_format(out, error, "%s\"%s\":", i == 0 ? "" : ",", axes[i].key));
        FORWARD(write_map(&summary->maps[i], out, error));
    }
    FORWARD(buffer_text(out, "},\"silent_layers\":[", error));
    for (size_t i = 0; i < layers->count && keeps(summary->method); i++)
        if (layers->repeats[i]) {
            FORWARD(buffer_format(out, error, "%s%zu", first ? "" : ",", i));
            first = false;
        }
    return buffer_format(out, error, "],\"seconds\":%.3f}\n", seconds);
}

/* ---- what was asked ---- */

static bool method_known(const struct settings *settings, const char *method, int *code)
{
    char shown[64];
    struct suggest nearest = suggest_for(method);
    for (size_t i = 0; primer_grow_method(i) != NULL; i++) {
        if (strcmp(primer_grow_method(i), method) == 0)
            return true;
        suggest_consider(&nearest, primer_grow_method(i));
    }
    *code = command_misused(
        settings->command, "--method: found \"%s\", expected tile, reuse, spread or clone%s%s%s",
        error_printable(method, strlen(method), shown, sizeof shown),
        nearest.best != NULL ? "; did you mean " : "", nearest.best != NULL ? nearest.best : "",
        nearest.best != NULL ? "?" : "");
    return false;
}

static bool read_noise(const struct settings *settings, const char *method, double *noise,
                       int *code)
{
    const char *text = settings->grow.noise;
    char shown[64], *end = NULL;
    *noise = keeps(method) ? CLONE_NOISE : 0.0;
    if (text == NULL)
        return true;
    errno = 0;
    *noise = strtod(text, &end);
    if (end != text && *end == '\0' && errno == 0 && isfinite(*noise) && *noise >= 0)
        return true;
    *code = command_misused(settings->command, "--noise: found \"%s\", expected 0 or more",
                            error_printable(text, strlen(text), shown, sizeof shown));
    return false;
}

static bool read_options(const struct settings *settings, primer_grow_options *options, int *code)
{
    const struct grow_settings *asked = &settings->grow;
    *options = (primer_grow_options){
        .layers = asked->layers,
        .embedding = asked->embedding,
        .heads = asked->heads,
        .kv_heads = asked->kv_heads,
        .head_dimensions = asked->head_dimensions,
        .rotary_dimensions = asked->rotary,
        .feed_forward = asked->feed_forward,
        .method = asked->method != NULL ? asked->method : "tile",
        .seed = asked->seed,
        .output_type = asked->type,
        .threads = settings->model.threads,
    };
    if (settings->output == NULL) {
        *code = command_misused(settings->command, "-o FILE is missing: where the model goes");
        return false;
    }
    return method_known(settings, options->method, code) &&
           read_noise(settings, options->method, &options->noise, code);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_grow_options options;
    primer_grow_summary summary = {0};
    struct buffer out = {0};
    int code = EXIT_CODE_USAGE;
    if (!read_options(settings, &options, &code))
        return code;
    struct progress progress = progress_begin("growing", "B");
    const uint64_t begun = clock_nanoseconds();
    options.progress = report;
    options.context = &progress;
    interrupt_install(NULL);
    interrupt_hold();
    status = primer_grow(settings->arguments[0], &options, settings->output, &summary, error);
    progress_end(&progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    if (status != PRIMER_OK)
        goto cleanup;
    const double seconds = clock_seconds_since(begun);
    TRY(settings->json
            ? write_json(&summary, options.noise, settings->grow.seed, seconds, &out, error)
            : write_text(&summary, settings->output, options.noise, seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    primer_grow_summary_free(&summary);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_grow = {
    .name = "grow",
    .group = "Prepare",
    .arguments = "SMALL.gguf -o LARGE.gguf",
    .summary = "make a larger model of a smaller one's weights",
    .teaching =
        "Examples\n"
        "  primer grow phi-1.5.gguf -o start.gguf --layers 32 --embedding 2560 --feed-forward "
        "10240\n"
        "  primer grow small.gguf -o start.gguf --method clone --embedding 512 --layers 12\n\n"
        "Methods\n"
        "  tile    as Phi-2 was begun from Phi-1.5: a new layer copies the nearest old one, "
        "matrices are\n"
        "          filled with copies of the small ones; not the same function\n"
        "  reuse   the small matrix in the corner, random numbers around it\n"
        "  spread  nearly the same function, for any sizes: copies are divided by how many there "
        "are, new\n"
        "          layers add nothing until they are trained\n"
        "  clone   exact, the same logits within rounding: spread, with an embedding that grows by "
        "a whole\n"
        "          factor and heads of the same dimensions\n"
        "Copies of spread and clone get --noise 0.1, which keeps the function, unless you say "
        "otherwise.\n\n"
        "Sizes not given stay as they are (clone: grow with the embedding). Train on with a recipe "
        "whose\n"
        "line is `model = start.gguf`. LARGE.gguf appears only when it is complete.\n",
    .bit = COMMAND_GROW,
    .least = 1,
    .most = 1,
    .run = run,
};
