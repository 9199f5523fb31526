/* openai_completion_stream.c - completions as server-sent events: one prompt after the other.
 *
 *   data: {..., "choices": [{"index", "text", "logprobs", "finish_reason": null}]}
 *   data: the last of each choice, with its finish_reason      data: usage      data: [DONE]
 */
#include "server/openai_completion.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "server/openai_legacy.h"
#include "server/openai_write.h"

struct choice {
    struct openai_legacy legacy; /* tokens that wait for a chunk */
    size_t offset;               /* characters before what comes next */
    primer_stop_reason reason;
};

struct stream {
    struct openai_completion *completion;
    struct openai_rating rating;
    size_t prompt;
    struct buffer line, head;
    struct choice choices[ANSWER_CHOICES_MOST];
    primer_status status; /* of the sink's own */
    primer_error error;
};

static primer_status send(struct stream *s)
{
    return exchange_stream_write(s->completion->request.exchange, s->line.bytes, s->line.length,
                                 &s->error);
}

static primer_status begin_line(struct stream *s)
{
    buffer_clear(&s->line);
    return buffer_append(&s->line, s->head.bytes, s->head.length, &s->error);
}

/* A chunk, its end (`after`) from the finish_reason on. */
static primer_status send_chunk(struct stream *s, size_t index, const char *text, size_t length,
                                const char *reason, const char *after)
{
    struct choice *choice = &s->choices[index];
    const size_t number = s->prompt * s->completion->wanted + index;
    FORWARD(begin_line(s));
    FORWARD(buffer_format(&s->line, &s->error, "\"choices\":[{\"index\":%zu,\"text\":", number));
    FORWARD(buffer_json_string(&s->line, text, length, &s->error));
    FORWARD(buffer_text(&s->line, ",\"logprobs\":", &s->error));
    if (choice->legacy.tokens.length > 0)
        FORWARD(openai_legacy_write(&choice->legacy, &s->line, &s->error));
    else
        FORWARD(buffer_text(&s->line, "null", &s->error));
    FORWARD(buffer_format(&s->line, &s->error, ",\"finish_reason\":%s}]%s%s}\n\n", reason,
                          s->completion->request.include_usage ? ",\"usage\":null" : "", after));
    return send(s);
}

static primer_status start(struct stream *s)
{
    struct openai_completion *c = s->completion;
    primer_status status = PRIMER_OK;
    char *text = NULL;
    size_t length = 0;
    primer_error *error = &s->error;
    if (!exchange_streaming(c->request.exchange))
        TRY(exchange_stream_begin(c->request.exchange, "text/event-stream", error));
    TRY(openai_completion_prompt_text(c, s->prompt, &text, &length, error));
    for (size_t i = 0; i < c->wanted; i++) {
        s->choices[i].offset = openai_legacy_characters(text, length);
        if (!c->echo)
            continue;
        if (s->rating.count > 0)
            TRY(openai_legacy_add(&s->choices[i].legacy, c->request.use.model, s->rating.tokens,
                                  s->rating.count, text, length, 0, error));
        TRY(send_chunk(s, i, text, length, "null", ""));
    }

cleanup:
    primer_free(text);
    return status;
}

static primer_status keep_token(struct stream *s, const struct answer_event *event)
{
    struct choice *choice = &s->choices[event->choice];
    const primer_generated *t = event->token;
    if (!s->completion->request.answer.logprobs)
        return PRIMER_OK;
    /* Offsets go by the tokens' own bytes: their text may come later. */
    const struct collected_token token = {
        t->id, t->logprob, memory_allocate(t->top_count, sizeof *t->top), t->top_count};
    if (token.top == NULL)
        return memory_failure(&s->error, "log-probabilities", t->top_count);
    if (t->top_count > 0)
        memcpy(token.top, t->top, t->top_count * sizeof *t->top);
    size_t length = 0;
    const char *bytes = primer_token_bytes(s->completion->request.use.model, t->id, &length);
    const primer_status status =
        openai_legacy_add(&choice->legacy, s->completion->request.use.model, &token, 1, bytes,
                          length, choice->offset, &s->error);
    choice->offset += openai_legacy_characters(bytes, length);
    memory_free(token.top);
    return status;
}

static primer_status take(struct stream *s, const struct answer_event *event)
{
    switch (event->kind) {
    case ANSWER_START:
        return start(s);
    case ANSWER_TOKEN:
        return keep_token(s, event);
    case ANSWER_CONTENT:
        return send_chunk(s, event->choice, event->text, event->length, "null", "");
    case ANSWER_PING:
        return exchange_stream_write(s->completion->request.exchange, ":\n\n", 3, &s->error);
    case ANSWER_PROGRESS:
        FORWARD(begin_line(s));
        FORWARD(buffer_format(&s->line, &s->error,
                              "\"choices\":[],\"prompt_progress\":{\"total\":%zu,\"cache\":%zu,"
                              "\"processed\":%zu}}\n\n",
                              event->total, event->cached, event->done));
        return send(s);
    case ANSWER_FINISH:
        s->choices[event->choice].reason = event->reason;
        return PRIMER_OK;
    default:
        return PRIMER_OK;
    }
}

static bool sink(void *context, const struct answer_event *event)
{
    struct stream *s = context;
    s->status = take(s, event);
    return s->status == PRIMER_OK;
}

static primer_status finish(struct stream *s, const struct answer_usage *usage)
{
    struct openai_completion *c = s->completion;
    struct buffer after = {0};
    primer_status status = PRIMER_OK;
    primer_error *error = &s->error;
    for (size_t i = 0; i < c->wanted; i++) {
        char reason[24];
        snprintf(reason, sizeof reason, "\"%s\"",
                 openai_write_finish_reason(s->choices[i].reason, 0));
        if (i + 1 == c->wanted) {
            TRY(buffer_text(&after, ",", error));
            TRY(openai_write_timings(&after, usage, error));
            TRY(openai_write_warnings(&after, c->request.warnings, error));
        }
        TRY(send_chunk(s, i, "", 0, reason, after.bytes == NULL ? "" : after.bytes));
    }
    c->usage.prompt_tokens += usage->prompt_tokens;
    c->usage.cached_tokens += usage->cached_tokens;
    c->usage.answer_tokens += usage->answer_tokens;

cleanup:
    buffer_free(&after);
    return status;
}

/* A prompt that is only echoed. */
static primer_status echo_alone(struct stream *s, struct answer_usage *usage)
{
    const struct answer_event event = {.kind = ANSWER_START};
    *usage = (struct answer_usage){.prompt_tokens = s->completion->prompts.list[s->prompt].count,
                                   .prompt_seconds = s->rating.seconds};
    for (size_t i = 0; i < s->completion->wanted; i++)
        s->choices[i].reason = PRIMER_STOP_LENGTH;
    return take(s, &event);
}

static primer_status stream_prompt(struct stream *s, primer_error *error)
{
    struct openai_completion *c = s->completion;
    struct answer_request *answer = &c->request.answer;
    struct answer_usage usage;
    primer_status status = PRIMER_OK;
    answer->ids = c->prompts.list[s->prompt].ids;
    answer->count = c->prompts.list[s->prompt].count;
    for (size_t i = 0; i < ANSWER_CHOICES_MOST; i++)
        s->choices[i].legacy.top = answer->top_logprobs;
    if (c->echo && answer->logprobs)
        FORWARD(openai_completion_rate(c, s->prompt, &s->rating, error));
    if (c->echo && c->request.max_tokens == 0)
        s->status = status = echo_alone(s, &usage);
    else
        status = server_answer_run(c->request.exchange, answer, sink, s, &usage, error);
    if (status == PRIMER_OK)
        s->status = status = finish(s, &usage);
    if (s->status != PRIMER_OK) {
        status = s->status;
        *error = s->error;
    }
    openai_completion_rating_free(&s->rating);
    return status;
}

static primer_status write_head(struct stream *s, primer_error *error)
{
    const struct openai_request *r = &s->completion->request;
    FORWARD(buffer_format(&s->head, error,
                          "data: {\"id\":\"%s\",\"object\":\"text_completion\",\"created\":%lld,"
                          "\"model\":",
                          r->id, (long long)r->created));
    FORWARD(buffer_json_string(&s->head, r->name, strlen(r->name), error));
    return buffer_text(&s->head, ",\"system_fingerprint\":\"fp_primer\",", error);
}

static primer_status stream_end(struct stream *s)
{
    const struct openai_request *r = &s->completion->request;
    if (r->include_usage) {
        FORWARD(begin_line(s));
        FORWARD(buffer_text(&s->line, "\"choices\":[],", &s->error));
        FORWARD(openai_write_usage(&s->line, &s->completion->usage, &s->error));
        FORWARD(buffer_text(&s->line, "}\n\n", &s->error));
        FORWARD(send(s));
    }
    exchange_set_usage(r->exchange, s->completion->usage.prompt_tokens,
                       s->completion->usage.answer_tokens);
    return exchange_stream_write(r->exchange, "data: [DONE]\n\n", 14, &s->error);
}

primer_status openai_completion_stream(struct openai_completion *completion, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct stream *s = memory_allocate(1, sizeof *s);
    if (s == NULL)
        return memory_failure(error, "a stream", sizeof *s);
    s->completion = completion;
    TRY(write_head(s, error));
    for (; s->prompt < completion->prompts.count; s->prompt++)
        TRY(stream_prompt(s, error));
    status = stream_end(s);
    if (status != PRIMER_OK)
        *error = s->error;

cleanup:
    openai_completion_rating_free(&s->rating);
    for (size_t i = 0; i < ANSWER_CHOICES_MOST; i++)
        openai_legacy_free(&s->choices[i].legacy);
    buffer_free(&s->line);
    buffer_free(&s->head);
    memory_free(s);
    return status;
}
