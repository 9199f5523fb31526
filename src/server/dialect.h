/* dialect.h - how one family of paths words its errors. One row per dialect, in DIALECT_error.c. */
#ifndef SERVER_DIALECT_H
#define SERVER_DIALECT_H

#include "base/buffer.h"
#include "server/problem.h"

struct dialect {
    const char *name; /* for metrics and the log */
    /* The body of an answer that is an error, JSON. */
    primer_status (*error_body)(const struct problem *problem, const char *message,
                                struct buffer *out, primer_error *error);
    /* What a stream that has begun gets, with its framing ("data: ...\n\n", "...\n"). */
    primer_status (*error_event)(const struct problem *problem, const char *message,
                                 struct buffer *out, primer_error *error);
};

extern const struct dialect openai_error_dialect, ollama_error_dialect;

/* Whose paths these are, known or not: /api/ is Ollama's, everything else OpenAI's. */
const struct dialect *dialect_of_path(const char *path);

#endif
