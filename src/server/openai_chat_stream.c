/* openai_chat_stream.c - see openai_chat_stream.h.
 *
 *   data: {..., "object": "chat.completion.chunk", "choices": [{"index", "delta", "logprobs",
 *           "finish_reason": null}], "usage": null?}
 *   ...
 *   data: the last one of each choice: an empty delta and its finish_reason; timings in the last
 *   data: {"choices": [], "usage"}   where stream_options.include_usage asked for it
 *   data: [DONE]
 *
 * Tokens wait for the next chunk of their choice, since a token may have no text of its own.
 */
#include "server/openai_chat_stream.h"

#include <string.h>

#include "base/memory.h"
#include "server/openai_write.h"

struct choice {
    struct buffer tokens; /* "{...},{...}" of logprobs.content that wait for a chunk */
    primer_stop_reason reason;
    size_t calls;
};

struct stream {
    struct openai_request *request;
    struct buffer line, head; /* head: what all chunks begin with */
    struct choice choices[ANSWER_CHOICES_MOST];
    primer_status status; /* of the sink's own */
    primer_error error;
};

static primer_status send(struct stream *s)
{
    return exchange_stream_write(s->request->exchange, s->line.bytes, s->line.length, &s->error);
}

static primer_status begin_line(struct stream *s)
{
    buffer_clear(&s->line);
    return buffer_append(&s->line, s->head.bytes, s->head.length, &s->error);
}

static primer_status write_logprobs(struct stream *s, struct choice *choice)
{
    if (!s->request->answer.logprobs || choice->tokens.length == 0)
        return buffer_text(&s->line, ",\"logprobs\":null", &s->error);
    FORWARD(buffer_text(&s->line, ",\"logprobs\":{\"content\":[", &s->error));
    FORWARD(buffer_append(&s->line, choice->tokens.bytes, choice->tokens.length, &s->error));
    buffer_clear(&choice->tokens);
    return buffer_text(&s->line, "],\"refusal\":null}", &s->error);
}

/* A chunk whose delta is `before`, the text as a JSON string (NULL: none), and `after`. */
static primer_status send_delta(struct stream *s, size_t index, const char *before,
                                const char *text, size_t length, const char *after)
{
    FORWARD(begin_line(s));
    FORWARD(buffer_format(&s->line, &s->error, "\"choices\":[{\"index\":%zu,\"delta\":{%s", index,
                          before));
    if (text != NULL)
        FORWARD(buffer_json_string(&s->line, text, length, &s->error));
    FORWARD(buffer_format(&s->line, &s->error, "%s}", after));
    FORWARD(write_logprobs(s, &s->choices[index]));
    FORWARD(buffer_format(&s->line, &s->error, ",\"finish_reason\":null}]%s}\n\n",
                          s->request->include_usage ? ",\"usage\":null" : ""));
    return send(s);
}

static primer_status start(struct stream *s)
{
    FORWARD(exchange_stream_begin(s->request->exchange, "text/event-stream", &s->error));
    for (size_t i = 0; i < s->request->answer.choices; i++)
        FORWARD(send_delta(s, i, "\"role\":\"assistant\",\"content\":\"\"", NULL, 0, ""));
    return PRIMER_OK;
}

static primer_status send_call(struct stream *s, const struct answer_event *event)
{
    struct buffer before = {0};
    char id[32];
    openai_write_call_id(id);
    primer_status status = buffer_format(&before, &s->error,
                                         "\"tool_calls\":[{\"index\":%zu,\"id\":\"%s\",\"type\":"
                                         "\"function\",\"function\":{\"name\":",
                                         event->call, id);
    if (status == PRIMER_OK)
        status = send_delta(s, event->choice, before.bytes, event->text, event->length,
                            ",\"arguments\":\"\"}}]");
    buffer_free(&before);
    return status;
}

static primer_status send_arguments(struct stream *s, const struct answer_event *event)
{
    struct buffer before = {0};
    primer_status status =
        buffer_format(&before, &s->error,
                      "\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", event->call);
    if (status == PRIMER_OK)
        status = send_delta(s, event->choice, before.bytes, event->text, event->length, "}}]");
    buffer_free(&before);
    return status;
}

static primer_status send_progress(struct stream *s, const struct answer_event *event)
{
    FORWARD(begin_line(s));
    FORWARD(buffer_format(&s->line, &s->error,
                          "\"choices\":[],\"prompt_progress\":{\"total\":%zu,\"cache\":%zu,"
                          "\"processed\":%zu}}\n\n",
                          event->total, event->cached, event->done));
    return send(s);
}

static primer_status keep_token(struct stream *s, const struct answer_event *event)
{
    const struct openai_request *r = s->request;
    struct buffer *out = &s->choices[event->choice].tokens;
    const primer_generated *token = event->token;
    if (!r->answer.logprobs)
        return PRIMER_OK;
    if (out->length > 0)
        FORWARD(buffer_text(out, ",", &s->error));
    const size_t top =
        token->top_count < r->answer.top_logprobs ? token->top_count : r->answer.top_logprobs;
    return openai_write_token(out, r->use.model, token->id, token->logprob, token->top, top,
                              &s->error);
}

static primer_status take(struct stream *s, const struct answer_event *event)
{
    switch (event->kind) {
    case ANSWER_START:
        return start(s);
    case ANSWER_PROGRESS:
        return send_progress(s, event);
    case ANSWER_PING:
        return exchange_stream_write(s->request->exchange, ":\n\n", 3, &s->error);
    case ANSWER_TOKEN:
        return keep_token(s, event);
    case ANSWER_CONTENT:
        return send_delta(s, event->choice, "\"content\":", event->text, event->length, "");
    case ANSWER_THINKING:
        return send_delta(s, event->choice, "\"reasoning_content\":", event->text, event->length,
                          "");
    case ANSWER_CALL:
        return send_call(s, event);
    case ANSWER_CALL_ARGUMENTS:
        return send_arguments(s, event);
    case ANSWER_CALL_END:
        return PRIMER_OK;
    case ANSWER_FINISH:
        s->choices[event->choice].reason = event->reason;
        s->choices[event->choice].calls = event->calls;
        return PRIMER_OK;
    }
    return PRIMER_OK;
}

static bool sink(void *context, const struct answer_event *event)
{
    struct stream *s = context;
    s->status = take(s, event);
    return s->status == PRIMER_OK;
}

static primer_status send_finish(struct stream *s, size_t index, const struct answer_usage *usage)
{
    struct choice *choice = &s->choices[index];
    const bool last = index + 1 == s->request->answer.choices;
    FORWARD(begin_line(s));
    FORWARD(buffer_format(&s->line, &s->error, "\"choices\":[{\"index\":%zu,\"delta\":{}", index));
    FORWARD(write_logprobs(s, choice));
    FORWARD(buffer_format(&s->line, &s->error, ",\"finish_reason\":\"%s\"}]%s",
                          openai_write_finish_reason(choice->reason, choice->calls),
                          s->request->include_usage ? ",\"usage\":null" : ""));
    if (last) {
        FORWARD(buffer_text(&s->line, ",", &s->error));
        FORWARD(openai_write_timings(&s->line, usage, &s->error));
        FORWARD(openai_write_warnings(&s->line, s->request->warnings, &s->error));
    }
    FORWARD(buffer_text(&s->line, "}\n\n", &s->error));
    return send(s);
}

static primer_status finish(struct stream *s, const struct answer_usage *usage)
{
    for (size_t i = 0; i < s->request->answer.choices; i++)
        FORWARD(send_finish(s, i, usage));
    if (s->request->include_usage) {
        FORWARD(begin_line(s));
        FORWARD(buffer_text(&s->line, "\"choices\":[],", &s->error));
        FORWARD(openai_write_usage(&s->line, usage, &s->error));
        FORWARD(buffer_text(&s->line, "}\n\n", &s->error));
        FORWARD(send(s));
    }
    return exchange_stream_write(s->request->exchange, "data: [DONE]\n\n", 14, &s->error);
}

static primer_status write_head(struct stream *s, primer_error *error)
{
    const struct openai_request *r = s->request;
    FORWARD(buffer_format(&s->head, error,
                          "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":"
                          "%lld,\"model\":",
                          r->id, (long long)r->created));
    FORWARD(buffer_json_string(&s->head, r->name, strlen(r->name), error));
    return buffer_text(&s->head, ",\"system_fingerprint\":\"fp_primer\",", error);
}

primer_status openai_chat_stream(struct openai_request *request, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct answer_usage usage;
    struct stream *s = memory_allocate(1, sizeof *s);
    if (s == NULL)
        return memory_failure(error, "a stream", sizeof *s);
    s->request = request;
    TRY(write_head(s, error));
    status = server_answer_run(request->exchange, &request->answer, sink, s, &usage, error);
    if (status == PRIMER_OK)
        s->status = status = finish(s, &usage);
    if (s->status != PRIMER_OK) {
        status = s->status;
        *error = s->error;
    }

cleanup:
    for (size_t i = 0; i < ANSWER_CHOICES_MOST; i++)
        buffer_free(&s->choices[i].tokens);
    buffer_free(&s->line);
    buffer_free(&s->head);
    memory_free(s);
    return status;
}
