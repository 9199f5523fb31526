/* openai_write.c - see openai_write.h. */
#include "server/openai_write.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "server/json_dump.h"

primer_status openai_write_logprob(struct buffer *out, double logprob, primer_error *error)
{
    if (isnan(logprob))
        return buffer_text(out, "null", error);
    return buffer_format(out, error, "%.17g", isinf(logprob) ? -9999.0 : logprob);
}

static primer_status write_piece(struct buffer *out, const primer_model *model, int32_t id,
                                 double logprob, primer_error *error)
{
    size_t length = 0;
    const char *bytes = primer_token_bytes(model, id, &length);
    FORWARD(buffer_text(out, "{\"token\":", error));
    FORWARD(buffer_json_string(out, bytes, length, error));
    FORWARD(buffer_format(out, error, ",\"id\":%d,\"logprob\":", (int)id));
    FORWARD(openai_write_logprob(out, logprob, error));
    FORWARD(buffer_text(out, ",\"bytes\":[", error));
    for (size_t i = 0; i < length; i++)
        FORWARD(buffer_format(out, error, "%s%u", i > 0 ? "," : "", (unsigned char)bytes[i]));
    return buffer_text(out, "]", error);
}

primer_status openai_write_token(struct buffer *out, const primer_model *model, int32_t id,
                                 double logprob, const primer_token_probability *top,
                                 size_t top_count, primer_error *error)
{
    FORWARD(write_piece(out, model, id, logprob, error));
    FORWARD(buffer_text(out, ",\"top_logprobs\":[", error));
    for (size_t i = 0; i < top_count; i++) {
        if (i > 0)
            FORWARD(buffer_text(out, ",", error));
        FORWARD(write_piece(out, model, top[i].id, top[i].logprob, error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_text(out, "]}", error);
}

primer_status openai_write_usage(struct buffer *out, const struct answer_usage *usage,
                                 primer_error *error)
{
    return buffer_format(out, error,
                         "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,"
                         "\"total_tokens\":%zu,\"prompt_tokens_details\":{\"cached_tokens\":%zu},"
                         "\"completion_tokens_details\":{\"reasoning_tokens\":%zu}}",
                         usage->prompt_tokens, usage->answer_tokens,
                         usage->prompt_tokens + usage->answer_tokens, usage->cached_tokens,
                         usage->thinking_tokens);
}

static double rate(size_t tokens, double seconds)
{
    return seconds > 0 ? (double)tokens / seconds : 0;
}

static double each(size_t tokens, double seconds)
{
    return tokens > 0 ? seconds * 1000 / (double)tokens : 0;
}

primer_status openai_write_timings(struct buffer *out, const struct answer_usage *usage,
                                   primer_error *error)
{
    const size_t read = usage->prompt_tokens - usage->cached_tokens, made = usage->answer_tokens;
    const double prompt = usage->prompt_seconds, answer = usage->generate_seconds;
    FORWARD(buffer_format(
        out, error,
        "\"timings\":{\"cache_n\":%zu,\"prompt_n\":%zu,\"prompt_ms\":%.3f,"
        "\"prompt_per_token_ms\":%.3f,\"prompt_per_second\":%.3f,\"predicted_n\":%zu,"
        "\"predicted_ms\":%.3f,\"predicted_per_token_ms\":%.3f,\"predicted_per_second\":%.3f",
        usage->cached_tokens, read, prompt * 1000, each(read, prompt), rate(read, prompt), made,
        answer * 1000, each(made, answer), rate(made, answer)));
    if (usage->drafted_tokens > 0)
        FORWARD(buffer_format(out, error, ",\"draft_n\":%zu,\"draft_n_accepted\":%zu",
                              usage->drafted_tokens, usage->accepted_tokens));
    return buffer_format(out, error, ",\"queue_ms\":%.3f,\"load_ms\":%.3f}",
                         usage->queue_seconds * 1000, usage->load_seconds * 1000);
}

primer_status openai_write_warnings(struct buffer *out, const json_t *warnings, primer_error *error)
{
    if (json_array_size(warnings) == 0)
        return PRIMER_OK;
    FORWARD(buffer_text(out, ",\"warnings\":", error));
    return json_dump_append(out, warnings, error);
}

const char *openai_write_finish_reason(primer_stop_reason reason, size_t calls)
{
    if (reason == PRIMER_STOP_LENGTH || reason == PRIMER_STOP_CONTEXT)
        return "length";
    return calls > 0 ? "tool_calls" : "stop";
}

void openai_write_call_id(char out[32])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char random[24];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        const uint64_t now = clock_nanoseconds();
        for (size_t i = 0; i < sizeof random; i++)
            random[i] = (unsigned char)(now >> (i % 8 * 8));
    }
    memcpy(out, "call_", 5);
    for (size_t i = 0; i < sizeof random; i++)
        out[5 + i] = letters[random[i] % (sizeof letters - 1)];
    out[5 + sizeof random] = '\0';
}
