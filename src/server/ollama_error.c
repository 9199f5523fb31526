/* ollama_error.c - errors as Ollama words them: {"error": "text"}, and in a stream a line of it. A
 * prompt that doesn't fit has both numbers besides, as members of their own. */
#include "server/dialect.h"

#include <string.h>

static primer_status body(const struct problem *problem, const char *message, struct buffer *out,
                          primer_error *error)
{
    FORWARD(buffer_text(out, "{\"error\":", error));
    FORWARD(buffer_json_string(out, message, strlen(message), error));
    if (problem->context_tokens != 0)
        FORWARD(buffer_format(out, error, ",\"n_prompt_tokens\":%zu,\"n_ctx\":%zu",
                              problem->prompt_tokens, problem->context_tokens));
    return buffer_text(out, "}", error);
}

static primer_status event(const struct problem *problem, const char *message, struct buffer *out,
                           primer_error *error)
{
    FORWARD(body(problem, message, out, error));
    return buffer_text(out, "\n", error);
}

const struct dialect ollama_error_dialect = {"ollama", body, event};
