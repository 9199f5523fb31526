/* openai_prompt.h - members that hold prompts in any of OpenAI's forms:
 *
 *   "text"   ["text", ...]   [id, ...]   [[id, ...], ...]
 */
#ifndef SERVER_OPENAI_PROMPT_H
#define SERVER_OPENAI_PROMPT_H

#include "server/fields.h"
#include "primer.h"

enum { OPENAI_PROMPTS_MOST = 2048 };

struct openai_prompt {
    int32_t *ids; /* [count] */
    size_t count;
    const char *text; /* as written, borrowed from the request; NULL: it was ids */
};

struct openai_prompts {
    struct openai_prompt *list; /* [count] */
    size_t count;
};

/* `flags`: PRIMER_TEXT_..., for texts. 400 names the member and the place in it. */
primer_status openai_prompt_list_read(struct openai_prompts *prompts, struct fields *fields,
                                      const char *name, const primer_model *model, unsigned flags,
                                      primer_error *error);
void openai_prompt_list_free(struct openai_prompts *prompts);

#endif
