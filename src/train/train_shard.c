/* train_shard.c - reading shards: what train_shard_layout.h draws, in place.
 *
 * Opening believes nothing but the header, whose hash and fields it checks, and holds every count
 * against the file's size, so that afterwards any position that the counts allow lies in the map. A
 * document's borders and ids are checked when it is read. The data's hashes would mean reading it
 * all: train_shard_verify does.
 */
#include "train/train_shard_layout.h"

#include <inttypes.h>
#include <string.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

struct train_shard {
    struct file_map map;
    char *name;
    struct train_shard_header header;
    struct train_shard_layout layout;
};

bool train_shard_layout(const struct train_shard_header *header, struct train_shard_layout *layout)
{
    const struct train_shard_information *const about = &header->information;
    const uint64_t most = (uint64_t)1 << 56; /* far below an overflow of any sum here */
    if (about->tokens > most || about->documents > most)
        return false;
    layout->id_bytes = about->vocabulary <= TRAIN_SHARD_NARROW ? 2 : 4;
    layout->bits_at = (TRAIN_SHARD_HEADER + about->tokens * layout->id_bytes + 7) & ~UINT64_C(7);
    layout->ends_at = layout->bits_at + (header->asked_bits ? (about->tokens + 63) / 64 * 8 : 0);
    layout->pieces_at = layout->ends_at + about->documents * 8;
    layout->pieces =
        (layout->pieces_at - TRAIN_SHARD_HEADER + TRAIN_SHARD_PIECE - 1) / TRAIN_SHARD_PIECE;
    layout->size = layout->pieces_at + layout->pieces * 8;
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct fields {
    uint32_t version, id_bytes, flags, piece;
    uint64_t vocabulary, zeros[3], hash;
};

static primer_status read_fields(struct cursor *cursor, struct fields *fields,
                                 struct train_shard_header *header, primer_error *error)
{
    struct train_shard_information *const about = &header->information;
    FORWARD(cursor_u32(cursor, "version", &fields->version, error));
    if (fields->version != TRAIN_SHARD_VERSION)
        return error_set(error, PRIMER_EUNSUPPORTED, "version: found %" PRIu32 ", expected %u",
                         fields->version, TRAIN_SHARD_VERSION);
    FORWARD(cursor_u32(cursor, "bytes of an id", &fields->id_bytes, error));
    FORWARD(cursor_u32(cursor, "flags", &fields->flags, error));
    FORWARD(cursor_u32(cursor, "bytes of a piece", &fields->piece, error));
    FORWARD(cursor_u64(cursor, "vocabulary", &fields->vocabulary, error));
    FORWARD(cursor_u64(cursor, "tokenizer", &about->tokenizer, error));
    FORWARD(cursor_u64(cursor, "documents", &about->documents, error));
    FORWARD(cursor_u64(cursor, "tokens", &about->tokens, error));
    FORWARD(cursor_u64(cursor, "asked", &about->asked, error));
    FORWARD(cursor_u64(cursor, "text bytes", &about->text_bytes, error));
    FORWARD(cursor_u64(cursor, "longest document", &about->longest, error));
    FORWARD(cursor_u64(cursor, "key", &about->key, error));
    FORWARD(cursor_u64(cursor, "hash of the pieces", &header->pieces_hash, error));
    for (size_t i = 0; i < 3; i++)
        FORWARD(cursor_u64(cursor, "zeros", &fields->zeros[i], error));
    return cursor_u64(cursor, "hash of the header", &fields->hash, error);
}

static primer_status found(const char *field, uint64_t value, const char *expected,
                           primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: found %" PRIu64 ", expected %s", field, value,
                     expected);
}

static primer_status check_fields(const struct fields *fields, struct train_shard_header *header,
                                  primer_error *error)
{
    struct train_shard_information *const about = &header->information;
    if (fields->vocabulary < 1 || fields->vocabulary > TRAIN_SHARD_VOCABULARY)
        return found("vocabulary", fields->vocabulary, "1 to 2147483648", error);
    const bool narrow = fields->vocabulary <= TRAIN_SHARD_NARROW;
    if (fields->id_bytes != (narrow ? 2u : 4u))
        return found("bytes of an id", fields->id_bytes, narrow ? "2" : "4", error);
    if ((fields->flags & ~TRAIN_SHARD_ASKED) != 0)
        return found("flags", fields->flags, "0 or 1", error);
    if (fields->piece != TRAIN_SHARD_PIECE)
        return found("bytes of a piece", fields->piece, "1048576", error);
    for (size_t i = 0; i < 3; i++)
        if (fields->zeros[i] != 0)
            return found("bytes 96 to 119", fields->zeros[i], "zeros", error);
    if (about->documents < 1)
        return found("documents", about->documents, "at least 1", error);
    if (about->tokens < about->documents)
        return found("tokens", about->tokens, "at least as many as documents", error);
    if (about->asked > about->tokens - about->documents)
        return found("asked", about->asked, "at most tokens less documents", error);
    if (about->longest < 1 || about->longest > about->tokens)
        return found("longest document", about->longest, "1 to the number of tokens", error);
    about->vocabulary = (size_t)fields->vocabulary;
    header->asked_bits = (fields->flags & TRAIN_SHARD_ASKED) != 0;
    return PRIMER_OK;
}

static primer_status check_size(struct train_shard *shard, primer_error *error)
{
    const struct train_shard_information *const about = &shard->header.information;
    if (!train_shard_layout(&shard->header, &shard->layout))
        return found("tokens", about->tokens, "less than 2^56", error);
    if (shard->layout.size != shard->map.size)
        return error_set(error, PRIMER_EFORMAT,
                         "%" PRIu64 " documents of %" PRIu64 " tokens take %" PRIu64
                         " bytes, the file has %zu",
                         about->documents, about->tokens, shard->layout.size, shard->map.size);
    const uint64_t end =
        train_shard_get(shard->map.bytes + shard->layout.ends_at + 8 * (about->documents - 1), 8);
    return end == about->tokens
               ? PRIMER_OK
               : found("the last document's end", end, "that of the tokens", error);
}

static primer_status read_header(struct train_shard *shard, primer_error *error)
{
    struct cursor cursor = cursor_over(shard->map.bytes, shard->map.size);
    struct fields fields = {0};
    const unsigned char *magic = NULL;
    FORWARD(cursor_bytes(&cursor, "the beginning", 8, &magic, error));
    if (memcmp(magic, TRAIN_SHARD_MAGIC, 8) != 0) {
        char shown[32];
        return error_set(
            error, PRIMER_EFORMAT, "is no shard: found \"%s\" at its beginning, expected \"%s\"",
            error_printable((const char *)magic, 8, shown, sizeof shown), TRAIN_SHARD_MAGIC);
    }
    FORWARD(read_fields(&cursor, &fields, &shard->header, error));
    if (hash_bytes(shard->map.bytes, TRAIN_SHARD_HASHED, 0) != fields.hash)
        return error_set(error, PRIMER_EFORMAT,
                         "hash of the header: found %016" PRIx64 ", expected %016" PRIx64,
                         hash_bytes(shard->map.bytes, TRAIN_SHARD_HASHED, 0), fields.hash);
    FORWARD(check_fields(&fields, &shard->header, error));
    return check_size(shard, error);
}

/* Takes over the map, also when it fails. */
static primer_status open_map(struct train_shard **shard, struct file_map map, const char *name,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct train_shard *made = memory_allocate(1, sizeof *made);
    if (made == NULL) {
        file_map_close(&map);
        return memory_failure(error, "a shard", sizeof *made);
    }
    made->map = map;
    made->name = memory_copy_text(name);
    if (made->name == NULL) {
        status = memory_failure(error, "a shard's name", strlen(name));
        goto cleanup;
    }
    status = read_header(made, error);
    if (status != PRIMER_OK) {
        error_prefix(error, "%s", name);
        goto cleanup;
    }
    *shard = made;
    made = NULL;
cleanup:
    train_shard_free(made);
    return status;
}

primer_status train_shard_open(struct train_shard **shard, const char *path, primer_error *error)
{
    struct file_map map;
    FORWARD(file_map_open(&map, path, error));
    return open_map(shard, map, path, error);
}

primer_status train_shard_open_memory(struct train_shard **shard, const void *bytes, size_t size,
                                      const char *name, primer_error *error)
{
    struct file_map map;
    file_map_memory(&map, bytes, size);
    return open_map(shard, map, name, error);
}

void train_shard_free(struct train_shard *shard)
{
    if (shard == NULL)
        return;
    file_map_close(&shard->map);
    memory_free(shard->name);
    memory_free(shard);
}

uint64_t train_shard_content(const struct train_shard *shard)
{
    return shard->header.pieces_hash;
}

const struct train_shard_information *train_shard_info(const struct train_shard *shard)
{
    return &shard->header.information;
}

/* ---- documents ------------------------------------------------------------------------------- */

static primer_status borders(const struct train_shard *shard, uint64_t index, uint64_t *begin,
                             uint64_t *end, primer_error *error)
{
    const struct train_shard_information *const about = &shard->header.information;
    if (index >= about->documents)
        return error_set(error, PRIMER_EINVAL,
                         "%s: document %" PRIu64 " was asked for, there are %" PRIu64, shard->name,
                         index, about->documents);
    const unsigned char *const ends = shard->map.bytes + shard->layout.ends_at + 8 * index;
    *begin = index == 0 ? 0 : train_shard_get(ends - 8, 8);
    *end = train_shard_get(ends, 8);
    if (*begin < *end && *end <= about->tokens && *end - *begin <= about->longest)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT,
                     "%s: document %" PRIu64 ": found a begin at token %" PRIu64
                     " and an end at %" PRIu64 ", expected 1 to %" PRIu64 " tokens of the %" PRIu64
                     " there are",
                     shard->name, index, *begin, *end, about->longest, about->tokens);
}

primer_status train_shard_length(const struct train_shard *shard, uint64_t index, size_t *count,
                                 primer_error *error)
{
    uint64_t begin = 0, end = 0;
    FORWARD(borders(shard, index, &begin, &end, error));
    *count = (size_t)(end - begin);
    return PRIMER_OK;
}

/* The highest id is all that has to be compared with the vocabulary. */
static uint32_t read_ids(const struct train_shard *shard, uint64_t at, size_t count, int32_t *ids)
{
    const unsigned char *bytes =
        shard->map.bytes + TRAIN_SHARD_HEADER + at * shard->layout.id_bytes;
    uint32_t highest = 0;
    if (shard->layout.id_bytes == 2) {
        for (size_t i = 0; i < count; i++) {
            const uint32_t id = (uint32_t)bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
            highest = id > highest ? id : highest;
            ids[i] = (int32_t)id;
        }
        return highest;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t id = (uint32_t)train_shard_get(bytes + 4 * i, 4);
        highest = id > highest ? id : highest;
        ids[i] = (int32_t)(id & 0x7FFFFFFFu); /* what is beyond is refused below */
    }
    return highest;
}

static bool is_asked(const struct train_shard *shard, uint64_t token)
{
    const unsigned char *const bits = shard->map.bytes + shard->layout.bits_at;
    return (bits[token / 8] >> (token % 8) & 1) != 0; /* little-endian words */
}

primer_status train_shard_slice(const struct train_shard *shard, uint64_t index, size_t from,
                                size_t count, int32_t *ids, unsigned char *asked,
                                primer_error *error)
{
    uint64_t begin = 0, end = 0;
    FORWARD(borders(shard, index, &begin, &end, error));
    if (from > end - begin || count > end - begin - from)
        return error_set(error, PRIMER_EINVAL,
                         "%s: document %" PRIu64 ": tokens %zu to %zu were asked for, it has %zu",
                         shard->name, index, from, from + count, (size_t)(end - begin));
    const size_t vocabulary = shard->header.information.vocabulary;
    const uint32_t highest = ids == NULL ? 0 : read_ids(shard, begin + from, count, ids);
    if (highest >= vocabulary)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: document %" PRIu64 ": found the id %" PRIu32
                         ", expected less than the vocabulary's %zu",
                         shard->name, index, highest, vocabulary);
    for (size_t i = 0; asked != NULL && i < count; i++)
        asked[i] = from + i > 0 && (!shard->header.asked_bits || is_asked(shard, begin + from + i));
    return PRIMER_OK;
}

primer_status train_shard_document(const struct train_shard *shard, uint64_t index, size_t capacity,
                                   int32_t *ids, unsigned char *asked, size_t *count,
                                   primer_error *error)
{
    size_t all = 0;
    FORWARD(train_shard_length(shard, index, &all, error));
    FORWARD(train_shard_slice(shard, index, 0, all < capacity ? all : capacity, ids, asked, error));
    *count = all;
    return PRIMER_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static primer_status verify_piece(const struct train_shard *shard, uint64_t index,
                                  primer_error *error)
{
    const struct train_shard_layout *const layout = &shard->layout;
    const uint64_t at = TRAIN_SHARD_HEADER + index * TRAIN_SHARD_PIECE;
    const uint64_t left = layout->pieces_at - at;
    const uint64_t length = left < TRAIN_SHARD_PIECE ? left : TRAIN_SHARD_PIECE;
    const uint64_t expected = train_shard_get(shard->map.bytes + layout->pieces_at + 8 * index, 8);
    const uint64_t found = hash_bytes(shard->map.bytes + at, (size_t)length, 0);
    return found == expected ? PRIMER_OK
                             : error_set(error, PRIMER_EFORMAT,
                                         "%s: bytes %" PRIu64 " to %" PRIu64 ": hash %016" PRIx64
                                         ", expected %016" PRIx64,
                                         shard->name, at, at + length, found, expected);
}

/* Where part `part` of `parts` of `count` things begins. */
static uint64_t part_begin(uint64_t count, size_t part, size_t parts)
{
    const uint64_t rest = count % parts;
    return count / parts * part + (part < rest ? part : rest);
}

static primer_status verify_hashes(const struct train_shard *shard, size_t part, size_t parts,
                                   primer_error *error)
{
    const struct train_shard_layout *const layout = &shard->layout;
    const unsigned char *const hashes = shard->map.bytes + layout->pieces_at;
    if (part == 0 && hash_bytes(hashes, (size_t)layout->pieces * 8, 0) != shard->header.pieces_hash)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: the pieces' hashes, at byte %" PRIu64
                         ", are not those that were written",
                         shard->name, layout->pieces_at);
    const uint64_t end = part_begin(layout->pieces, part + 1, parts);
    for (uint64_t i = part_begin(layout->pieces, part, parts); i < end; i++)
        FORWARD(verify_piece(shard, i, error));
    return PRIMER_OK;
}

#define STEP 4096 /* tokens looked at in one go */

static primer_status verify_document(const struct train_shard *shard, uint64_t index, size_t count,
                                     uint64_t *asked, primer_error *error)
{
    int32_t ids[STEP];
    unsigned char marks[STEP];
    for (size_t at = 0; at < count; at += STEP) {
        const size_t step = count - at < STEP ? count - at : STEP;
        FORWARD(train_shard_slice(shard, index, at, step, ids, marks, error));
        for (size_t i = 0; i < step; i++)
            *asked += marks[i];
    }
    return PRIMER_OK;
}

primer_status train_shard_verify_part(const struct train_shard *shard, size_t part, size_t parts,
                                      uint64_t *asked, uint64_t *longest, primer_error *error)
{
    const uint64_t documents = shard->header.information.documents;
    const uint64_t end = part_begin(documents, part + 1, parts);
    *asked = *longest = 0;
    FORWARD(verify_hashes(shard, part, parts, error));
    for (uint64_t i = part_begin(documents, part, parts); i < end; i++) {
        size_t count = 0;
        FORWARD(train_shard_length(shard, i, &count, error));
        FORWARD(verify_document(shard, i, count, asked, error));
        *longest = count > *longest ? count : *longest;
    }
    return PRIMER_OK;
}

primer_status train_shard_verify_counts(const struct train_shard *shard, uint64_t asked,
                                        uint64_t longest, primer_error *error)
{
    const struct train_shard_information *const about = &shard->header.information;
    if (asked != about->asked)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: the loss asks for %" PRIu64 " tokens, the header says %" PRIu64,
                         shard->name, asked, about->asked);
    if (longest != about->longest)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: the longest document has %" PRIu64
                         " tokens, the header says %" PRIu64,
                         shard->name, longest, about->longest);
    return PRIMER_OK;
}

primer_status train_shard_verify(const struct train_shard *shard, primer_error *error)
{
    uint64_t asked = 0, longest = 0;
    FORWARD(train_shard_verify_part(shard, 0, 1, &asked, &longest, error));
    return train_shard_verify_counts(shard, asked, longest, error);
}
