/* openai_completion.h - a completion's inside, shared by its whole and its streamed form. */
#ifndef SERVER_OPENAI_COMPLETION_H
#define SERVER_OPENAI_COMPLETION_H

#include "server/server_collect.h"
#include "server/openai_prompt.h"
#include "server/openai_request.h"

struct openai_completion {
    struct openai_request request;
    struct openai_prompts prompts;
    bool echo;
    size_t wanted; /* n; answer.choices is best_of */
    struct answer_usage usage;
    struct buffer text; /* of the whole answer */
};

/* What is known of a prompt's tokens: each one's log-probability after those before it (NaN of the
 * first), and the likeliest instead of it. */
struct openai_rating {
    struct collected_token *tokens; /* [count] */
    size_t count;
    primer_token_probability *next; /* [next_count] the likeliest after the prompt */
    size_t next_count;
    double seconds;
};

/* 400 where the prompt doesn't fit. */
primer_status openai_completion_rate(struct openai_completion *completion, size_t prompt,
                                     struct openai_rating *rating, primer_error *error);
void openai_completion_rating_free(struct openai_rating *rating);
/* Where no token, or only the likeliest one, is wanted after a rated prompt, the answer is known
 * already: fills `collected` and `usage`. */
bool openai_completion_known(const struct openai_completion *completion, size_t prompt,
                             const struct openai_rating *rating, struct collected *collected,
                             struct answer_usage *usage);
/* The members of a choice but for its index: text, logprobs, finish_reason. */
primer_status openai_completion_choice(const struct openai_completion *completion, size_t prompt,
                                       const struct openai_rating *rating,
                                       const struct collected_choice *choice, struct buffer *out,
                                       primer_error *error);
/* The prompt as text, to be freed by primer_free: as it was written, or what its tokens say. */
primer_status openai_completion_prompt_text(const struct openai_completion *completion,
                                            size_t prompt, char **text, size_t *length,
                                            primer_error *error);
primer_status openai_completion_stream(struct openai_completion *completion, primer_error *error);

#endif
