/* ollama_version.c - GET /api/version and GET /: what clients ask first. */
#include "server/endpoints.h"

#include <string.h>

/* The version of Ollama's interface that is spoken here, not primer's own: clients compare it by
 * numbers and refuse what is older than 0.6.4; log-probabilities came with 0.12.11. */
#define OLLAMA_COMPATIBLE "0.12.11"

primer_status ollama_version(struct exchange *exchange, primer_error *error)
{
    return exchange_answer_json(exchange, 200, json_pack("{s:s}", "version", OLLAMA_COMPATIBLE),
                                error);
}

primer_status ollama_version_root(struct exchange *exchange, primer_error *error)
{
    static const char text[] = "Ollama is running"; /* the words that clients look for */
    return exchange_answer(exchange, 200, "text/plain; charset=utf-8", text, strlen(text), error);
}
