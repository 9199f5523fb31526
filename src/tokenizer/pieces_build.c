/* pieces_build.c - the tables of pieces.h from a vocabulary.
 *
 *   "▁the"  ->  letters  ▁ t h e
 *               joins    (▁,t) (t,h) (h,e)
 *               merges   (▁, the) (▁t, he) (▁th, e) as far as both halves are symbols, each with
 *                        the rank of the score of "▁the"
 *
 * Texts with a space in them can't be met, as spaces of a text are looked up as "▁".
 */
#include "tokenizer/pieces.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

enum { WORD_SPACE = 0x2581 };

void pieces_free(struct pieces *pieces)
{
    memory_free(pieces->pages);
    memory_free(pieces->letters);
    merge_table_free(&pieces->joins);
    pieces->pages = NULL;
    pieces->letters = NULL;
}

static bool is_piece(const struct vocabulary_token *token)
{
    return token->kind == VOCABULARY_NORMAL || token->kind == VOCABULARY_USER_DEFINED ||
           token->kind == VOCABULARY_UNUSED;
}

/* Appends a page where nothing is a symbol. */
static primer_status add_page(struct pieces *pieces, primer_error *error)
{
    if (pieces->page_count == pieces->page_capacity) {
        const size_t capacity = pieces->page_capacity == 0 ? 16 : 2 * pieces->page_capacity;
        uint32_t(*pages)[256] = memory_resize(pieces->pages, capacity, sizeof *pages);
        if (pages == NULL)
            return memory_failure(error, "the table of characters", capacity * sizeof *pages);
        pieces->pages = pages;
        pieces->page_capacity = capacity;
    }
    memset(pieces->pages[pieces->page_count++], 0xFF, sizeof *pieces->pages);
    return PRIMER_OK;
}

/* Where the symbol of a character stands, in a page of its own. */
static primer_status symbol_place(struct pieces *pieces, uint32_t code_point, uint32_t **place,
                                  primer_error *error)
{
    const uint32_t page = code_point >> 8;
    if (pieces->page_of[page] == 0) {
        FORWARD(add_page(pieces, error));
        pieces->page_of[page] = (uint32_t)(pieces->page_count - 1);
    }
    *place = &pieces->pages[pieces->page_of[page]][code_point & 0xFF];
    return PRIMER_OK;
}

/* A symbol for a character that is no token. */
static primer_status add_letter(struct tokenizer *tokenizer, uint32_t code_point, uint32_t *symbol,
                                primer_error *error)
{
    struct pieces *const pieces = &tokenizer->pieces;
    if (pieces->letter_count == pieces->letter_capacity) {
        const size_t capacity = pieces->letter_capacity == 0 ? 16 : 2 * pieces->letter_capacity;
        uint32_t *const letters = memory_resize(pieces->letters, capacity, sizeof *letters);
        if (letters == NULL)
            return memory_failure(error, "the table of characters", capacity * sizeof *letters);
        pieces->letters = letters;
        pieces->letter_capacity = capacity;
    }
    *symbol = (uint32_t)(tokenizer->vocabulary.count + pieces->letter_count);
    pieces->letters[pieces->letter_count++] = code_point;
    return PRIMER_OK;
}

/* A token's text as characters: ends[i] is where the i-th ends. */
struct spelling {
    const char *text;
    size_t count;
    uint32_t code_points[VOCABULARY_TEXT_MOST];
    uint32_t symbols[VOCABULARY_TEXT_MOST];
    uint32_t ends[VOCABULARY_TEXT_MOST];
};

/* False where the token can't be met in a text. */
static bool spell(const struct tokenizer *tokenizer, size_t id, struct spelling *spelling)
{
    const struct vocabulary_token *const token = &tokenizer->vocabulary.tokens[id];
    spelling->text = vocabulary_text(&tokenizer->vocabulary, id);
    spelling->count = 0;
    if (!is_piece(token) || token->text_length == 0 ||
        memchr(spelling->text, ' ', token->text_length) != NULL)
        return false;
    for (size_t at = 0; at < token->text_length;) {
        uint32_t code_point = 0;
        size_t width = utf8_decode(spelling->text + at, token->text_length - at, &code_point);
        if (width == 0) {
            code_point = 0x110000u + (unsigned char)spelling->text[at];
            width = 1;
        }
        at += width;
        spelling->code_points[spelling->count] = code_point;
        spelling->ends[spelling->count++] = (uint32_t)at;
    }
    return true;
}

/* The pages, with the characters that are tokens. */
static primer_status add_characters(struct tokenizer *tokenizer, struct spelling *spelling,
                                    primer_error *error)
{
    struct pieces *const pieces = &tokenizer->pieces;
    uint32_t *place;
    FORWARD(add_page(pieces, error));
    FORWARD(symbol_place(pieces, ' ', &place, error)); /* ASCII has a page of its own in any case */
    for (size_t id = 0; id < tokenizer->vocabulary.count; id++) {
        if (!spell(tokenizer, id, spelling) || spelling->count != 1)
            continue;
        FORWARD(symbol_place(pieces, spelling->code_points[0], &place, error));
        *place = (uint32_t)id;
    }
    return PRIMER_OK;
}

/* Symbols for the characters of a piece, and its joins. */
static primer_status add_joins(struct tokenizer *tokenizer, struct spelling *spelling,
                               primer_error *error)
{
    for (size_t i = 0; i < spelling->count; i++) {
        uint32_t *place;
        FORWARD(symbol_place(&tokenizer->pieces, spelling->code_points[i], &place, error));
        if (*place == PIECES_NONE)
            FORWARD(add_letter(tokenizer, spelling->code_points[i], place, error));
        spelling->symbols[i] = *place;
        bool added;
        if (i > 0)
            FORWARD(merge_table_add(&tokenizer->pieces.joins, spelling->symbols[i - 1],
                                    spelling->symbols[i], 0, 0, &added, error));
    }
    return PRIMER_OK;
}

/* The symbol of characters first..last of a spelling, PIECES_NONE where they are none. */
static uint32_t part(const struct tokenizer *tokenizer, const struct spelling *spelling,
                     size_t first, size_t last)
{
    if (first == last)
        return spelling->symbols[first];
    const size_t begin = first == 0 ? 0 : spelling->ends[first - 1];
    const int32_t id = vocabulary_find(&tokenizer->vocabulary, spelling->text + begin,
                                       spelling->ends[last] - begin);
    return id < 0 || !is_piece(&tokenizer->vocabulary.tokens[id]) ? PIECES_NONE : (uint32_t)id;
}

static primer_status add_merges(struct tokenizer *tokenizer, const struct spelling *spelling,
                                uint32_t rank, size_t id, primer_error *error)
{
    for (size_t i = 0; i + 1 < spelling->count; i++) {
        const uint32_t left = part(tokenizer, spelling, 0, i);
        if (left == PIECES_NONE)
            continue;
        const uint32_t right = part(tokenizer, spelling, i + 1, spelling->count - 1);
        bool added;
        if (right != PIECES_NONE)
            FORWARD(merge_table_add(&tokenizer->merges, left, right, rank, (uint32_t)id, &added,
                                    error));
    }
    return PRIMER_OK;
}

struct scored {
    float score;
    uint32_t id;
};

static int by_score(const void *left, const void *right)
{
    const float a = ((const struct scored *)left)->score, b = ((const struct scored *)right)->score;
    return (a < b) - (a > b);
}

/* rank[id]: 0 for the highest score, equal scores equal. */
static primer_status rank_scores(const struct vocabulary *vocabulary, uint32_t *rank,
                                 primer_error *error)
{
    struct scored *const scored = memory_allocate(vocabulary->count, sizeof *scored);
    if (scored == NULL)
        return memory_failure(error, "the order of pieces", vocabulary->count * sizeof *scored);
    for (size_t id = 0; id < vocabulary->count; id++)
        scored[id] = (struct scored){vocabulary->tokens[id].score, (uint32_t)id};
    qsort(scored, vocabulary->count, sizeof *scored, by_score);
    uint32_t next = 0;
    for (size_t i = 0; i < vocabulary->count; i++) {
        if (i > 0 && scored[i].score < scored[i - 1].score)
            next++;
        rank[scored[i].id] = next;
    }
    memory_free(scored);
    return PRIMER_OK;
}

/* A space is "▁", and the pairs of ASCII characters in a table of their own. */
static primer_status finish(struct pieces *pieces, primer_error *error)
{
    uint32_t *space, *word_space;
    FORWARD(symbol_place(pieces, WORD_SPACE, &word_space, error));
    const uint32_t symbol = *word_space;
    FORWARD(symbol_place(pieces, ' ', &space, error));
    *space = symbol;
    const uint32_t *const ascii = pieces->pages[pieces->page_of[0]];
    for (size_t left = 0; left < 128; left++) {
        for (size_t right = 0; right < 128; right++)
            pieces->ascii_joins[left][right] =
                ascii[left] != PIECES_NONE && ascii[right] != PIECES_NONE &&
                merge_find(&pieces->joins, ascii[left], ascii[right]) != NULL;
    }
    return PRIMER_OK;
}

static primer_status merges_of_all(struct tokenizer *tokenizer, struct spelling *spelling,
                                   primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t count = tokenizer->vocabulary.count;
    uint32_t *const rank = memory_allocate(count, sizeof *rank);
    if (rank == NULL)
        return memory_failure(error, "the order of pieces", count * sizeof *rank);
    TRY(rank_scores(&tokenizer->vocabulary, rank, error));
    for (size_t id = 0; id < count; id++) {
        if (!spell(tokenizer, id, spelling) || spelling->count < 2)
            continue;
        TRY(add_joins(tokenizer, spelling, error));
        TRY(add_merges(tokenizer, spelling, rank[id], id, error));
    }
cleanup:
    memory_free(rank);
    return status;
}

static primer_status joins_of_merges(struct tokenizer *tokenizer, struct spelling *spelling,
                                     primer_error *error)
{
    const struct merge_table *const merges = &tokenizer->merges;
    for (size_t i = 0; i < merges->capacity; i++) {
        if (merges->slots[i].pair != UINT64_MAX &&
            spell(tokenizer, merges->slots[i].result, spelling))
            FORWARD(add_joins(tokenizer, spelling, error));
    }
    return PRIMER_OK;
}

static primer_status build(struct tokenizer *tokenizer,
                           primer_status (*fill)(struct tokenizer *, struct spelling *,
                                                 primer_error *),
                           primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct spelling *const spelling = memory_allocate(1, sizeof *spelling);
    if (spelling == NULL)
        return memory_failure(error, "the spelling of a token", sizeof *spelling);
    TRY(merge_table_create(&tokenizer->pieces.joins, 1024, error));
    TRY(add_characters(tokenizer, spelling, error));
    TRY(fill(tokenizer, spelling, error));
    TRY(finish(&tokenizer->pieces, error));
cleanup:
    memory_free(spelling);
    return status;
}

primer_status pieces_from_scores(struct tokenizer *tokenizer, primer_error *error)
{
    FORWARD(merge_table_create(&tokenizer->merges, 2 * tokenizer->vocabulary.count, error));
    return build(tokenizer, merges_of_all, error);
}

primer_status pieces_from_merges(struct tokenizer *tokenizer, primer_error *error)
{
    return build(tokenizer, joins_of_merges, error);
}
