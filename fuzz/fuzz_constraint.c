/* fuzz_constraint.c - any bytes as a grammar in GBNF, up to the first 0, and those behind it as
 * choices of tokens: the grammar is refused with a message, or followed; what a mask allows can be
 * taken, what it doesn't can't be and changes nothing, and the end is allowed just where the answer
 * is complete.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "constraint/constraint_internal.h"
#include "fuzz_driver.h"
#include "tokenizer/vocabulary.h"

enum { STEPS = 24, WORDS = 16 };

static const char *const more[] = {"ab",
                                   "abc",
                                   "\"a",
                                   "\":",
                                   "{\"",
                                   "00",
                                   "1.5",
                                   "  ",
                                   "\n\n",
                                   "the",
                                   "aaaa",
                                   "\xC3\xA9",
                                   ("\xA9"
                                    "a"),
                                   "((",
                                   "),"};

static void spell(struct buffer *json, const char *bytes, size_t length, size_t id)
{
    char spelled[64], number[32];
    size_t used = 0;
    for (size_t i = 0; i < length; i++)
        used += vocabulary_alphabet_encode((unsigned char)bytes[i], spelled + used);
    snprintf(number, sizeof number, ":%zu", id);
    buffer_text(json, id > 0 ? "," : "", NULL);
    buffer_json_string(json, spelled, used, NULL);
    buffer_text(json, number, NULL);
}

/* All bytes, some tokens more, a control token, an end. */
static struct constraint_vocabulary *vocabulary(void)
{
    static struct constraint_vocabulary *made;
    struct tokenizer *tokenizer = NULL;
    struct buffer json = {0};
    size_t id = 0;
    if (made != NULL)
        return made;
    buffer_text(&json,
                "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
                "\"merges\":[],\"vocab\":{",
                NULL);
    for (; id < 256; id++)
        spell(&json, &(const char){(char)id}, 1, id);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        spell(&json, more[i], strlen(more[i]), id++);
    buffer_format(&json, NULL,
                  "}},\"added_tokens\":[{\"id\":%zu,\"content\":\"<think>\",\"special\":true},"
                  "{\"id\":%zu,\"content\":\"</s>\",\"special\":true}]}",
                  id, id + 1);
    fuzz_check(tokenizer_from_json(&tokenizer, json.bytes, json.length, "fuzz", NULL) ==
                       PRIMER_OK &&
                   constraint_vocabulary_create(tokenizer, &made, NULL) == PRIMER_OK,
               "there is a vocabulary");
    tokenizer_free(tokenizer);
    buffer_free(&json);
    return made;
}

static bool allowed(const uint64_t *mask, size_t id)
{
    return (mask[id / 64] >> id % 64 & 1) != 0;
}

/* The mask, checked: what isn't in it can't be taken, and then the mask is still the same. */
static bool look(struct constraint_matcher *matcher, uint64_t *mask)
{
    const struct constraint_vocabulary *const words = vocabulary();
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
            count += allowed(mask, id);
            if (!allowed(mask, id))
                fuzz_check(!constraint_matcher_take(matcher, (int32_t)id),
                           "what a mask leaves out is refused");
        }
    }
    fuzz_check(count > 0, "a mask allows something");
    fuzz_check(allowed(mask, (size_t)words->ends[0]) == constraint_matcher_complete(matcher),
               "the end is allowed where the answer is complete");
    return true;
}

static void follow(primer_constraint *constraint, const unsigned char *choices, size_t count)
{
    struct constraint_matcher *matcher = NULL;
    primer_error error = {0};
    uint64_t mask[WORDS];
    const primer_status status =
        constraint_matcher_create(constraint, vocabulary(), &matcher, &error);
    fuzz_status(status, &error);
    for (size_t i = 0; status == PRIMER_OK && i < STEPS && look(matcher, mask); i++) {
        size_t id = i < count ? choices[i] : 0;
        while (!allowed(mask, id))
            id = (id + 1) % vocabulary()->count;
        if (!constraint_matcher_take(matcher, (int32_t)id)) {
            fuzz_check(constraint_matcher_mask(matcher, &error) == NULL, "a limit is told");
            fuzz_check(error.status == PRIMER_ELIMIT, "what a mask allows is taken");
            break;
        }
        if (id == (size_t)vocabulary()->ends[0])
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
    fuzz_check(vocabulary()->words <= WORDS, "a mask fits");
    const primer_status status = constraint_gbnf((const char *)data, length, &constraint, &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return 0;
    /* Little of both, so that limits are met. */
    constraint->bytes_most = (size_t)1 << 20;
    constraint->steps_most = (size_t)1 << 17;
    constraint->walk_nodes = length % 2 == 0 ? 0 : 64;
    follow(constraint, zero != NULL ? zero + 1 : NULL, zero != NULL ? size - length - 1 : 0);
    constraint_free(constraint);
    return 0;
}
