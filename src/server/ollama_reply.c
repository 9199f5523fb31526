/* ollama_reply.c - chunks of text, thoughts and calls; the statistics at the end.
 *
 *   {"model", "created_at", "message": {"role", "content"[, "thinking"][, "tool_calls"]}   chat
 *                           "response"[, "thinking"]                                       generate
 *    "done": false[, "logprobs"][, "prompt_progress"]}
 *   the last: "done": true, "done_reason"[, "context"], durations in nanoseconds, counts
 *             [, "truncated": {"dropped_messages", "dropped_tokens"}][, "warnings"]
 *
 * What came since the last object waits in `content`, `thinking`, `calls` and `logprobs`; a stream
 * sends an object with each event of text, another answer a single one at the end. A token's
 * log-probability goes with the next object that is sent: its text may have been held back. A call
 * is sent whole, with its arguments as an object.
 */
#include "server/ollama_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "server/json_dump.h"
#include "server/ollama_time.h"

enum { ID_LETTERS = 8, CALL_ID_BYTES = 16 };

struct reply {
    struct ollama_request *request;
    const struct ollama_answer *answer;
    struct buffer content, thinking, calls, logprobs; /* not sent yet; the last two: of an array */
    struct buffer text;                               /* all of the content, where it is needed */
    struct buffer name, arguments;                    /* of the call that is being written */
    struct buffer line;
    size_t call_count;
    bool in_call;
    primer_stop_reason reason;
    primer_status status; /* of what went wrong within the sink */
    primer_error error;
};

static void reply_free(struct reply *reply)
{
    struct buffer *const buffers[] = {&reply->content,   &reply->thinking, &reply->calls,
                                      &reply->logprobs,  &reply->text,     &reply->name,
                                      &reply->arguments, &reply->line};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        buffer_free(buffers[i]);
}

static const char *asked_name(const struct ollama_request *request)
{
    if (*request->target.name != '\0' || !request->in_use)
        return request->target.name;
    return request->use.entry->name;
}

/* ---- objects --------------------------------------------------------------------------------- */

static primer_status append_string(struct buffer *out, const char *name, const struct buffer *text,
                                   primer_error *error)
{
    FORWARD(buffer_format(out, error, "\"%s\":", name));
    return buffer_json_string(out, text->length > 0 ? text->bytes : "", text->length, error);
}

static primer_status append_head(struct buffer *out, const char *model, primer_error *error)
{
    char now[OLLAMA_TIME_BYTES];
    FORWARD(buffer_text(out, "{\"model\":", error));
    FORWARD(buffer_json_string(out, model, strlen(model), error));
    return buffer_format(out, error, ",\"created_at\":\"%s\",",
                         ollama_time_precise(clock_wall_nanoseconds(), now));
}

/* What waits, as message or response. */
static primer_status append_text(struct reply *reply, struct buffer *out, primer_error *error)
{
    const bool chat = reply->answer->chat;
    if (chat)
        FORWARD(buffer_text(out, "\"message\":{\"role\":\"assistant\",", error));
    FORWARD(append_string(out, chat ? "content" : "response", &reply->content, error));
    if (reply->thinking.length > 0) {
        FORWARD(buffer_text(out, ",", error));
        FORWARD(append_string(out, "thinking", &reply->thinking, error));
    }
    if (reply->calls.length > 0)
        FORWARD(buffer_format(out, error, ",\"tool_calls\":[%s]", reply->calls.bytes));
    return buffer_text(out, chat ? "}" : "", error);
}

/* An object without its end: head, text, done, log-probabilities. What waited is sent with it. */
static primer_status begin_object(struct reply *reply, bool done, primer_error *error)
{
    struct buffer *const out = &reply->line;
    buffer_clear(out);
    FORWARD(append_head(out, asked_name(reply->request), error));
    FORWARD(append_text(reply, out, error));
    FORWARD(buffer_format(out, error, ",\"done\":%s", done ? "true" : "false"));
    if (reply->logprobs.length > 0)
        FORWARD(buffer_format(out, error, ",\"logprobs\":[%s]", reply->logprobs.bytes));
    buffer_clear(&reply->content);
    buffer_clear(&reply->thinking);
    buffer_clear(&reply->calls);
    buffer_clear(&reply->logprobs);
    return PRIMER_OK;
}

static primer_status send_line(struct reply *reply, primer_error *error)
{
    FORWARD(buffer_text(&reply->line, "}\n", error));
    return exchange_stream_write(reply->request->exchange, reply->line.bytes, reply->line.length,
                                 error);
}

static primer_status flush(struct reply *reply, primer_error *error)
{
    if (!reply->request->stream)
        return PRIMER_OK;
    FORWARD(begin_object(reply, false, error));
    return send_line(reply, error);
}

static primer_status flush_progress(struct reply *reply, const struct answer_event *event,
                                    primer_error *error)
{
    FORWARD(begin_object(reply, false, error));
    FORWARD(buffer_format(&reply->line, error,
                          ",\"prompt_progress\":{\"total\":%zu,\"cache\":%zu,\"processed\":%zu}",
                          event->total, event->cached, event->done));
    return send_line(reply, error);
}

/* ---- log-probabilities ----------------------------------------------------------------------- */

static primer_status append_token(struct buffer *out, const primer_model *model, int32_t id,
                                  double logprob, primer_error *error)
{
    size_t length = 0;
    const char *const bytes = primer_token_bytes(model, id, &length);
    FORWARD(buffer_text(out, "{\"token\":", error));
    FORWARD(buffer_json_string(out, bytes != NULL ? bytes : "", length, error));
    FORWARD(buffer_format(out, error, ",\"logprob\":%.17g,\"bytes\":[",
                          logprob < -9999 ? -9999.0 : logprob));
    for (size_t i = 0; i < length; i++)
        FORWARD(
            buffer_format(out, error, "%s%u", i > 0 ? "," : "", (unsigned)(unsigned char)bytes[i]));
    return buffer_text(out, "]", error);
}

static primer_status take_token(struct reply *reply, const primer_generated *token,
                                primer_error *error)
{
    const primer_model *const model = reply->request->use.model;
    struct buffer *const out = &reply->logprobs;
    const size_t wanted = reply->request->top_logprobs;
    const size_t top = token->top_count < wanted ? token->top_count : wanted;
    if (!reply->request->logprobs || token->id < 0 || primer_token_ends(model, token->id))
        return PRIMER_OK;
    FORWARD(buffer_text(out, out->length > 0 ? "," : "", error));
    FORWARD(append_token(out, model, token->id, token->logprob, error));
    for (size_t i = 0; i < top; i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : ",\"top_logprobs\":[", error));
        FORWARD(append_token(out, model, token->top[i].id, token->top[i].logprob, error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_text(out, top > 0 ? "]}" : "}", error);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* "call_" and 8 letters or digits, of the request, the moment and the call. */
static void make_call_id(const struct reply *reply, char id[CALL_ID_BYTES])
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    const char *const request = exchange_id(reply->request->exchange);
    uint64_t bits = hash_bytes(request, strlen(request),
                               (uint64_t)clock_wall_nanoseconds() + reply->call_count);
    size_t length = (size_t)snprintf(id, CALL_ID_BYTES, "call_");
    for (size_t i = 0; i < ID_LETTERS; i++, bits /= sizeof letters - 1)
        id[length++] = letters[bits % (sizeof letters - 1)];
    id[length] = '\0';
}

static bool is_object(const struct buffer *text)
{
    json_t *const value = text->length > 0
                              ? json_loadb(text->bytes, text->length, JSON_DECODE_INT_AS_REAL, NULL)
                              : NULL;
    const bool object = json_is_object(value);
    json_decref(value);
    return object;
}

/* JSON text without white space between its parts: a line stays one line, a number its digits. */
static primer_status append_compact(struct buffer *out, const struct buffer *text,
                                    primer_error *error)
{
    bool inside = false, escaped = false;
    for (size_t i = 0; i < text->length; i++) {
        const char byte = text->bytes[i];
        if (inside || strchr(" \t\r\n", byte) == NULL)
            FORWARD(buffer_append(out, &byte, 1, error));
        if (byte == '"' && !escaped)
            inside = !inside;
        escaped = inside && byte == '\\' && !escaped;
    }
    return PRIMER_OK;
}

/* What was cut in the midst of its arguments can't be an object: it stays text. */
static primer_status end_call(struct reply *reply, primer_error *error)
{
    struct buffer *const out = &reply->calls;
    char id[CALL_ID_BYTES];
    reply->in_call = false;
    if (!is_object(&reply->arguments)) {
        FORWARD(buffer_append(&reply->content, reply->name.length > 0 ? reply->name.bytes : "",
                              reply->name.length, error));
        return buffer_append(&reply->content,
                             reply->arguments.length > 0 ? reply->arguments.bytes : "",
                             reply->arguments.length, error);
    }
    make_call_id(reply, id);
    FORWARD(buffer_format(out, error, "%s{\"id\":\"%s\",\"function\":{\"index\":%zu,",
                          out->length > 0 ? "," : "", id, reply->call_count));
    FORWARD(append_string(out, "name", &reply->name, error));
    FORWARD(buffer_text(out, ",\"arguments\":", error));
    FORWARD(append_compact(out, &reply->arguments, error));
    reply->call_count++;
    return buffer_text(out, "}}", error);
}

static primer_status take_call(struct reply *reply, const struct answer_event *event,
                               primer_error *error)
{
    if (event->kind == ANSWER_CALL) {
        FORWARD(reply->in_call ? end_call(reply, error) : PRIMER_OK);
        buffer_clear(&reply->name);
        buffer_clear(&reply->arguments);
        reply->in_call = true;
        return buffer_append(&reply->name, event->text, event->length, error);
    }
    if (event->kind == ANSWER_CALL_ARGUMENTS)
        return buffer_append(&reply->arguments, event->text, event->length, error);
    FORWARD(end_call(reply, error));
    return flush(reply, error);
}

/* ---- events ---------------------------------------------------------------------------------- */

static primer_status take_content(struct reply *reply, const struct answer_event *event,
                                  primer_error *error)
{
    FORWARD(reply->in_call ? end_call(reply, error) : PRIMER_OK);
    FORWARD(buffer_append(&reply->content, event->text, event->length, error));
    if (reply->answer->with_context)
        FORWARD(buffer_append(&reply->text, event->text, event->length, error));
    return event->length > 0 ? flush(reply, error) : PRIMER_OK;
}

static primer_status take(struct reply *reply, const struct answer_event *event,
                          primer_error *error)
{
    struct exchange *const exchange = reply->request->exchange;
    switch (event->kind) {
    case ANSWER_START:
        return reply->request->stream ? exchange_stream_begin(exchange, OLLAMA_STREAM_TYPE, error)
                                      : PRIMER_OK;
    case ANSWER_PROGRESS:
        return reply->request->stream ? flush_progress(reply, event, error) : PRIMER_OK;
    case ANSWER_TOKEN:
        return take_token(reply, event->token, error);
    case ANSWER_CONTENT:
        return take_content(reply, event, error);
    case ANSWER_THINKING:
        FORWARD(buffer_append(&reply->thinking, event->text, event->length, error));
        return event->length > 0 ? flush(reply, error) : PRIMER_OK;
    case ANSWER_CALL:
    case ANSWER_CALL_ARGUMENTS:
    case ANSWER_CALL_END:
        return take_call(reply, event, error);
    case ANSWER_FINISH:
        reply->reason = event->reason;
        return reply->in_call ? end_call(reply, error) : PRIMER_OK;
    case ANSWER_PING:
        return flush(reply, error);
    }
    return PRIMER_OK;
}

static bool sink(void *context, const struct answer_event *event)
{
    struct reply *const reply = context;
    if (!reply->request->stream && exchange_gone(reply->request->exchange))
        return false;
    reply->status = take(reply, event, &reply->error);
    return reply->status == PRIMER_OK;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What a later request may send back: the prompt's ids and those of the answer's text. */
static primer_status append_context(struct reply *reply, primer_error *error)
{
    const struct ollama_request *const request = reply->request;
    struct buffer *const out = &reply->line;
    int32_t *ids = NULL;
    size_t count = 0;
    primer_status status = PRIMER_OK;
    TRY(primer_tokenize(request->use.model, reply->text.length > 0 ? reply->text.bytes : "",
                        reply->text.length, PRIMER_TEXT_CONTINUE, &ids, &count, error));
    TRY(buffer_text(out, ",\"context\":[", error));
    for (size_t i = 0; i < request->count + count; i++)
        TRY(buffer_format(out, error, "%s%d", i > 0 ? "," : "",
                          i < request->count ? request->ids[i] : ids[i - request->count]));
    TRY(buffer_text(out, "]", error));
cleanup:
    primer_free(ids);
    return status;
}

primer_status ollama_reply_count(struct buffer *out, const char *name, int64_t number,
                                 primer_error *error)
{
    return number == 0 ? PRIMER_OK
                       : buffer_format(out, error, ",\"%s\":%lld", name, (long long)number);
}

static primer_status append_statistics(struct reply *reply, const struct answer_usage *usage,
                                       primer_error *error)
{
    const double total = clock_seconds_since(exchange_started(reply->request->exchange));
    const struct {
        const char *name;
        int64_t number;
    } members[] = {
        {"total_duration", ollama_time_nanoseconds(total)},
        {"load_duration", ollama_time_nanoseconds(usage->load_seconds)},
        {"prompt_eval_count", (int64_t)usage->prompt_tokens},
        {"prompt_eval_duration", ollama_time_nanoseconds(usage->prompt_seconds)},
        {"eval_count", (int64_t)usage->answer_tokens},
        {"eval_duration", ollama_time_nanoseconds(usage->generate_seconds)},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        FORWARD(ollama_reply_count(&reply->line, members[i].name, members[i].number, error));
    return PRIMER_OK;
}

static primer_status append_notes(struct reply *reply, const struct answer_usage *usage,
                                  primer_error *error)
{
    const struct ollama_request *const request = reply->request;
    const size_t tokens = request->dropped_tokens + usage->dropped_tokens;
    if (request->dropped_messages > 0 || tokens > 0)
        FORWARD(buffer_format(&reply->line, error,
                              ",\"truncated\":{\"dropped_messages\":%zu,\"dropped_tokens\":%zu}",
                              request->dropped_messages, tokens));
    if (json_array_size(request->warnings) == 0)
        return PRIMER_OK;
    FORWARD(buffer_text(&reply->line, ",\"warnings\":", error));
    return json_dump_append(&reply->line, request->warnings, error);
}

static primer_status send_last(struct reply *reply, const struct answer_usage *usage,
                               primer_error *error)
{
    const bool cut = reply->reason == PRIMER_STOP_LENGTH || reply->reason == PRIMER_STOP_CONTEXT;
    struct buffer *const out = &reply->line;
    FORWARD(begin_object(reply, true, error));
    FORWARD(buffer_format(out, error, ",\"done_reason\":\"%s\"", cut ? "length" : "stop"));
    if (reply->answer->with_context)
        FORWARD(append_context(reply, error));
    FORWARD(append_statistics(reply, usage, error));
    FORWARD(append_notes(reply, usage, error));
    if (reply->request->stream)
        return send_line(reply, error);
    FORWARD(buffer_text(out, "}", error));
    return exchange_answer(reply->request->exchange, 200, OLLAMA_JSON_TYPE, out->bytes, out->length,
                           error);
}

primer_status ollama_reply_run(struct ollama_request *request, const struct ollama_answer *answer,
                               const struct answer_request *prompt, primer_error *error)
{
    struct reply reply = {.request = request, .answer = answer};
    struct answer_usage usage = {0};
    primer_status status =
        server_answer_run(request->exchange, prompt, sink, &reply, &usage, error);
    exchange_set_usage(request->exchange, usage.prompt_tokens, usage.answer_tokens);
    if (reply.status != PRIMER_OK)
        status = error_set(error, reply.status, "%s", reply.error.message);
    if (request->dropped_messages > 0 || request->dropped_tokens + usage.dropped_tokens > 0)
        metrics_truncated(exchange_server(request->exchange)->metrics, request->use.entry->name,
                          request->dropped_messages,
                          request->dropped_tokens + usage.dropped_tokens);
    if (status == PRIMER_OK)
        status = send_last(&reply, &usage, error);
    reply_free(&reply);
    return status;
}

primer_status ollama_reply_loaded(struct ollama_request *request, bool chat, bool unloaded,
                                  primer_error *error)
{
    const struct ollama_answer answer = {.chat = chat};
    struct reply reply = {.request = request, .answer = &answer};
    const struct answer_usage none = {0};
    primer_status status = PRIMER_OK;
    TRY(begin_object(&reply, true, error));
    TRY(buffer_format(&reply.line, error, ",\"done_reason\":\"%s\"", unloaded ? "unload" : "load"));
    TRY(append_notes(&reply, &none, error));
    TRY(buffer_text(&reply.line, "}", error));
    TRY(exchange_answer(request->exchange, 200, OLLAMA_JSON_TYPE, reply.line.bytes,
                        reply.line.length, error));
cleanup:
    reply_free(&reply);
    return status;
}
