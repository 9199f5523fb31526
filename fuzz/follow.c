/* follow.c - towards the end of an answer one goes by the end itself, by what closes something in
 * JSON, else by chance: a loop that the choices have led into is left again sooner or later.
 */
#include "follow.h"

#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "constraint/constraint_internal.h"
#include "constraint/constraint_vocabulary.h"
#include "fuzz_driver.h"
#include "tokenizer/vocabulary.h"

enum { STEPS_CHOSEN = 64, STEPS_MOST = 400 };

/* ---- the vocabulary -------------------------------------------------------------------------- */

static const char *const longer[] = {"ab",
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

const struct constraint_vocabulary *follow_vocabulary(void)
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
    for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++)
        spell(&json, longer[i], strlen(longer[i]), id++);
    buffer_format(&json, NULL,
                  "}},\"added_tokens\":[{\"id\":%zu,\"content\":\"<think>\",\"special\":true},"
                  "{\"id\":%zu,\"content\":\"</s>\",\"special\":true}]}",
                  id, id + 1);
    fuzz_check(tokenizer_from_json(&tokenizer, json.bytes, json.length, "fuzz", NULL) ==
                       PRIMER_OK &&
                   constraint_vocabulary_create(tokenizer, &made, NULL) == PRIMER_OK,
               "there is a vocabulary");
    fuzz_check(made->words <= FOLLOW_WORDS, "a mask fits");
    tokenizer_free(tokenizer);
    buffer_free(&json);
    return made;
}

bool follow_allows(const uint64_t *mask, size_t id)
{
    return (mask[id / 64] >> id % 64 & 1) != 0;
}

void follow_narrow(primer_constraint *constraint, size_t kind)
{
    constraint->bytes_most = (size_t)1 << 20;
    constraint->steps_most = (size_t)1 << 17;
    constraint->walk_nodes = kind % 2 == 0 ? 0 : 64;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct writer {
    struct constraint_matcher *matcher;
    struct follow_choices choices;
    struct random random;
    bool quoted, escaped; /* inside a JSON string; behind a backslash in one */
    struct buffer *text;
};

static void append(struct writer *writer, size_t id)
{
    const struct constraint_vocabulary *const words = follow_vocabulary();
    const struct vocabulary_bytes token = words->bytes[id];
    const char *const bytes = words->store.bytes + token.first;
    for (size_t i = 0; i < token.length; i++) {
        if (bytes[i] == '"' && !writer->escaped)
            writer->quoted = !writer->quoted;
        writer->escaped = writer->quoted && !writer->escaped && bytes[i] == '\\';
    }
    fuzz_check(buffer_append(writer->text, bytes, token.length, NULL) == PRIMER_OK,
               "there is memory for an answer");
}

/* The next allowed token from `from` on, around. */
static size_t next_allowed(const uint64_t *mask, size_t from)
{
    size_t id = from;
    while (!follow_allows(mask, id))
        id = (id + 1) % follow_vocabulary()->count;
    return id;
}

/* A byte that is in no text stands for one of the longer tokens, any other for itself. */
static size_t chosen(unsigned char byte)
{
    enum { NEVER = 0xF8, BYTES = 256 };
    const size_t others = follow_vocabulary()->count - BYTES;
    return byte < NEVER ? byte : BYTES + (size_t)(byte - NEVER) * others / (BYTES - NEVER);
}

static size_t choose(struct writer *writer, const uint64_t *mask, size_t step)
{
    const struct constraint_vocabulary *const words = follow_vocabulary();
    const char *const closing = !writer->choices.json || writer->escaped ? ""
                                : writer->quoted                         ? "\""
                                                                         : "}]\"0";
    if (step < writer->choices.count && step < STEPS_CHOSEN)
        return next_allowed(mask, chosen(writer->choices.bytes[step]));
    if (follow_allows(mask, (size_t)words->ends[0]))
        return (size_t)words->ends[0];
    for (size_t i = 0; closing[i] != '\0'; i++)
        if (follow_allows(mask, (unsigned char)closing[i]))
            return (unsigned char)closing[i];
    return next_allowed(mask, (size_t)random_below(&writer->random, words->count));
}

/* NULL: a limit. */
static const uint64_t *mask_of(struct constraint_matcher *matcher)
{
    primer_error error = {0};
    const uint64_t *const mask = constraint_matcher_mask(matcher, &error);
    if (mask == NULL)
        fuzz_status(error.status, &error);
    fuzz_check(mask != NULL || error.status == PRIMER_ELIMIT, "every place leads on");
    return mask;
}

static enum follow_verdict write_steps(struct writer *writer)
{
    const size_t end = (size_t)follow_vocabulary()->ends[0];
    for (size_t step = 0; step < STEPS_MOST; step++) {
        const uint64_t *const mask = mask_of(writer->matcher);
        if (mask == NULL)
            return FOLLOW_LIMITED;
        fuzz_check(follow_allows(mask, end) == constraint_matcher_complete(writer->matcher),
                   "the end is allowed where the answer is complete");
        const size_t id = choose(writer, mask, step);
        if (!constraint_matcher_take(writer->matcher, (int32_t)id)) {
            fuzz_check(mask_of(writer->matcher) == NULL, "what a mask allows is taken");
            return FOLLOW_LIMITED;
        }
        if (id == end)
            return FOLLOW_COMPLETE;
        append(writer, id);
    }
    return FOLLOW_BEGUN;
}

/* NULL: a limit. */
static struct constraint_matcher *matcher_of(primer_constraint *constraint)
{
    struct constraint_matcher *matcher = NULL;
    primer_error error = {0};
    const primer_status status =
        constraint_matcher_create(constraint, follow_vocabulary(), &matcher, &error);
    fuzz_status(status, &error);
    return status == PRIMER_OK ? matcher : NULL;
}

enum follow_verdict follow_write(primer_constraint *constraint, struct follow_choices choices,
                                 struct buffer *text)
{
    struct writer writer = {.matcher = matcher_of(constraint), .choices = choices, .text = text};
    if (writer.matcher == NULL)
        return FOLLOW_LIMITED;
    random_seed(&writer.random, hash_bytes(choices.bytes, choices.count, 0));
    const enum follow_verdict verdict = write_steps(&writer);
    constraint_matcher_free(writer.matcher);
    return verdict;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum follow_verdict follow_read(primer_constraint *constraint, const char *bytes, size_t length)
{
    struct constraint_matcher *const matcher = matcher_of(constraint);
    enum follow_verdict verdict = FOLLOW_BEGUN;
    if (matcher == NULL)
        return FOLLOW_LIMITED;
    for (size_t i = 0; i < length && verdict == FOLLOW_BEGUN; i++)
        if (!constraint_matcher_take_bytes(matcher, bytes + i, 1))
            verdict = mask_of(matcher) == NULL ? FOLLOW_LIMITED : FOLLOW_REFUSED;
    if (verdict == FOLLOW_BEGUN && constraint_matcher_complete(matcher))
        verdict = FOLLOW_COMPLETE;
    constraint_matcher_free(matcher);
    return verdict;
}
