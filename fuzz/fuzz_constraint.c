/* fuzz_constraint.c - any bytes as a grammar in GBNF, up to the first 0, and those behind it as
 * choices of tokens: the grammar is refused with a message, or followed; what a mask allows can be
 * taken, what it doesn't can't be and changes nothing, and the end is allowed just where the answer
 * is complete.
 */
#include <string.h>

#include "constraint/constraint_vocabulary.h"
#include "follow.h"
#include "fuzz_driver.h"

enum { STEPS = 24 };

/* The mask, checked: what isn't in it can't be taken, and then the mask is still the same. */
static bool look(struct constraint_matcher *matcher, uint64_t *mask)
{
    const struct constraint_vocabulary *const words = follow_vocabulary();
    primer_error error = {0};
    size_t count = 0;
    for (int round = 0; round < 2; round++) {
        const uint64_t *const found = constraint_matcher_mask(matcher, &error);
        if (found == NULL)
            fuzz_status(error.status, &error);
        fuzz_check(found != NULL || round == 0 || error.status == PRIMER_ELIMIT,
                   "a mask can be had twice, unless a refused token met a limit");
        if (found == NULL)
            return false;
        fuzz_check(round == 0 || memcmp(found, mask, words->words * sizeof *mask) == 0,
                   "what is refused changes nothing");
        memcpy(mask, found, words->words * sizeof *mask);
        for (size_t id = 0; id < words->count && round == 0; id++) {
            count += follow_allows(mask, id);
            if (!follow_allows(mask, id))
                fuzz_check(!constraint_matcher_take(matcher, (int32_t)id),
                           "what a mask leaves out is refused");
        }
    }
    fuzz_check(count > 0, "a mask allows something");
    fuzz_check(follow_allows(mask, (size_t)words->ends[0]) == constraint_matcher_complete(matcher),
               "the end is allowed where the answer is complete");
    return true;
}

static void follow(primer_constraint *constraint, const unsigned char *choices, size_t count)
{
    const struct constraint_vocabulary *const words = follow_vocabulary();
    struct constraint_matcher *matcher = NULL;
    primer_error error = {0};
    uint64_t mask[FOLLOW_WORDS];
    const primer_status status = constraint_matcher_create(constraint, words, &matcher, &error);
    fuzz_status(status, &error);
    for (size_t i = 0; status == PRIMER_OK && i < STEPS && look(matcher, mask); i++) {
        size_t id = i < count ? choices[i] : 0;
        while (!follow_allows(mask, id))
            id = (id + 1) % words->count;
        if (!constraint_matcher_take(matcher, (int32_t)id)) {
            fuzz_check(constraint_matcher_mask(matcher, &error) == NULL, "a limit is told");
            fuzz_check(error.status == PRIMER_ELIMIT, "what a mask allows is taken");
            break;
        }
        if (id == (size_t)words->ends[0])
            break;
    }
    constraint_matcher_free(matcher);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const unsigned char *const zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t length = zero != NULL ? (size_t)(zero - data) : size;
    const primer_status status = constraint_gbnf((const char *)data, length, &constraint, &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return 0;
    follow_narrow(constraint, length);
    follow(constraint, zero != NULL ? zero + 1 : NULL, zero != NULL ? size - length - 1 : 0);
    constraint_free(constraint);
    return 0;
}
