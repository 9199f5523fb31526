/* openai_chat.c - POST /v1/chat/completions.
 *
 *   {"id", "object": "chat.completion", "created", "model", "system_fingerprint", "choices":
 *     [{"index", "message": {"role", "content", "refusal", "reasoning_content"?, "tool_calls"?},
 *       "logprobs", "finish_reason"}], "usage", "timings", "warnings"?}
 *
 * As a stream: openai_chat_stream.c.
 */
#include "server/endpoints.h"

#include <string.h>

#include "base/memory.h"
#include "server/server_collect.h"
#include "server/openai_chat_stream.h"
#include "server/openai_constraint.h"
#include "server/openai_write.h"

/* ---- the request ----------------------------------------------------------------------------- */

static primer_status read_logprobs(struct openai_request *r, primer_error *error)
{
    FORWARD(fields_bool(&r->fields, "logprobs", &r->answer.logprobs, error));
    FORWARD(fields_size(&r->fields, "top_logprobs", 0, ANSWER_TOP_LOGPROBS_MOST,
                        &r->answer.top_logprobs, error));
    if (r->answer.top_logprobs > 0 && !r->answer.logprobs)
        return fields_wrong(&r->fields, "top_logprobs", error,
                            "expected only together with \"logprobs\": true");
    return PRIMER_OK;
}

static primer_status refuse_others(struct openai_request *r, primer_error *error)
{
    json_t *modalities = NULL;
    if (r->max_tokens == 0)
        return fields_wrong(&r->fields, "max_tokens", error, "expected 1 or more, found 0");
    FORWARD(fields_array(&r->fields, "modalities", &modalities, error));
    for (size_t i = 0; i < json_array_size(modalities); i++) {
        const char *kind = json_string_value(json_array_get(modalities, i));
        if (kind == NULL || strcmp(kind, "text") != 0)
            return fields_wrong(&r->fields, "modalities", error, "only \"text\" can be made");
    }
    FORWARD(fields_refuse(&r->fields, "audio", "only text can be made", error));
    return fields_refuse(&r->fields, "web_search_options",
                         "nothing is searched: this server asks nobody", error);
}

/* What the model's own template may look at besides. */
static primer_status read_variables(struct openai_request *r, json_t *conversation,
                                    primer_error *error)
{
    json_t *given = NULL, *variables = json_object();
    const char *effort = NULL;
    primer_status status = PRIMER_OK;
    if (variables == NULL)
        return memory_failure(error, "variables", 64);
    TRY(fields_object(&r->fields, "chat_template_kwargs", &given, error));
    TRY(fields_text(&r->fields, "reasoning_effort", &effort, error));
    if (effort != NULL) {
        json_object_set_new(variables, "reasoning_effort", json_string(effort));
        json_object_set_new(variables, "enable_thinking",
                            json_boolean(strcmp(effort, "none") != 0));
    }
    if (given != NULL && json_object_update(variables, given) != 0)
        FAIL(PRIMER_ENOMEM, "no memory for chat_template_kwargs");
    if (json_object_size(variables) > 0 &&
        json_object_set(conversation, "variables", variables) != 0)
        FAIL(PRIMER_ENOMEM, "no memory for a conversation");

cleanup:
    json_decref(variables);
    return status;
}

static primer_status read_conversation(struct openai_request *r, int32_t **ids, primer_error *error)
{
    json_t *messages = NULL, *tools = NULL, *conversation = json_object();
    primer_status status = PRIMER_OK;
    if (conversation == NULL)
        return memory_failure(error, "a conversation", 64);
    TRY(fields_array(&r->fields, "messages", &messages, error));
    if (messages == NULL || json_array_size(messages) == 0) {
        status = fields_wrong(&r->fields, "messages", error,
                              "expected an array with one message at least");
        goto cleanup;
    }
    TRY(openai_constraint_tools(r, &tools, error));
    if (json_object_set(conversation, "messages", messages) != 0 ||
        (tools != NULL && json_object_set(conversation, "tools", tools) != 0))
        FAIL(PRIMER_ENOMEM, "no memory for a conversation");
    TRY(read_variables(r, conversation, error));
    TRY(server_answer_conversation(r->exchange, &r->use, conversation, ids, &r->answer.count,
                                   &r->answer.thoughts, error));
    r->answer.ids = *ids;
    r->answer.chat = true;

cleanup:
    json_decref(conversation);
    return status;
}

/* ---- a whole answer -------------------------------------------------------------------------- */

static primer_status write_calls(struct buffer *out, const struct collected_choice *choice,
                                 primer_error *error)
{
    if (choice->call_count == 0)
        return PRIMER_OK;
    FORWARD(buffer_text(out, ",\"tool_calls\":[", error));
    for (size_t i = 0; i < choice->call_count; i++) {
        const struct collected_call *call = &choice->calls[i];
        char id[32];
        openai_write_call_id(id);
        FORWARD(buffer_format(out, error,
                              "%s{\"id\":\"%s\",\"type\":\"function\",\"function\":"
                              "{\"name\":",
                              i > 0 ? "," : "", id));
        FORWARD(buffer_json_string(out, call->name.bytes, call->name.length, error));
        FORWARD(buffer_text(out, ",\"arguments\":", error));
        FORWARD(buffer_json_string(out, call->arguments.bytes, call->arguments.length, error));
        FORWARD(buffer_text(out, "}}", error));
    }
    return buffer_text(out, "]", error);
}

static primer_status write_message(struct buffer *out, const struct collected_choice *choice,
                                   primer_error *error)
{
    FORWARD(buffer_text(out, "\"message\":{\"role\":\"assistant\",\"content\":", error));
    if (choice->content.length == 0 && choice->call_count > 0)
        FORWARD(buffer_text(out, "null", error));
    else
        FORWARD(buffer_json_string(out, choice->content.bytes, choice->content.length, error));
    FORWARD(buffer_text(out, ",\"refusal\":null", error));
    if (choice->thinking.length > 0) {
        FORWARD(buffer_text(out, ",\"reasoning_content\":", error));
        FORWARD(buffer_json_string(out, choice->thinking.bytes, choice->thinking.length, error));
    }
    FORWARD(write_calls(out, choice, error));
    return buffer_text(out, "}", error);
}

static primer_status write_logprobs(struct buffer *out, const struct openai_request *r,
                                    const struct collected_choice *choice, primer_error *error)
{
    if (!r->answer.logprobs)
        return buffer_text(out, ",\"logprobs\":null", error);
    FORWARD(buffer_text(out, ",\"logprobs\":{\"content\":[", error));
    for (size_t i = 0; i < choice->token_count; i++) {
        const struct collected_token *token = &choice->tokens[i];
        const size_t top =
            token->top_count < r->answer.top_logprobs ? token->top_count : r->answer.top_logprobs;
        if (i > 0)
            FORWARD(buffer_text(out, ",", error));
        FORWARD(openai_write_token(out, r->use.model, token->id, token->logprob, token->top, top,
                                   error));
    }
    return buffer_text(out, "],\"refusal\":null}", error);
}

static primer_status write_choice(struct buffer *out, const struct openai_request *r, size_t index,
                                  const struct collected_choice *choice, primer_error *error)
{
    FORWARD(buffer_format(out, error, "%s{\"index\":%zu,", index > 0 ? "," : "", index));
    FORWARD(write_message(out, choice, error));
    FORWARD(write_logprobs(out, r, choice, error));
    return buffer_format(out, error, ",\"finish_reason\":\"%s\"}",
                         openai_write_finish_reason(choice->reason, choice->call_count));
}

static primer_status write_whole(struct buffer *out, const struct openai_request *r,
                                 const struct collected *collected,
                                 const struct answer_usage *usage, primer_error *error)
{
    FORWARD(buffer_format(out, error,
                          "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":"
                          "%lld,\"model\":",
                          r->id, (long long)r->created));
    FORWARD(buffer_json_string(out, r->name, strlen(r->name), error));
    FORWARD(buffer_text(out, ",\"system_fingerprint\":\"fp_primer\",\"choices\":[", error));
    for (size_t i = 0; i < r->answer.choices; i++)
        FORWARD(write_choice(out, r, i, &collected->choices[i], error));
    FORWARD(buffer_text(out, "],", error));
    FORWARD(openai_write_usage(out, usage, error));
    FORWARD(buffer_text(out, ",", error));
    FORWARD(openai_write_timings(out, usage, error));
    FORWARD(openai_write_warnings(out, r->warnings, error));
    return buffer_text(out, "}", error);
}

static primer_status answer_whole(struct openai_request *r, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct answer_usage usage;
    struct buffer text = {0};
    struct collected *collected = memory_allocate(1, sizeof *collected);
    if (collected == NULL)
        return memory_failure(error, "an answer", sizeof *collected);
    collected->keep_tokens = r->answer.logprobs;
    status =
        server_answer_run(r->exchange, &r->answer, server_collect_sink, collected, &usage, error);
    if (collected->status != PRIMER_OK)
        FAIL(collected->status, "no memory for an answer");
    TRY(status);
    TRY(write_whole(&text, r, collected, &usage, error));
    status = exchange_answer(r->exchange, 200, "application/json; charset=utf-8", text.bytes,
                             text.length, error);

cleanup:
    server_collect_free(collected);
    memory_free(collected);
    buffer_free(&text);
    return status;
}

primer_status openai_chat(struct exchange *exchange, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct openai_request r;
    int32_t *ids = NULL;
    TRY(openai_request_open(&r, exchange, "chatcmpl", error));
    TRY(read_logprobs(&r, error));
    TRY(refuse_others(&r, error));
    TRY(read_conversation(&r, &ids, error));
    TRY(openai_constraint_format(&r, error));
    TRY(openai_request_warn(&r, error));
    status = r.stream ? openai_chat_stream(&r, error) : answer_whole(&r, error);

cleanup:
    primer_free(ids);
    openai_request_close(&r);
    return status;
}
