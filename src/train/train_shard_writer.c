/* train_shard_writer.c - writing shards from the first document to the last, in bounded memory.
 *
 *   ids                       to the file, as they come
 *   asked bits, ends          to a spill each, and behind the ids when the last document is there
 *   pieces' hashes, header    at the end; the header's place was held by zeros
 *
 * A spill is a run of bytes in memory that moves to an unnamed file in the shard's own folder
 * whenever it is full, so that a hundred million documents need no more memory than ten.
 */
#include "train/train_shard_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

#define SPILL_BYTES ((size_t)1 << 18)

/* ---- spills ---------------------------------------------------------------------------------- */

struct spill {
    unsigned char *bytes; /* [SPILL_BYTES] */
    size_t length;        /* of them in use */
    bool moved;           /* the file below is open */
    int descriptor;
    uint64_t before; /* bytes in the file */
};

/* Not under any name: nothing is left behind by a process that is killed. */
static primer_status open_unnamed(const char *path, int *descriptor, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer name = {0};
    TRY(buffer_append(&name, path, (size_t)(file_base_name(path) - path), error));
    if (name.length == 0)
        TRY(buffer_text(&name, "./", error));
    *descriptor = open(name.bytes, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*descriptor < 0) { /* a file system that has no unnamed files */
        TRY(buffer_text(&name, ".primer-shard-XXXXXX", error));
        *descriptor = mkstemp(name.bytes);
        if (*descriptor < 0)
            FAIL(PRIMER_EIO, "%s: cannot make a file beside it: %s", path, strerror(errno));
        unlink(name.bytes);
    }
cleanup:
    buffer_free(&name);
    return status;
}

static primer_status spill_move(struct spill *spill, const char *path, primer_error *error)
{
    if (!spill->moved) {
        FORWARD(open_unnamed(path, &spill->descriptor, error));
        spill->moved = true;
    }
    for (size_t at = 0; at < spill->length;) {
        const ssize_t taken = write(spill->descriptor, spill->bytes + at, spill->length - at);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0)
            return error_set(error, PRIMER_EIO, "%s: cannot write a file beside it: %s", path,
                             strerror(taken < 0 ? errno : EIO));
        at += (size_t)taken;
    }
    spill->before += spill->length;
    spill->length = 0;
    return PRIMER_OK;
}

static primer_status spill_put(struct spill *spill, uint64_t value, const char *path,
                               primer_error *error)
{
    if (spill->bytes == NULL) {
        spill->bytes = memory_allocate(SPILL_BYTES, 1);
        if (spill->bytes == NULL)
            return memory_failure(error, "a shard's tables", SPILL_BYTES);
    }
    if (spill->length == SPILL_BYTES)
        FORWARD(spill_move(spill, path, error));
    train_shard_put(spill->bytes + spill->length, value, 8);
    spill->length += 8;
    return PRIMER_OK;
}

static void spill_free(struct spill *spill)
{
    if (spill->moved)
        close(spill->descriptor);
    memory_free(spill->bytes);
    *spill = (struct spill){0};
}

/* ---- the writer ------------------------------------------------------------------------------ */

struct train_shard_writer {
    struct file_writer file;
    char *path;
    struct train_shard_header header;
    struct train_shard_layout layout;
    unsigned char *piece; /* [TRAIN_SHARD_PIECE] being filled */
    size_t piece_length;
    struct buffer hashes;    /* of the full pieces */
    struct spill bits, ends; /* u64 words */
    uint64_t word;           /* asked bits of the tokens since the last multiple of 64 */
};

/* The header's numbers are known at the end; till then zeros are there. */
static primer_status begin_file(struct train_shard_writer *writer, primer_error *error)
{
    static const unsigned char zeros[TRAIN_SHARD_HEADER];
    FORWARD(file_writer_open(&writer->file, writer->path, error));
    return file_writer_write(&writer->file, zeros, sizeof zeros, error);
}

primer_status train_shard_writer_create(struct train_shard_writer **writer, const char *path,
                                        size_t vocabulary, uint64_t tokenizer, primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (vocabulary < 1 || vocabulary > TRAIN_SHARD_VOCABULARY)
        return error_set(error, PRIMER_EINVAL,
                         "%s: vocabulary: found %zu, expected 1 to 2147483648", path, vocabulary);
    struct train_shard_writer *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a shard's writer", sizeof *made);
    made->header.information.vocabulary = vocabulary;
    made->header.information.tokenizer = tokenizer;
    train_shard_layout(&made->header, &made->layout);
    made->path = memory_copy_text(path);
    made->piece = memory_allocate(TRAIN_SHARD_PIECE, 1);
    if (made->path == NULL || made->piece == NULL) {
        status = memory_failure(error, "a shard's writer", TRAIN_SHARD_PIECE);
        goto cleanup;
    }
    TRY(begin_file(made, error));
    *writer = made;
    made = NULL;
cleanup:
    train_shard_writer_free(made);
    return status;
}

void train_shard_writer_free(struct train_shard_writer *writer)
{
    if (writer == NULL)
        return;
    file_writer_abandon(&writer->file);
    buffer_free(&writer->hashes);
    spill_free(&writer->bits);
    spill_free(&writer->ends);
    memory_free(writer->piece);
    memory_free(writer->path);
    memory_free(writer);
}

void train_shard_writer_key(struct train_shard_writer *writer, uint64_t key)
{
    writer->header.information.key = key;
}

const struct train_shard_information *
train_shard_writer_info(const struct train_shard_writer *writer)
{
    return &writer->header.information;
}

/* ---- data, in pieces ------------------------------------------------------------------------- */

static primer_status end_piece(struct train_shard_writer *writer, primer_error *error)
{
    unsigned char hash[8];
    if (writer->piece_length == 0)
        return PRIMER_OK;
    train_shard_put(hash, hash_bytes(writer->piece, writer->piece_length, 0), sizeof hash);
    FORWARD(buffer_append(&writer->hashes, hash, sizeof hash, error));
    FORWARD(file_writer_write(&writer->file, writer->piece, writer->piece_length, error));
    writer->piece_length = 0;
    return PRIMER_OK;
}

static primer_status put_value(struct train_shard_writer *writer, uint64_t value, size_t size,
                               primer_error *error)
{
    /* Pieces are a multiple of every size, and so is what was written before. */
    if (writer->piece_length == TRAIN_SHARD_PIECE)
        FORWARD(end_piece(writer, error));
    train_shard_put(writer->piece + writer->piece_length, value, size);
    writer->piece_length += size;
    return PRIMER_OK;
}

static primer_status put_spill(struct train_shard_writer *writer, struct spill *spill,
                               primer_error *error)
{
    unsigned char words[4096];
    for (uint64_t at = 0; at < spill->before;) {
        const uint64_t left = spill->before - at;
        const ssize_t got = pread(spill->descriptor, words,
                                  left < sizeof words ? (size_t)left : sizeof words, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || got % 8 != 0)
            return error_set(error, PRIMER_EIO, "%s: cannot read the file beside it: %s",
                             writer->path, strerror(got < 0 ? errno : EIO));
        for (ssize_t i = 0; i < got; i += 8)
            FORWARD(put_value(writer, train_shard_get(words + i, 8), 8, error));
        at += (uint64_t)got;
    }
    for (size_t i = 0; i < spill->length; i += 8)
        FORWARD(put_value(writer, train_shard_get(spill->bytes + i, 8), 8, error));
    return PRIMER_OK;
}

/* ---- documents ------------------------------------------------------------------------------- */

static primer_status check_document(const struct train_shard_writer *writer, const int32_t *ids,
                                    size_t count, primer_error *error)
{
    const size_t vocabulary = writer->header.information.vocabulary;
    if (count == 0)
        return error_set(error, PRIMER_EINVAL, "%s: a document without a token was to be written",
                         writer->path);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocabulary)
            return error_set(error, PRIMER_EINVAL,
                             "%s: token %zu of a document: found the id %d, expected less than the "
                             "vocabulary's %zu",
                             writer->path, i, ids[i], vocabulary);
    return PRIMER_OK;
}

static primer_status put_mark(struct train_shard_writer *writer, bool asked, primer_error *error)
{
    struct train_shard_information *const about = &writer->header.information;
    writer->word |= (uint64_t)asked << (about->tokens % 64);
    about->asked += asked;
    about->tokens++;
    if (about->tokens % 64 != 0)
        return PRIMER_OK;
    const uint64_t word = writer->word;
    writer->word = 0;
    return spill_put(&writer->bits, word, writer->path, error);
}

primer_status train_shard_write(struct train_shard_writer *writer, const int32_t *ids,
                                const unsigned char *asked, size_t count, uint64_t text_bytes,
                                primer_error *error)
{
    struct train_shard_information *const about = &writer->header.information;
    FORWARD(check_document(writer, ids, count, error));
    for (size_t i = 0; i < count; i++) {
        FORWARD(put_value(writer, (uint64_t)ids[i], (size_t)writer->layout.id_bytes, error));
        FORWARD(put_mark(writer, i > 0 && (asked == NULL || asked[i] != 0), error));
    }
    FORWARD(spill_put(&writer->ends, about->tokens, writer->path, error));
    about->documents++;
    about->text_bytes += text_bytes;
    about->longest = count > about->longest ? count : about->longest;
    return PRIMER_OK;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void encode_header(const struct train_shard_writer *writer,
                          unsigned char bytes[TRAIN_SHARD_HEADER])
{
    const struct train_shard_header *const header = &writer->header;
    const struct train_shard_information *const about = &header->information;
    const uint64_t wide[] = {about->vocabulary, about->tokenizer, about->documents,
                             about->tokens,     about->asked,     about->text_bytes,
                             about->longest,    about->key,       header->pieces_hash};
    memset(bytes, 0, TRAIN_SHARD_HEADER);
    memcpy(bytes, TRAIN_SHARD_MAGIC, 8);
    train_shard_put(bytes + 8, TRAIN_SHARD_VERSION, 4);
    train_shard_put(bytes + 12, writer->layout.id_bytes, 4);
    train_shard_put(bytes + 16, header->asked_bits ? TRAIN_SHARD_ASKED : 0, 4);
    train_shard_put(bytes + 20, TRAIN_SHARD_PIECE, 4);
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        train_shard_put(bytes + 24 + 8 * i, wide[i], 8);
    train_shard_put(bytes + TRAIN_SHARD_HASHED, hash_bytes(bytes, TRAIN_SHARD_HASHED, 0), 8);
}

static primer_status put_tables(struct train_shard_writer *writer, primer_error *error)
{
    const struct train_shard_information *const about = &writer->header.information;
    const size_t id_bytes = (size_t)writer->layout.id_bytes;
    for (uint64_t at = about->tokens * id_bytes; at % 8 != 0; at += id_bytes)
        FORWARD(put_value(writer, 0, id_bytes, error));
    if (writer->header.asked_bits) {
        if (about->tokens % 64 != 0)
            FORWARD(spill_put(&writer->bits, writer->word, writer->path, error));
        FORWARD(put_spill(writer, &writer->bits, error));
    }
    FORWARD(put_spill(writer, &writer->ends, error));
    return end_piece(writer, error);
}

primer_status train_shard_writer_finish(struct train_shard_writer *writer, primer_error *error)
{
    unsigned char header[TRAIN_SHARD_HEADER];
    struct train_shard_information *const about = &writer->header.information;
    if (about->documents == 0)
        return error_set(error, PRIMER_EINVAL, "%s: no document was written", writer->path);
    writer->header.asked_bits = about->asked < about->tokens - about->documents;
    FORWARD(put_tables(writer, error));
    writer->header.pieces_hash = hash_bytes(writer->hashes.bytes, writer->hashes.length, 0);
    FORWARD(file_writer_write(&writer->file, writer->hashes.bytes, writer->hashes.length, error));
    encode_header(writer, header);
    FORWARD(file_writer_rewrite(&writer->file, 0, header, sizeof header, error));
    return file_writer_commit(&writer->file, error);
}
