/* masks.h - which tokens may come next at a place; what was found is kept.
 *
 * A walk over all the vocabulary's tree would do, but is slow where nearly all is allowed. Instead,
 * in the manner of XGrammar (Dong et al. 2024): for each topmost state of a place's stacks, what is
 * allowed as long as its rule isn't left doesn't depend on the stack below, and is found once. This
 * is an analysis: a walk with nothing but the bottom below, with
 *
 *   tokens   through whose bytes the rule goes on, or just ends
 *   exits    nodes of the tree before which the rule has ended: their parts of the tree are walked
 *            for each place anew, with what is below. Of these only such as begin with a byte that
 *            may follow the rule at all.
 *
 *   in a string    tokens: ' the', 'ing', '."', ..       exits: '","' behind '"', ..
 *
 * In a counted rule the analysis goes as far as the end of the caller, with counters relative to
 * where it begins; tokens and exits have conditions then (stacks.h), and one analysis serves for
 * any count.
 *
 *   place --> top states --> analyses --or--> mask       and      exits --walks--> mask
 */
#ifndef CONSTRAINT_MASKS_H
#define CONSTRAINT_MASKS_H

#include "constraint/constraint_vocabulary.h"
#include "constraint/places.h"

/* A set of ids: few, in a list, or many, in words. */
struct mask_ids {
    uint64_t *words; /* NULL: the list */
    int32_t *list;
    size_t count; /* of the list */
};

struct place_mask {
    struct mask_ids ids;
};

struct mask_conditional {
    uint32_t condition;
    int32_t id;
};

struct mask_exit {
    uint32_t node, condition; /* condition 1: none */
};

struct analysis {
    uint32_t state, back, node; /* back: of a counted rule, the state to return to; else 0 */
    struct mask_ids always;
    struct mask_ids within;         /* all that are allowed while the rule may be begun again */
    int32_t *ids;                   /* with conditions: */
    uint32_t *within_at, *after_at; /* [times + 2] where those begin that need n times, in `ids` */
    uint32_t times;                 /* the largest n */
    struct mask_exit *exits;
    size_t exit_count;
};

struct masks {
    const struct constraint_vocabulary *vocabulary;
    uint64_t serial; /* the vocabulary's */
    struct places places;
    struct analysis **analyses; /* [analysis_capacity] by key; at most half full */
    size_t analysis_count, analysis_capacity;
    size_t walk_nodes; /* so small a part of the tree is walked: as good as an analysis */
    size_t bytes;      /* of analyses and masks */
    uint32_t *levels;  /* [longest + 1] places on the way down */
    uint32_t *offsets; /* [longest + 1] what was taken off relative counters so far */
    uint64_t *words;   /* [words] for a while */
    struct mask_conditional *conditionals;
    size_t conditional_count, conditional_capacity;
    struct mask_exit *exits;
    size_t exit_count, exit_capacity;
    int32_t *mark_ids; /* [marks] the control token of that text, -1: none */
    size_t users;      /* matchers; whoever holds the constraint's lock counts them */
    uint32_t start;    /* the first place; 0: not yet asked for */
    struct masks *next;
};

primer_status masks_create(struct masks **masks, const struct network *network,
                           const struct constraint_vocabulary *vocabulary, size_t bytes_most,
                           size_t walk_nodes, primer_error *error);
void masks_free(struct masks *masks);
size_t masks_bytes(const struct masks *masks);

/* The place's mask, as long as the masks last, or in `words` [vocabulary->words]; NULL: failed. */
const uint64_t *masks_at(struct masks *masks, uint32_t place, uint64_t *words, primer_error *error);
/* The place behind a token that doesn't end the answer; PLACES_DEAD: it isn't allowed. */
uint32_t masks_take(struct masks *masks, uint32_t place, int32_t id);

#endif
