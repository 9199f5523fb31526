/* data_decontaminate_words.c - grams of words. Declared in data_decontaminate_words.h.
 *
 * The hash of words i .. i + n is prefix[i + n] - prefix[i] * BASE^n, with
 * prefix[k + 1] = prefix[k] * BASE + hash of word k, modulo 2^64: any length in one step.
 */
#include "data/data_decontaminate_words.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data/data_overlap_text.h"

#define BASE 0x9E3779B97F4A7C15ULL

/* ---- reading --------------------------------------------------------------------------------- */

void data_decontaminate_reader_free(struct data_decontaminate_reader *reader)
{
    buffer_free(&reader->folded);
    memory_free(reader->words);
    memory_free(reader->hashes);
    memory_free(reader->prefix);
    memory_free(reader->marks);
    *reader = (struct data_decontaminate_reader){0};
}

static primer_status grow_reader(struct data_decontaminate_reader *reader, primer_error *error)
{
    const size_t room = reader->room == 0 ? 1024 : 2 * reader->room;
    struct data_overlap_word *const words = memory_resize(reader->words, room, sizeof *words);
    reader->words = words != NULL ? words : reader->words;
    uint64_t *const hashes = memory_resize(reader->hashes, room, sizeof *hashes);
    reader->hashes = hashes != NULL ? hashes : reader->hashes;
    uint64_t *const prefix = memory_resize(reader->prefix, room + 1, sizeof *prefix);
    reader->prefix = prefix != NULL ? prefix : reader->prefix;
    if (words == NULL || hashes == NULL || prefix == NULL)
        return memory_failure(error, "the words of a document", room * sizeof *words);
    reader->room = room;
    return PRIMER_OK;
}

static primer_status read_words(struct data_decontaminate_reader *reader, const char *text,
                                size_t length, primer_error *error)
{
    struct data_overlap_word word;
    reader->count = 0;
    FORWARD(data_overlap_text_fold(text, length, &reader->folded, error));
    for (size_t at = 0; data_overlap_text_word(&reader->folded, DATA_OVERLAP_PLAIN, &at, &word);) {
        const size_t i = reader->count;
        if (i == reader->room)
            FORWARD(grow_reader(reader, error));
        reader->prefix[0] = 0;
        reader->words[i] = word;
        reader->hashes[i] = hash_bytes(reader->folded.bytes + word.begin, word.length, 0);
        reader->prefix[i + 1] = reader->prefix[i] * BASE + reader->hashes[i];
        reader->count++;
    }
    return PRIMER_OK;
}

static uint64_t power(size_t exponent)
{
    uint64_t product = 1;
    for (size_t i = 0; i < exponent; i++)
        product *= BASE;
    return product;
}

static uint64_t gram_hash(const struct data_decontaminate_reader *reader, size_t first,
                          size_t length, uint64_t factor)
{
    const uint64_t hash = reader->prefix[first + length] - reader->prefix[first] * factor;
    return (hash ^ (hash >> 32)) * BASE + length;
}

/* ---- the index ------------------------------------------------------------------------------- */

static primer_status add_gram(struct data_decontaminate_words *index, uint64_t hash, uint32_t item,
                              primer_error *error)
{
    size_t number = 0;
    const size_t before = index->grams.count;
    FORWARD(data_overlap_table_enter(&index->grams, hash, &number, error));
    if (index->grams.count > index->room) {
        const size_t room = index->room == 0 ? 4096 : 2 * index->room;
        struct data_decontaminate_gram *const of = memory_resize(index->of, room, sizeof *of);
        if (of == NULL)
            return memory_failure(error, "grams of words", room * sizeof *of);
        index->of = of;
        index->room = room;
    }
    struct data_decontaminate_gram *const gram = &index->of[number];
    if (index->grams.count > before)
        *gram = (struct data_decontaminate_gram){0};
    if (gram->count > DATA_DECONTAMINATE_COMMON ||
        (gram->count > 0 && gram->items[gram->count - 1] == item))
        return PRIMER_OK;
    if (gram->count < DATA_DECONTAMINATE_COMMON)
        gram->items[gram->count] = item;
    gram->count++;
    return PRIMER_OK;
}

static primer_status add_part(struct data_decontaminate_words *index,
                              struct data_decontaminate_reader *reader,
                              const struct data_decontaminate_part *part, uint32_t item,
                              primer_error *error)
{
    size_t number = 0;
    FORWARD(read_words(reader, part->text, part->length, error));
    for (size_t i = 0; i < reader->count; i++)
        FORWARD(data_overlap_table_enter(&index->vocabulary, reader->hashes[i], &number, error));
    const size_t length = reader->count < index->words ? reader->count : index->words;
    if (length < index->words && length < DATA_DECONTAMINATE_LEAST)
        return PRIMER_OK;
    index->lengths[length] = 1;
    for (size_t i = 0; i + length <= reader->count; i++)
        FORWARD(add_gram(index, gram_hash(reader, i, length, power(length)), item, error));
    return PRIMER_OK;
}

static primer_status make_marks(const struct data_decontaminate_words *index,
                                struct data_decontaminate_reader *reader, primer_error *error)
{
    if (reader->mark_count < index->vocabulary.count) {
        memory_free(reader->marks);
        reader->mark_count = 0;
        reader->marks = memory_allocate(index->vocabulary.count, 1);
        if (reader->marks == NULL)
            return memory_failure(error, "marks of words", index->vocabulary.count);
        reader->mark_count = index->vocabulary.count;
    }
    if (reader->mark_count > 0)
        memset(reader->marks, 0, reader->mark_count);
    return PRIMER_OK;
}

primer_status data_decontaminate_words_mark(const struct data_decontaminate_words *index,
                                            struct data_decontaminate_reader *reader,
                                            const char *text, size_t length, primer_error *error)
{
    FORWARD(make_marks(index, reader, error));
    FORWARD(read_words(reader, text, length, error));
    for (size_t i = 0; i < reader->count; i++) {
        const size_t word = data_overlap_table_find(&index->vocabulary, reader->hashes[i]);
        if (word != SIZE_MAX)
            reader->marks[word] = 1;
    }
    return PRIMER_OK;
}

/* The different words of all its parts. */
static primer_status add_words_of(struct data_decontaminate_words *index,
                                  struct data_decontaminate_reader *reader,
                                  const struct data_decontaminate_item *item, primer_error *error)
{
    FORWARD(make_marks(index, reader, error));
    index->first_word[index->item_count] = index->words_length;
    for (size_t k = 0; k < item->part_count; k++) {
        FORWARD(read_words(reader, item->parts[k].text, item->parts[k].length, error));
        if (reader->count > index->words_room - index->words_length) {
            const size_t room = 2 * (index->words_length + reader->count) + 4096;
            uint32_t *const grown = memory_resize(index->words_of, room, sizeof *grown);
            if (grown == NULL)
                return memory_failure(error, "words of items", room * sizeof *grown);
            index->words_of = grown;
            index->words_room = room;
        }
        for (size_t i = 0; i < reader->count; i++) {
            const size_t word = data_overlap_table_find(&index->vocabulary, reader->hashes[i]);
            if (reader->marks[word] != 0)
                continue;
            reader->marks[word] = 1;
            index->words_of[index->words_length++] = (uint32_t)word;
            index->frequency.items[word]++;
        }
    }
    index->first_word[++index->item_count] = index->words_length;
    index->frequency.item_count++;
    return PRIMER_OK;
}

primer_status data_decontaminate_words_create(struct data_decontaminate_words *index,
                                              const struct data_decontaminate_items *items,
                                              size_t words, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_decontaminate_reader reader = {0};
    *index = (struct data_decontaminate_words){.words = words};
    if (words < 1 || words > DATA_DECONTAMINATE_LONGEST)
        return error_set(error, PRIMER_EINVAL, "words of a gram: found %zu, expected 1 to %d",
                         words, DATA_DECONTAMINATE_LONGEST);
    for (size_t i = 0; i < items->count; i++)
        for (size_t k = 0; k < items->items[i].part_count; k++)
            TRY(add_part(index, &reader, &items->items[i].parts[k], (uint32_t)i, error));
    TRY(data_overlap_weight_create(&index->frequency, index->vocabulary.count, error));
    index->first_word = memory_allocate(items->count + 1, sizeof *index->first_word);
    if (index->first_word == NULL) {
        status = memory_failure(error, "words of items", items->count * sizeof(size_t));
        goto cleanup;
    }
    for (size_t i = 0; i < items->count; i++)
        TRY(add_words_of(index, &reader, &items->items[i], error));
cleanup:
    data_decontaminate_reader_free(&reader);
    return status;
}

void data_decontaminate_words_free(struct data_decontaminate_words *index)
{
    data_overlap_table_free(&index->grams);
    data_overlap_table_free(&index->vocabulary);
    memory_free(index->of);
    data_overlap_weight_free(&index->frequency);
    memory_free(index->words_of);
    memory_free(index->first_word);
    *index = (struct data_decontaminate_words){0};
}

primer_status data_decontaminate_words_count(struct data_decontaminate_words *index,
                                             struct data_decontaminate_reader *reader,
                                             const char *text, size_t length, primer_error *error)
{
    FORWARD(data_decontaminate_words_mark(index, reader, text, length, error));
    index->frequency.document_count++;
    for (size_t i = 0; i < index->vocabulary.count; i++)
        index->frequency.documents[i] += reader->marks[i];
    return PRIMER_OK;
}

void data_decontaminate_words_finish(struct data_decontaminate_words *index)
{
    data_overlap_weight_finish(&index->frequency);
}

double data_decontaminate_words_shared(const struct data_decontaminate_words *index,
                                       const struct data_decontaminate_reader *reader, size_t item)
{
    double weight = 0;
    for (size_t i = index->first_word[item]; i < index->first_word[item + 1]; i++)
        if (reader->marks[index->words_of[i]] != 0)
            weight += (double)index->frequency.weights[index->words_of[i]];
    return weight;
}

/* ---- finding --------------------------------------------------------------------------------- */

static double weight_of(const struct data_decontaminate_words *index, const uint64_t *hashes,
                        size_t length)
{
    double weight = 0;
    for (size_t i = 0; i < length; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = hashes[k] == hashes[i];
        const size_t word =
            again ? SIZE_MAX : data_overlap_table_find(&index->vocabulary, hashes[i]);
        if (word != SIZE_MAX)
            weight += (double)index->frequency.weights[word];
    }
    return weight;
}

static bool has_item(const struct data_decontaminate_gram *gram, size_t item)
{
    for (size_t i = 0; i < gram->count; i++)
        if (gram->items[i] == item)
            return true;
    return false;
}

/* The first item of what begins at a word, or the run's own; a gram that has it counts for the
 * run. */
static void meet(const struct data_decontaminate_words *index,
                 const struct data_decontaminate_reader *reader, size_t first, size_t length,
                 uint64_t factor, double least, struct data_decontaminate_run *run)
{
    const size_t number =
        data_overlap_table_find(&index->grams, gram_hash(reader, first, length, factor));
    if (number == SIZE_MAX)
        return;
    const struct data_decontaminate_gram *const gram = &index->of[number];
    if (gram->count > DATA_DECONTAMINATE_COMMON)
        return;
    const double weight = weight_of(index, reader->hashes + first, length);
    if (weight < least || (run->item != SIZE_MAX && !has_item(gram, run->item)))
        return;
    if (run->item == SIZE_MAX)
        *run = (struct data_decontaminate_run){.item = gram->items[0], .first = first};
    run->grams++;
    run->weight = weight > run->weight ? weight : run->weight;
    if (first <= run->first + run->length && first + length > run->first + run->length)
        run->length = first + length - run->first;
}

primer_status data_decontaminate_words_find(const struct data_decontaminate_words *index,
                                            struct data_decontaminate_reader *reader,
                                            const char *text, size_t length, double least,
                                            double least_whole, struct data_decontaminate_run *run,
                                            primer_error *error)
{
    *run = (struct data_decontaminate_run){.item = SIZE_MAX};
    FORWARD(read_words(reader, text, length, error));
    for (size_t n = index->words; n > 0; n--) {
        const uint64_t factor = power(n);
        for (size_t i = 0; index->lengths[n] != 0 && i + n <= reader->count; i++)
            meet(index, reader, i, n, factor, n < index->words ? least_whole : least, run);
        if (run->item != SIZE_MAX) /* the longest are the evidence */
            break;
    }
    return PRIMER_OK;
}
