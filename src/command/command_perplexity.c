/* command_perplexity.c - primer perplexity: how well a model predicts a text, as llama.cpp counts
 * it.
 *
 *   text, tokenised whole (a beginning token where the file asks for one)
 *   | window of C tokens | window of C tokens | ...        what is left at the end is not used
 *   | context | scored   |
 *             C/2        C-1
 *
 * In each window the first token is replaced by the beginning token where the file asks for one.
 * The tokens at C/2 + 1 ... C - 1 are scored, each after all before it in the window:
 *
 *   perplexity = exp(m),  m = mean of -log p;   error = perplexity * sqrt((mean of squares - m^2) /
 * (n - 1))
 *
 * (llama.cpp, tools/perplexity).
 */
#include "command/command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "command/adapter_option.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define TEXT_MOST ((size_t)1 << 30) /* bytes */
enum { USUAL_CONTEXT = 512, LEAST_WINDOW = 3 /* scores one token */ };

struct evaluation {
    primer_session *session;
    int32_t *ids;
    size_t count, window, windows;
    int32_t beginning; /* put first in each window; -1: none */
    struct progress progress;
    double sum, squares; /* of -log p */
    size_t scored;
    size_t windows_done;
    double seconds;
};

static double mean(const struct evaluation *work)
{
    return work->scored == 0 ? 0 : work->sum / (double)work->scored;
}

static double perplexity(const struct evaluation *work)
{
    return exp(mean(work));
}

static double uncertainty(const struct evaluation *work)
{
    if (work->scored < 2)
        return 0;
    const double m = mean(work), variance = work->squares / (double)work->scored - m * m;
    return variance > 0 ? perplexity(work) * sqrt(variance / (double)(work->scored - 1)) : 0;
}

static bool take_score(void *context, const primer_score *score)
{
    struct evaluation *work = context;
    if (!isnan(score->next_logprob)) {
        work->sum -= score->next_logprob;
        work->squares += score->next_logprob * score->next_logprob;
        work->scored++;
    }
    char note[64];
    snprintf(note, sizeof note, "perplexity %.4f", perplexity(work));
    progress_step(&work->progress, work->windows_done * work->window + score->position + 1,
                  work->windows * work->window, note);
    return true;
}

static primer_status score_windows(struct evaluation *work, primer_error *error)
{
    for (; work->windows_done < work->windows; work->windows_done++) {
        int32_t *ids = work->ids + work->windows_done * work->window;
        const int32_t first = ids[0];
        if (work->beginning >= 0)
            ids[0] = work->beginning;
        const primer_status status = primer_session_score(
            work->session, ids, work->window, work->window / 2, 0, take_score, work, error);
        ids[0] = first;
        FORWARD(status);
    }
    return PRIMER_OK;
}

/* The file asks for a beginning token where an empty text has one. */
static primer_status find_beginning(const primer_model *model, struct evaluation *work,
                                    primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(primer_tokenize(model, "", 0, PRIMER_TEXT_BOS, &ids, &count, error));
    work->beginning = count == 1 ? ids[0] : -1;
    primer_free(ids);
    return PRIMER_OK;
}

static primer_status read_tokens(const struct settings *settings, const primer_model *model,
                                 const char *path, struct evaluation *work, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(find_beginning(model, work, error));
    TRY(file_read(path, TEXT_MOST, &text, error));
    TRY(primer_tokenize(model, text.length > 0 ? text.bytes : "", text.length,
                        PRIMER_TEXT_BOS | (settings->special ? PRIMER_TEXT_SPECIAL : 0U),
                        &work->ids, &work->count, error));
    work->windows = work->count / work->window;
    if (work->windows == 0)
        FAIL(PRIMER_EINVAL,
             "%s: %zu tokens, expected at least a window of %zu (-c N takes another size)", path,
             work->count, work->window);
    if (settings->chunks > 0 && settings->chunks < work->windows)
        work->windows = settings->chunks;

cleanup:
    buffer_free(&text);
    return status;
}

/* Without -c: 512 as llama.cpp has it, or what the model was trained with where that is less. */
static void choose_window(struct settings *settings, const primer_model *model)
{
    size_t *context = &settings->parameters.session.context;
    const bool extended = settings->parameters.session.self_extend_group > 1;
    const size_t trained = primer_model_info(model)->context;
    if (*context == 0 && !extended)
        *context = trained > 0 && trained < USUAL_CONTEXT ? trained : USUAL_CONTEXT;
}

static primer_status write_result(const struct evaluation *work, bool json, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer out = {0};
    if (json)
        TRY(buffer_format(
            &out, error,
            "{\"perplexity\":%.9g,\"error\":%.6g,\"nll\":%.9g,\"context\":%zu,\"windows\":%zu,"
            "\"tokens\":%zu,\"scored\":%zu,\"seconds\":%.3f}\n",
            perplexity(work), uncertainty(work), mean(work), work->window, work->windows,
            work->count, work->scored, work->seconds));
    else
        TRY(buffer_format(
            &out, error, "perplexity %.4f +/- %.5f  (%zu tokens scored in %zu windows of %zu)\n",
            perplexity(work), uncertainty(work), work->scored, work->windows, work->window));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_model *model = NULL;
    struct evaluation work = {.beginning = -1};
    struct adapter_option adapters = {0};
    const size_t wanted = settings->parameters.session.context;
    if (wanted > 0 && wanted < LEAST_WINDOW)
        return command_misused(settings->command,
                               "-c: found %zu, expected at least %d: a smaller window has no token "
                               "to be scored",
                               wanted, LEAST_WINDOW);
    TRY(command_open_model(settings->arguments[0], settings, &model, error));
    choose_window(settings, model);
    TRY(adapter_option_open(settings, model, &adapters, error));
    TRY(primer_session_create(model, &settings->parameters.session, &work.session, error));
    work.window = primer_session_context(work.session);
    TRY(read_tokens(settings, model, settings->arguments[1], &work, error));
    work.progress = progress_begin("perplexity", "tokens");
    interrupt_target(work.session);
    const uint64_t begun = clock_nanoseconds();
    status = score_windows(&work, error);
    work.seconds = clock_seconds_since(begun);
    progress_end(&work.progress);
    if (status == PRIMER_OK)
        status = write_result(&work, settings->json, error);

cleanup:
    primer_free(work.ids);
    const int code = status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
    interrupt_target(NULL);
    primer_session_free(work.session);
    adapter_option_close(&adapters);
    primer_model_free(model);
    return code;
}

const struct command command_perplexity = {
    .name = "perplexity",
    .group = "Measure",
    .arguments = "MODEL FILE",
    .summary = "how well a model predicts a text, as llama.cpp counts it",
    .teaching = "Examples\n"
                "  primer perplexity phi-2.gguf wiki.test.raw\n"
                "  primer perplexity phi-2.gguf wiki.test.raw -c 2048 --chunks 20 --json\n"
                "  primer perplexity phi-2.gguf book.txt -c 8192 --self-extend 8,512\n\n"
                "The text is cut into windows of the context's size (-c, 512 without it); the "
                "second half of\n"
                "each is scored. FILE may be - for standard input.\n",
    .bit = COMMAND_PERPLEXITY,
    .least = 2,
    .most = 2,
    .run = run,
};
