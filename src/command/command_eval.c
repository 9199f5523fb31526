/* command_eval.c - primer eval: a model writes programs, which are run and judged. */
#include "command/command.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "command/adapter_option.h"
#include "eval/eval.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

struct evaluated {
    const char *model_path; /* NULL: the one in the program */
    const char *const *paths;
    size_t count;
    primer_model *model;
    primer_chat_format *own; /* the model's own template; NULL: none */
    struct adapter_option adapters;
    struct buffer key; /* what the answers depend on */
    struct eval_options options;
    struct eval_result result;
    struct progress progress;
    size_t done, all; /* answers judged so far */
};

/* ---- what the command line means ------------------------------------------------------------- */

static bool is_model(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".gguf") == 0;
}

/* False: the message was printed. */
static bool understand(const struct settings *settings, struct evaluated *work)
{
    const bool named = settings->argument_count > 0 && is_model(settings->arguments[0]);
    work->model_path = named ? settings->arguments[0] : settings->eval.model;
    work->paths = settings->arguments + (named ? 1 : 0);
    work->count = settings->argument_count - (named ? 1 : 0);
    if (named && settings->eval.model != NULL) {
        command_misused(settings->command, "the model was given twice: %s and --model %s",
                        settings->arguments[0], settings->eval.model);
        return false;
    }
    if (work->count == 0) {
        command_misused(settings->command, "eval needs a file of tests (.jsonl)");
        return false;
    }
    if (settings->eval.answers != NULL && work->model_path != NULL) {
        command_misused(settings->command, "%s has no effect with --answers: nothing is written",
                        work->model_path);
        return false;
    }
    return true;
}

/* The named template, else the file's own, else the nearest of the named ones. */
static primer_status choose_format(const struct settings *settings, struct evaluated *work,
                                   primer_error *error)
{
    const char *const name = settings->template_name;
    primer_error problem = {0};
    bool understood;
    if (name != NULL && strcmp(name, "own") != 0) {
        work->options.format = primer_chat_format_named(name);
        return work->options.format != NULL
                   ? PRIMER_OK
                   : error_set(error, PRIMER_EINVAL,
                               "--template: expected own, phi-qa, phi-chat, llama2, mistral, "
                               "chatml or plain");
    }
    const primer_status status = primer_chat_format_own(work->model, &work->own, &problem);
    if (name != NULL && status != PRIMER_OK) {
        *error = problem;
        return status;
    }
    if (name != NULL && work->own == NULL)
        return error_set(error, PRIMER_EINVAL, "--template own: the model's file carries none");
    if (*problem.message != '\0')
        fprintf(stderr, "primer: the chat template in this file can't be used (%s)\n",
                problem.message);
    work->options.format =
        work->own != NULL ? work->own : primer_chat_format_of(work->model, &understood);
    return PRIMER_OK;
}

static bool show_progress(void *context, const struct eval_progress *now)
{
    struct evaluated *const work = context;
    char note[96];
    work->done = now->done;
    work->all = now->all;
    snprintf(note, sizeof note, "%zu passed, %" PRIu64 " tokens", now->passed, now->tokens);
    progress_step(&work->progress, now->done, now->all, note);
    return !interrupt_seen();
}

static primer_status check_report(const struct settings *settings, const struct evaluated *work,
                                  primer_error *error)
{
    const char *inputs[SETTINGS_ARGUMENTS + 2] = {work->model_path, settings->eval.answers};
    if (settings->eval.report == NULL)
        return PRIMER_OK;
    for (size_t i = 0; i < work->count; i++)
        inputs[i + 2] = work->paths[i];
    return file_check_output(settings->eval.report, inputs, work->count + 2, error);
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* pass@1, pass@10, pass@100, as far as there are answers, and pass@ all of them. */
static bool is_shown(size_t k, size_t samples)
{
    return k == 1 || k == 10 || k == 100 || k == samples;
}

static primer_status write_failures(const struct eval_summary *summary, struct buffer *out,
                                    primer_error *error)
{
    const char *before = "  failed: ";
    for (size_t kind = EVAL_PASSED + 1; kind < EVAL_VERDICTS; kind++) {
        if (summary->verdicts[kind] == 0)
            continue;
        FORWARD(buffer_format(out, error, "%s%zu %s", before, summary->verdicts[kind],
                              eval_verdict_name((enum eval_verdict_kind)kind)));
        before = ", ";
    }
    return summary->passed < summary->answers ? buffer_text(out, "\n", error) : PRIMER_OK;
}

static primer_status write_text(const struct evaluated *work, struct buffer *out,
                                primer_error *error)
{
    const struct eval_result *const result = &work->result;
    char time[RENDER_TEXT], tokens[RENDER_TEXT];
    for (size_t f = 0; f < result->count; f++) {
        const struct eval_summary *const summary = &result->files[f];
        FORWARD(buffer_format(out, error, "%s: %zu of %zu pass", summary->path, summary->passed,
                              summary->answers));
        for (size_t k = 1; k <= result->samples; k++)
            if (is_shown(k, result->samples))
                FORWARD(
                    buffer_format(out, error, ", pass@%zu %.1f %%", k, 100 * summary->at[k - 1]));
        FORWARD(buffer_format(out, error, " (95 %%: %.1f to %.1f)\n", 100 * summary->low,
                              100 * summary->high));
        FORWARD(write_failures(summary, out, error));
        if (summary->left_out > 0)
            FORWARD(buffer_format(out, error, "  left out: %zu lines with nothing to judge by\n",
                                  summary->left_out));
    }
    if (work->options.answers != NULL)
        return PRIMER_OK;
    if (result->before > 0)
        FORWARD(buffer_format(out, error, "%zu answers are of a run that was stopped\n",
                              result->before));
    return buffer_format(out, error, "%s tokens in %s, %.1f tokens/s\n",
                         render_count(result->tokens, tokens),
                         render_duration(result->seconds, time),
                         result->seconds > 0 ? (double)result->tokens / result->seconds : 0);
}

static primer_status write_file_json(const struct eval_summary *summary, size_t samples,
                                     struct buffer *out, primer_error *error)
{
    const char *before = "";
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, summary->path, strlen(summary->path), error));
    FORWARD(buffer_format(out, error,
                          ",\"items\":%zu,\"answers\":%zu,\"passed\":%zu,\"left_out\":%zu,"
                          "\"low\":%.6f,\"high\":%.6f,\"pass_at\":{",
                          summary->items, summary->answers, summary->passed, summary->left_out,
                          summary->low, summary->high));
    for (size_t k = 1; k <= samples; k++)
        if (is_shown(k, samples))
            FORWARD(buffer_format(out, error, "%s\"%zu\":%.6f", k > 1 ? "," : "", k,
                                  summary->at[k - 1]));
    FORWARD(buffer_text(out, "},\"failed\":{", error));
    for (size_t kind = EVAL_PASSED + 1; kind < EVAL_VERDICTS; kind++)
        if (summary->verdicts[kind] > 0) {
            FORWARD(buffer_format(out, error, "%s\"%s\":%zu", before,
                                  eval_verdict_name((enum eval_verdict_kind)kind),
                                  summary->verdicts[kind]));
            before = ",";
        }
    return buffer_text(out, "}}", error);
}

static primer_status write_json(const struct evaluated *work, struct buffer *out,
                                primer_error *error)
{
    const struct eval_result *const result = &work->result;
    FORWARD(buffer_text(out, "{\"files\":[", error));
    for (size_t f = 0; f < result->count; f++) {
        FORWARD(buffer_text(out, f > 0 ? "," : "", error));
        FORWARD(write_file_json(&result->files[f], result->samples, out, error));
    }
    return buffer_format(
        out, error, "],\"samples\":%zu,\"before\":%zu,\"tokens\":%" PRIu64 ",\"seconds\":%.3f}\n",
        result->samples, result->before, result->tokens, result->seconds);
}

/* ---- a run that is stopped ------------------------------------------------------------------- */

static primer_status key_of_model(const struct evaluated *work, struct buffer *key,
                                  primer_error *error)
{
    char *json = NULL;
    size_t length = 0;
    FORWARD(primer_model_describe(work->model, 0, &json, &length, error));
    json_t *const object = json_loadb(json, length, 0, NULL);
    const char *const identity = json_string_value(json_object_get(object, "identity"));
    const primer_status status = buffer_text(key, identity == NULL ? "" : identity, error);
    json_decref(object);
    primer_free(json);
    return status;
}

/* An adapter's file may be another one under the same name: its size and time count too. */
static primer_status key_of_adapters(const struct settings *settings, const struct evaluated *work,
                                     struct buffer *key, primer_error *error)
{
    for (size_t i = 0; i < work->adapters.count; i++) {
        struct stat facts = {0};
        stat(primer_adapter_info(work->adapters.uses[i].adapter)->path, &facts);
        FORWARD(buffer_format(key, error, "\n%s %lld %lld", settings->adapters.items[i],
                              (long long)facts.st_size, (long long)facts.st_mtime));
    }
    return PRIMER_OK;
}

/* All besides the tests that the answers and verdicts depend on. */
static primer_status make_key(const struct settings *settings, struct evaluated *work,
                              primer_error *error)
{
    size_t rows = 0;
    const struct parameter *const table = parameters_table(&rows);
    struct buffer *const key = &work->key;
    FORWARD(key_of_model(work, key, error));
    FORWARD(key_of_adapters(settings, work, key, error));
    FORWARD(buffer_format(key, error, "\n%s\n%zu",
                          settings->template_name == NULL ? "" : settings->template_name,
                          settings->eval.seconds));
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < parameters_count(&settings->parameters, &table[row]); i++) {
            FORWARD(buffer_format(key, error, "\n%s ", table[row].name));
            FORWARD(parameters_show(&settings->parameters, &table[row], i, key, error));
        }
    work->options.key = key->bytes;
    return PRIMER_OK;
}

/* How far it came, and what becomes of that. */
static void tell_stop(const struct evaluated *work)
{
    const struct eval_options *const options = &work->options;
    fprintf(stderr, "primer: stopped at %zu of %zu answers", work->done, work->all);
    if (options->answers == NULL && options->report == NULL)
        fputs("; only with --report are they kept", stderr);
    else if (options->answers == NULL && work->done > 0)
        fprintf(stderr, ", which are in %s.part; the same command goes on behind them",
                options->report);
    fputc('\n', stderr);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void fill_options(struct settings *settings, const primer_sampling *sampling,
                         struct evaluated *work)
{
    struct parameters *const parameters = &settings->parameters;
    struct eval_options *const options = &work->options;
    options->model = work->model;
    options->session = &parameters->session;
    options->sampling = sampling;
    options->stops = (const char *const *)parameters->stops;
    options->stop_count = parameters->stop_count;
    options->max_tokens = parameters->max_tokens > 0 ? (size_t)parameters->max_tokens : 0;
    options->raw = settings->raw;
    options->samples = settings->samples;
    options->limit = settings->eval.limit;
    options->from = settings->eval.from;
    options->to = settings->eval.to;
    options->parallel = settings->parallel;
    options->seconds = (double)settings->eval.seconds;
    options->report = settings->eval.report;
    options->answers = settings->eval.answers;
    options->progress = show_progress;
    options->context = work;
}

static primer_status open_model(struct settings *settings, struct evaluated *work,
                                primer_error *error)
{
    if (settings->eval.answers != NULL)
        return PRIMER_OK;
    FORWARD(command_open_model(work->model_path, settings, &work->model, error));
    FORWARD(adapter_option_open(settings, work->model, &work->adapters, error));
    return choose_format(settings, work, error);
}

static primer_status evaluate(struct settings *settings, struct evaluated *work,
                              primer_error *error)
{
    struct parameters *const parameters = &settings->parameters;
    FORWARD(check_report(settings, work, error));
    FORWARD(open_model(settings, work, error));
    FORWARD(parameters_set(parameters, parameters_named("temperature"), "--temp",
                           settings->eval.temperature == NULL ? "0" : settings->eval.temperature,
                           error));
    const primer_sampling sampling = parameters_sampling(parameters);
    fill_options(settings, &sampling, work);
    if (work->model != NULL)
        FORWARD(make_key(settings, work, error));
    interrupt_install(NULL);
    interrupt_hold();
    work->progress = progress_begin("judging", "answers");
    const primer_status status =
        eval_run(work->paths, work->count, &work->options, &work->result, error);
    progress_end(&work->progress);
    if (status == PRIMER_ECANCELED) {
        tell_stop(work);
        interrupt_end();
    }
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct evaluated work = {0};
    struct buffer out = {0};
    if (!understand(settings, &work))
        return EXIT_CODE_USAGE;
    TRY(evaluate(settings, &work, error));
    TRY(settings->json ? write_json(&work, &out, error) : write_text(&work, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    buffer_free(&work.key);
    eval_result_free(&work.result);
    primer_chat_format_free(work.own);
    adapter_option_close(&work.adapters);
    primer_model_free(work.model);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_eval = {
    .name = "eval",
    .group = "Measure",
    .arguments = "[MODEL] TESTS...",
    .summary = "programs that a model writes, run and judged: pass@1",
    .teaching =
        "Examples\n"
        "  primer eval phi-2.gguf HumanEval.jsonl --report answers.jsonl\n"
        "  primer eval tests.jsonl --model phi-2.gguf -n 400 --limit 50\n"
        "  primer eval phi-2.gguf mbpp.jsonl --from 11 --to 510 --raw\n"
        "  primer eval phi-2.gguf HumanEval.jsonl --samples 20 --temp 0.2 --json\n"
        "  primer eval HumanEval.jsonl --answers answers.jsonl\n\n"
        "TESTS are lines of JSON: HumanEval's, MBPP's, those of primer data synth --tests, or "
        "one's own with\n"
        "prompt, messages, request or problem and calls or answer; docs/evaluation.md describes "
        "them. What\n"
        "the model writes runs in a sandbox (bubblewrap, python3). Without --temp answers are "
        "greedy and the\n"
        "same each time. A MODEL's name ends with .gguf; without one it is the model in the "
        "program.\n\n"
        "With --report a run that was stopped goes on by the same command: until the report is "
        "whole its\n"
        "answers are in REPORT.part.\n",
    .bit = COMMAND_EVAL,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
