/* model_pieces.c - merges: first the prefixes of a list of words, then random joins of letters. */
#include "model_pieces.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"

/* Frequent words of children's stories and of Python, in which generated models are tried. */
static const char *const WORDS[] = {
    " the",   " and",    " to",     " was",    " a",     " he",    " she",    " it",     " in",
    " that",  " of",     " her",    " his",    " they",  " you",   " with",   " had",    " said",
    " day",   " little", " one",    " play",   " big",   " saw",   " very",   " for",    " on",
    " is",    " not",    " but",    " so",     " happy", " once",  " upon",   " time",   " there",
    " named", " girl",   " boy",    " mom",    " loved", " went",  " wanted", " friend", " because",
    " could", " what",   " who",    " when",   " where", " why",   " number", " return", " def",
    " self",  " print",  " import", " range",  " list",  " if",    " else",   " while",  " class",
    "ing",    "ed",      "er",      "ly",      "tion",   "ment",   "ness",    "able",    "un",
    "re",     "th",      "ou",      "ea",      "ll",     "ss",     "st",      "ch",      "sh",
};

static struct model_piece piece_join(const struct model_piece *a, const struct model_piece *b)
{
    struct model_piece joined = *a;
    memcpy(joined.bytes + a->length, b->bytes, b->length);
    joined.length = (unsigned char)(a->length + b->length);
    return joined;
}

static uint32_t *slot_of(const struct model_pieces *pieces, const struct model_piece *wanted)
{
    size_t at = (size_t)hash_bytes(wanted->bytes, wanted->length, 0) & pieces->mask;
    for (; pieces->slots[at] != 0; at = (at + 1) & pieces->mask) {
        const struct model_piece *other = &pieces->pieces[pieces->slots[at] - 1];
        if (other->length == wanted->length &&
            memcmp(other->bytes, wanted->bytes, wanted->length) == 0)
            break;
    }
    return &pieces->slots[at];
}

/* Adds the piece unless it is there; returns its number, or `count` where the set is full. */
static size_t piece_add(struct model_pieces *pieces, const struct model_piece *piece)
{
    uint32_t *slot = slot_of(pieces, piece);
    if (*slot != 0)
        return *slot - 1;
    if (pieces->count == pieces->capacity)
        return pieces->count;
    pieces->pieces[pieces->count++] = *piece;
    *slot = (uint32_t)pieces->count;
    return pieces->count - 1;
}

static bool find_single(const struct model_pieces *pieces, char byte, size_t *found)
{
    struct model_piece single = {.bytes = {(unsigned char)byte}, .length = 1};
    uint32_t slot = *slot_of(pieces, &single);
    if (slot == 0)
        return false;
    *found = slot - 1;
    return true;
}

/* " the" becomes the merges (" ", "t"), (" t", "h"), (" th", "e"). */
static void add_word(struct model_pieces *pieces, const char *word)
{
    size_t left, right;
    if (!find_single(pieces, word[0], &left))
        return;
    for (size_t i = 1; word[i] != '\0' && find_single(pieces, word[i], &right); i++) {
        struct model_piece joined = piece_join(&pieces->pieces[left], &pieces->pieces[right]);
        joined.left = (uint32_t)left;
        joined.right = (uint32_t)right;
        left = piece_add(pieces, &joined);
        if (left == pieces->count)
            return;
    }
}

static bool is_letters(const struct model_piece *piece, size_t from)
{
    for (size_t i = from; i < piece->length; i++)
        if (piece->bytes[i] < 'a' || piece->bytes[i] > 'z')
            return false;
    return piece->length > from;
}

/* Random joins of pieces of letters (the left one may begin with a space) until the set is full. */
static void add_random(struct model_pieces *pieces, uint64_t seed)
{
    struct random random;
    size_t letters;
    random_seed(&random, seed);
    if (!find_single(pieces, 'a', &letters) || !find_single(pieces, 'e', &letters))
        return;
    for (size_t tries = 0; pieces->count < pieces->capacity && tries < 400 * pieces->capacity;
         tries++) {
        size_t left = (size_t)random_below(&random, pieces->count);
        size_t right = (size_t)random_below(&random, pieces->count);
        const struct model_piece *a = &pieces->pieces[left], *b = &pieces->pieces[right];
        if (!is_letters(a, a->bytes[0] == ' ') || !is_letters(b, 0) ||
            a->length + b->length > MODEL_PIECES_LENGTH)
            continue;
        struct model_piece joined = piece_join(a, b);
        joined.left = (uint32_t)left;
        joined.right = (uint32_t)right;
        piece_add(pieces, &joined);
    }
}

primer_status model_pieces_create(struct model_pieces *pieces, const unsigned char *singles,
                                  size_t single_count, size_t count, uint64_t seed,
                                  primer_error *error)
{
    size_t slots = 4;
    while (slots < 2 * count + 2)
        slots *= 2;
    *pieces = (struct model_pieces){.capacity = count, .singles = single_count, .mask = slots - 1};
    pieces->pieces = memory_allocate(count, sizeof *pieces->pieces);
    pieces->slots = memory_allocate(slots, sizeof *pieces->slots);
    if (!pieces->pieces || !pieces->slots) {
        model_pieces_free(pieces);
        return memory_failure(error, "pieces", count * sizeof *pieces->pieces);
    }
    for (size_t i = 0; i < single_count; i++)
        piece_add(pieces, &(struct model_piece){.bytes = {singles[i]}, .length = 1});
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        add_word(pieces, WORDS[i]);
    add_random(pieces, seed);
    return PRIMER_OK;
}

void model_pieces_free(struct model_pieces *pieces)
{
    memory_free(pieces->pieces);
    memory_free(pieces->slots);
    *pieces = (struct model_pieces){0};
}
