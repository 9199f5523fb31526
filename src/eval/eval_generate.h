/* eval_generate.h - answers to many items: threads with a session each, whose tokens share passes
 * over the weights.
 *
 *   slots 0 1 2 ...   one for each sample of each item, item by item
 *     threads take the next slot, answer, and put its number among those that are ready
 *
 * A slot's answer depends on the item, the sampling and the slot's number alone. */
#ifndef EVAL_EVAL_GENERATE_H
#define EVAL_EVAL_GENERATE_H

#include "base/buffer.h"
#include "eval/eval.h"
#include "eval/eval_item.h"

struct eval_answer {
    struct buffer text; /* behind what was thought */
    size_t tokens;
    const char *ending; /* why it ended; static */
    bool refused;       /* the prompt doesn't fit the context */
    bool given;         /* it was there before, and isn't written again */
};

struct eval_generate;
extern const char eval_generate_refused[]; /* the ending where the context has no room */

/* answers[items * samples], zeroed but for those that are given; filled by the threads, which begin
 * at once. All borrowed until eval_generate_close. */
primer_status eval_generate_open(const struct eval_options *options, const struct eval_items *items,
                                 struct eval_answer *answers, struct eval_generate **generate,
                                 primer_error *error);
/* Slots that became ready since the last call, at most `most`; waits a tenth of a second for one.
 * An error of any thread is told here. */
primer_status eval_generate_take(struct eval_generate *generate, size_t *slots, size_t most,
                                 size_t *count, primer_error *error);
/* Ends what is being answered: of the answers only those that are whole already come. */
void eval_generate_stop(struct eval_generate *generate);
uint64_t eval_generate_tokens(struct eval_generate *generate); /* written so far */
/* Ends what is being answered. NULL is legal. */
void eval_generate_close(struct eval_generate *generate);

#endif
