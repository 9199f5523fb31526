/* answer.c - reading the prompt, streaming the answer, and its figures.
 *
 * White space is trimmed at the beginning only: the text of a piece that is all white space is held
 * until something else comes. The engine hands out whole characters, so nothing is cut here.
 */
#include "terminal/answer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

/* The first id that means something else, or that only one of them has; -1: there is none. */
static int32_t first_difference(const primer_model *a, const primer_model *b)
{
    for (int32_t id = 0;; id++) {
        size_t length = 0, other = 0;
        const char *bytes = primer_token_bytes(a, id, &length),
                   *others = primer_token_bytes(b, id, &other);
        if (bytes == NULL && others == NULL)
            return -1;
        if (bytes == NULL || others == NULL || length != other ||
            memcmp(bytes, others, length) != 0)
            return id;
    }
}

primer_status answer_open_draft(primer_model *model, const primer_session *session,
                                primer_session **draft, primer_error *error)
{
    *draft = NULL;
    if (model == NULL)
        return PRIMER_OK;
    const primer_model *large = primer_session_model(session);
    const primer_model_information *about = primer_model_info(model);
    const int32_t id = first_difference(model, large);
    if (id >= 0)
        return error_set(error, PRIMER_EINVAL,
                         "%s: its vocabulary differs from that of %s (at token %d): it can't guess "
                         "for it",
                         about->path, primer_model_info(large)->path, id);
    primer_session_options options = {.context = primer_session_context(session)};
    if (options.context > about->context)
        options.context = about->context;
    return primer_session_create(model, &options, draft, error);
}

#define LAST_TOKENS 16 /* of a prompt: more than any mark of thinking has */

struct stream {
    struct answer *answer;
    primer_error *error;
    primer_status status;
    bool trim;                   /* nothing but white space was written so far */
    primer_chat_reader *reader;  /* tells thinking from the answer; NULL: all is answer */
    bool show_thinking, thought; /* thinking stands on the screen, and no answer yet */
    bool inside, may_think;      /* the prompt ended inside a thinking part; one may begin */
};

static bool put(struct stream *stream, const char *text, size_t length)
{
    stream->answer->ends_line = text[length - 1] == '\n';
    stream->status = output_write(text, length, stream->error);
    return stream->status == PRIMER_OK;
}

static bool flush(struct stream *stream)
{
    stream->status = output_flush(stream->error);
    return stream->status == PRIMER_OK;
}

static bool say(struct stream *stream, const char *text, size_t length)
{
    stream->status = buffer_append(&stream->answer->text, text, length, stream->error);
    for (; stream->trim && length > 0 && strchr(" \n\t\r", *text) != NULL; length--)
        text++;
    if (length == 0 || stream->status != PRIMER_OK)
        return stream->status == PRIMER_OK;
    stream->trim = false;
    if (stream->thought && !put(stream, "\n\n", 2))
        return false;
    stream->thought = false;
    return put(stream, text, length) && flush(stream);
}

static bool think(struct stream *stream, const char *text, size_t length)
{
    const char *const dim = render_style(STDOUT_FILENO, RENDER_DIM), *const plain =
                                                                         render_style(STDOUT_FILENO,
                                                                                      RENDER_PLAIN);
    if (!stream->show_thinking)
        return true;
    stream->thought = true;
    stream->status = output_text(dim, stream->error);
    if (stream->status != PRIMER_OK || !put(stream, text, length))
        return false;
    stream->status = output_text(plain, stream->error);
    return stream->status == PRIMER_OK && flush(stream);
}

static bool take_part(void *context, const primer_chat_part *part)
{
    return part->kind == PRIMER_CHAT_THINKING ? think(context, part->text, part->length)
                                              : say(context, part->text, part->length);
}

static bool show(void *context, const primer_generated *generated)
{
    struct stream *const stream = context;
    if (generated->length == 0)
        return true;
    return stream->reader == NULL ? say(stream, generated->text, generated->length)
                                  : primer_chat_reader_feed(stream->reader, generated->text,
                                                            generated->length, take_part, stream);
}

/* Whether the prompt's last tokens open a thinking part, or leave it to the answer. */
static primer_status prompt_thinks(const struct answer_request *request, struct stream *stream,
                                   primer_error *error)
{
    const size_t count = request->count < LAST_TOKENS ? request->count : LAST_TOKENS;
    char *text = NULL;
    size_t length = 0;
    FORWARD(primer_detokenize(primer_session_model(request->session),
                              request->ids + request->count - count, count,
                              PRIMER_TEXT_SPECIAL | PRIMER_TEXT_CONTINUE, &text, &length, error));
    stream->inside = primer_chat_format_thinking_open(request->format, text, length);
    stream->may_think =
        !stream->inside && !primer_chat_format_thinking_closed(request->format, text, length);
    primer_free(text);
    return PRIMER_OK;
}

static bool shows_thinking(const struct answer_request *request)
{
    const enum parameters_think think = request->parameters->think;
    return think == PARAMETERS_THINK_SHOW ||
           (think == PARAMETERS_THINK_AUTO && output_is_terminal());
}

/* A reader only where the format has thinking: all other text is handed on untouched. */
static primer_status open_reader(const struct answer_request *request, struct stream *stream,
                                 primer_error *error)
{
    if (request->format == NULL || !primer_chat_format_thinks(request->format))
        return PRIMER_OK;
    FORWARD(prompt_thinks(request, stream, error));
    stream->show_thinking = shows_thinking(request);
    return primer_chat_reader_create(request->format, false, stream->inside, &stream->reader,
                                     error);
}

/* The format's stop strings and the user's, one after the other. */
static primer_status join_stops(const struct answer_request *request, const char ***stops,
                                size_t *count, primer_error *error)
{
    size_t own = 0;
    const char *const *format_stops =
        request->format == NULL || request->constraint != NULL
            ? NULL /* such an answer ends by itself, and may hold these texts */
            : primer_chat_format_stops(request->format, &own);
    const size_t given = request->parameters->stop_count;
    const char **joined = memory_allocate(own + given, sizeof *joined);
    if (joined == NULL)
        return memory_failure(error, "the stop strings", (own + given) * sizeof *joined);
    for (size_t i = 0; i < own; i++)
        joined[i] = format_stops[i];
    for (size_t i = 0; i < given; i++)
        joined[own + i] = request->parameters->stops[i];
    *stops = joined;
    *count = own + given;
    return PRIMER_OK;
}

/* The result's stop points into the joined list; the text itself outlives it. */
static primer_status generate(const struct answer_request *request, struct answer *answer,
                              primer_error *error)
{
    const char **stops = NULL;
    size_t stop_count = 0;
    struct stream stream = {.answer = answer,
                            .error = error,
                            .status = PRIMER_OK,
                            .trim = request->trim && request->constraint == NULL};
    FORWARD(join_stops(request, &stops, &stop_count, error));
    primer_status status = open_reader(request, &stream, error);
    const primer_generation generation = {
        .sampler = request->sampler,
        .draft = request->parameters->speculation ? request->draft : NULL,
        .no_speculation = !request->parameters->speculation,
        .max_tokens =
            request->parameters->max_tokens > 0 ? (size_t)request->parameters->max_tokens : 0,
        .stops = stops,
        .stop_count = stop_count,
        .ignore_end = request->parameters->ignore_end,
        .constraint = request->constraint,
        .constraint_after = stream.inside || stream.may_think
                                ? primer_chat_format_thinking_end(request->format)
                                : NULL,
        .constraint_opening =
            stream.may_think ? primer_chat_format_thinking_begin(request->format) : NULL,
        .special = stream.reader != NULL, /* the marks may be control tokens */
        .callback = show,
        .context = &stream,
    };
    primer_generation_result result = {0};
    if (status == PRIMER_OK)
        status = primer_generate(request->session, &generation, &result, error);
    if (status == PRIMER_OK && stream.reader != NULL)
        primer_chat_reader_end(stream.reader, take_part, &stream);
    primer_chat_reader_free(stream.reader);
    memory_free(stops);
    if (status != PRIMER_OK)
        return status;
    answer->reason = result.reason;
    answer->stop = result.stop;
    answer->tokens = result.tokens;
    answer->drafted_tokens = result.drafted_tokens;
    answer->accepted_tokens = result.accepted_tokens;
    answer->generate_seconds = result.seconds;
    answer->first_seconds += result.first_seconds;
    return stream.status;
}

/* A Ctrl-C that came when the last answer was just complete cancels the next call: that one is
 * repeated. */
static primer_status read_prompt(const struct answer_request *request, primer_error *error)
{
    struct progress progress = progress_begin("reading the prompt", "tokens");
    primer_status status;
    size_t attempts = 0;
    do {
        status = primer_session_sync(request->session, request->ids, request->count,
                                     progress_prompt, &progress, error);
    } while (status == PRIMER_ECANCELED && !interrupt_seen() && attempts++ == 0);
    progress_end(&progress);
    return status;
}

static void keep_figures(struct answer *answer, const primer_session *session,
                         const primer_statistics *before)
{
    primer_statistics after;
    primer_session_statistics(session, &after);
    answer->prompt_tokens = after.prompt_tokens - before->prompt_tokens;
    answer->reused_tokens = after.reused_tokens - before->reused_tokens;
    answer->restored_tokens = after.restored_tokens - before->restored_tokens;
    answer->dropped_tokens = after.dropped_tokens - before->dropped_tokens;
    answer->prompt_seconds = after.prompt_seconds - before->prompt_seconds;
}

primer_status answer_write(const struct answer_request *request, struct answer *answer,
                           primer_error *error)
{
    *answer = (struct answer){.reason = PRIMER_STOP_LENGTH, .ends_line = true};
    primer_statistics before;
    primer_session_statistics(request->session, &before);
    const uint64_t begun = clock_nanoseconds(), cpu = clock_cpu_nanoseconds();
    interrupt_target(request->session);
    primer_status status = read_prompt(request, error);
    answer->first_seconds = clock_seconds_since(begun);
    if (status == PRIMER_OK && request->parameters->max_tokens != 0)
        status = generate(request, answer, error);
    if (interrupt_seen())
        answer->reason = PRIMER_STOP_CANCELED;
    interrupt_target(NULL);
    answer->seconds = clock_seconds_since(begun);
    answer->cpu_seconds = (double)(clock_cpu_nanoseconds() - cpu) * 1e-9;
    keep_figures(answer, request->session, &before);
    return status;
}

void answer_free(struct answer *answer)
{
    buffer_free(&answer->text);
}

/* ---- what is said about it ------------------------------------------------------------------- */

static double speed(uint64_t tokens, double seconds)
{
    return tokens > 0 && seconds > 0 ? (double)tokens / seconds : 0;
}

/* What was dropped, and why it ended, without the last newline. */
static void print_reason(const struct answer *answer)
{
    if (answer->dropped_tokens > 0)
        fprintf(stderr, "dropped      %llu tokens\n", (unsigned long long)answer->dropped_tokens);
    fprintf(stderr, "stopped by   %s", primer_stop_reason_name(answer->reason));
    if (answer->stop != NULL) {
        char shown[64];
        fprintf(stderr, " \"%s\"",
                error_printable(answer->stop, strlen(answer->stop), shown, sizeof shown));
    }
}

void answer_print_statistics(const struct answer *answer, const primer_session *session)
{
    const char *dim = render_style(STDERR_FILENO, RENDER_DIM),
               *plain = render_style(STDERR_FILENO, RENDER_PLAIN);
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT];
    primer_statistics now;
    primer_session_statistics(session, &now);
    fprintf(stderr, "%sfirst token  %s\n", dim, render_duration(answer->first_seconds, a));
    fprintf(stderr,
            "prompt       %llu tokens read, %llu from memory, %llu from disk, %.1f tokens/s\n",
            (unsigned long long)answer->prompt_tokens,
            (unsigned long long)(answer->reused_tokens - answer->restored_tokens),
            (unsigned long long)answer->restored_tokens,
            speed(answer->prompt_tokens, answer->prompt_seconds));
    fprintf(stderr, "answer       %zu tokens, %.1f tokens/s", answer->tokens,
            speed(answer->tokens, answer->generate_seconds));
    if (answer->drafted_tokens > 0)
        fprintf(stderr, ", %zu of %zu guessed right", answer->accepted_tokens,
                answer->drafted_tokens);
    fputc('\n', stderr);
    fprintf(stderr, "processor    %s in %s\n", render_duration(answer->cpu_seconds, a),
            render_duration(answer->seconds, b));
    fprintf(stderr, "memory       %s, of it KV cache %s, scratch %s\n",
            render_bytes(cpu_memory_resident(), a), render_bytes(now.kv_bytes, b),
            render_bytes(now.scratch_bytes, c));
    fprintf(stderr, "context      %s (%zu of %zu tokens)\n",
            render_gauge(now.tokens, now.context, 10, a), now.tokens, now.context);
    print_reason(answer);
    fprintf(stderr, "%s\n", plain);
}

void answer_print_ending(const struct answer *answer, const primer_session *session)
{
    const char *warn = render_style(STDERR_FILENO, RENDER_WARN),
               *plain = render_style(STDERR_FILENO, RENDER_PLAIN);
    const size_t context = primer_session_context(session);
    if (answer->dropped_tokens > 0)
        fprintf(
            stderr,
            "%sprimer: the context of %zu tokens was full: the oldest %llu tokens were dropped%s\n",
            warn, context, (unsigned long long)answer->dropped_tokens, plain);
    if (answer->reason == PRIMER_STOP_CONTEXT)
        fprintf(stderr, "%sprimer: the context of %zu tokens is full: the answer ends here%s\n",
                warn, context, plain);
}
