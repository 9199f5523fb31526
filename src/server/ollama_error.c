/* ollama_error.c - errors as Ollama words them: {"error": "text"}, and in a stream a line of it. */
#include "server/dialect.h"

#include <string.h>

static primer_status body(const struct problem *problem, const char *message, struct buffer *out,
                          primer_error *error)
{
    (void)problem;
    FORWARD(buffer_text(out, "{\"error\":", error));
    FORWARD(buffer_json_string(out, message, strlen(message), error));
    return buffer_text(out, "}", error);
}

static primer_status event(const struct problem *problem, const char *message, struct buffer *out,
                           primer_error *error)
{
    FORWARD(body(problem, message, out, error));
    return buffer_text(out, "\n", error);
}

const struct dialect dialect_ollama = {"ollama", body, event};
