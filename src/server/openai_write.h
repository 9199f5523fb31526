/* openai_write.h - pieces of OpenAI's answers as JSON text, for streams and whole answers both. */
#ifndef SERVER_OPENAI_WRITE_H
#define SERVER_OPENAI_WRITE_H

#include "server/server_answer.h"
#include "server/server_collect.h"

/* {"token", "logprob", "bytes", "top_logprobs": [...]}, of the `most` best. */
primer_status openai_write_token(struct buffer *out, const primer_model *model, int32_t id,
                                 double logprob, const primer_token_probability *top,
                                 size_t top_count, primer_error *error);
/* A logarithm as a JSON number: null where there is none, -9999 where it is minus infinity. */
primer_status openai_write_logprob(struct buffer *out, double logprob, primer_error *error);
/* "usage": {...} */
primer_status openai_write_usage(struct buffer *out, const struct answer_usage *usage,
                                 primer_error *error);
/* "timings": {...}, as llama.cpp has them */
primer_status openai_write_timings(struct buffer *out, const struct answer_usage *usage,
                                   primer_error *error);
/* ,"warnings": [...], or nothing where there are none */
primer_status openai_write_warnings(struct buffer *out, const json_t *warnings,
                                    primer_error *error);
/* "stop", "length", "tool_calls" */
const char *openai_write_finish_reason(primer_stop_reason reason, size_t calls);
/* "call_" and 24 letters and digits. */
void openai_write_call_id(char out[32]);

#endif
