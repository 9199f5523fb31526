/* openai_error.c - errors as OpenAI's clients read them, with llama.cpp's members for a prompt that
 * doesn't fit.
 *
 *   {"error": {"message", "type", "param", "code"[, "n_prompt_tokens", "n_ctx"]}}
 *   a stream's event: the same behind "data: "; nothing follows it
 */
#include "server/dialect.h"

#include <string.h>

static primer_status member(struct buffer *out, const char *name, const char *text,
                            primer_error *error)
{
    FORWARD(buffer_format(out, error, ",\"%s\":", name));
    if (text == NULL || *text == '\0')
        return buffer_text(out, "null", error);
    return buffer_json_string(out, text, strlen(text), error);
}

static primer_status body(const struct problem *problem, const char *message, struct buffer *out,
                          primer_error *error)
{
    FORWARD(buffer_text(out, "{\"error\":{\"message\":", error));
    FORWARD(buffer_json_string(out, message, strlen(message), error));
    FORWARD(member(out, "type", problem->type, error));
    FORWARD(member(out, "param", problem->param, error));
    FORWARD(member(out, "code", problem->code, error));
    if (problem->context_tokens != 0)
        FORWARD(buffer_format(out, error, ",\"n_prompt_tokens\":%zu,\"n_ctx\":%zu",
                              problem->prompt_tokens, problem->context_tokens));
    return buffer_text(out, "}}", error);
}

static primer_status event(const struct problem *problem, const char *message, struct buffer *out,
                           primer_error *error)
{
    FORWARD(buffer_text(out, "data: ", error));
    FORWARD(body(problem, message, out, error));
    return buffer_text(out, "\n\n", error);
}

const struct dialect openai_error_dialect = {"openai", body, event};
