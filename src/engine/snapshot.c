/* snapshot.c - a session in a file, and back to the same bits.
 *
 *   "PRIMERKV"  u32 version  u32 numerics  u64 model identity
 *   u64 KV format, context length trained, vocabulary, Self-Extend group, window
 *   f64 rope base, scale
 *   u64 adapters[2]: hashes of their contents and scales, 0 where there are none
 *   u64 tokens  i32 ids[tokens]
 *   u64 logits (0 or vocabulary)  f32 logits[]
 *   KV of the tokens (src/kv/kv_snapshot.c)
 *   u64 checksum of all before: XXH64 of each 64 KiB (the last may be shorter), seeded with the one
 *   before
 *
 * `numerics` is the version of docs/NUMERICS.md: keys computed under another order of sums are not
 * reused.
 */
#include "engine/engine.h"

#include <string.h>

#include "base/cursor.h"
#include "base/hash_chain.h"

#define MAGIC   "PRIMERKV"
#define VERSION 2u

struct header {
    char magic[8];
    uint32_t version, numerics;
    uint64_t identity, kv_format, trained, vocabulary, group, window;
    double rope_base, rope_scale;
    uint64_t adapters[2];
    uint64_t tokens;
};
_Static_assert(sizeof(struct header) == 104, "the header has no padding");

static struct header header_of(const primer_session *s)
{
    struct header h = {
        .version = VERSION,
        .numerics = ENGINE_NUMERICS,
        .identity = s->model->identity,
        .kv_format = (uint64_t)s->options.kv_format,
        .trained = s->model->model->context,
        .vocabulary = s->model->model->vocabulary,
        .group = s->options.self_extend_group,
        .window = s->options.self_extend_window,
        .rope_base = s->options.rope_base,
        .rope_scale = s->options.rope_scale,
        .adapters = {s->adapters.set.identity[0], s->adapters.set.identity[1]},
        .tokens = s->computed,
    };
    memcpy(h.magic, MAGIC, sizeof h.magic);
    return h;
}

/* A file writer that hashes what passes. */
struct sink {
    struct file_writer writer;
    struct hash_chain chain;
};

static primer_status put(void *context, const void *bytes, size_t length, primer_error *error)
{
    struct sink *sink = context;
    FORWARD(file_writer_write(&sink->writer, bytes, length, error));
    hash_chain_add(&sink->chain, bytes, length);
    return PRIMER_OK;
}

primer_status primer_session_save(primer_session *session, const char *path, primer_error *error)
{
    primer_session *s = session;
    if (s->count > s->computed)
        FORWARD(session_compute(s, NULL, NULL, error));
    const struct header header = header_of(s);
    const uint64_t logits = s->logits_valid ? header.vocabulary : 0;
    primer_status status = PRIMER_OK;
    struct sink sink = {0};
    FORWARD(hash_chain_begin(&sink.chain, "saving a session", error));
    TRY(file_writer_open(&sink.writer, path, error));
    TRY(put(&sink, &header, sizeof header, error));
    TRY(put(&sink, s->ids, s->computed * sizeof *s->ids, error));
    TRY(put(&sink, &logits, sizeof logits, error));
    TRY(put(&sink, s->logits, logits * sizeof *s->logits, error));
    TRY(kv_snapshot_write(&s->cache, s->computed, put, &sink, error));
    const uint64_t checksum = hash_chain_end(&sink.chain);
    TRY(file_writer_write(&sink.writer, &checksum, sizeof checksum, error));
    TRY(file_writer_commit(&sink.writer, error));
cleanup:
    if (sink.writer.path != NULL)
        file_writer_abandon(&sink.writer);
    hash_chain_free(&sink.chain);
    return status;
}

static primer_status differs(const char *path, const char *what, primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: the saved session was made with another %s", path,
                     what);
}

static primer_status check_header(const primer_session *s, const struct header *h, const char *path,
                                  primer_error *error)
{
    const struct header own = header_of(s);
    if (memcmp(h->magic, own.magic, sizeof h->magic) != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: not a saved session: it does not begin with \"%s\"", path, MAGIC);
    if (h->version != VERSION)
        return error_set(error, PRIMER_EUNSUPPORTED, "%s: saved session of version %u, expected %u",
                         path, h->version, VERSION);
    if (h->numerics != own.numerics)
        return differs(path, "version of the numeric contract", error);
    if (h->identity != own.identity || h->trained != own.trained || h->vocabulary != own.vocabulary)
        return differs(path, "model", error);
    if (h->kv_format != own.kv_format)
        return differs(path, "KV format", error);
    if (h->group != own.group || h->window != own.window)
        return differs(path, "Self-Extend setting", error);
    if (memcmp(&h->rope_base, &own.rope_base, sizeof own.rope_base) != 0 ||
        memcmp(&h->rope_scale, &own.rope_scale, sizeof own.rope_scale) != 0)
        return differs(path, "RoPE setting", error);
    if (memcmp(h->adapters, own.adapters, sizeof own.adapters) != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: the saved session was made with other adapters, or other scales of "
                         "them",
                         path);
    if (h->tokens > s->options.context)
        return error_set(error, PRIMER_ELIMIT,
                         "%s: the saved session has %llu tokens, the context holds %zu", path,
                         (unsigned long long)h->tokens, s->options.context);
    return PRIMER_OK;
}

/* The ids as they lie in the file, which may be anywhere. */
static primer_status check_ids(const primer_session *s, const unsigned char *ids, size_t count,
                               primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int32_t id;
        memcpy(&id, ids + i * sizeof id, sizeof id);
        FORWARD(session_check_ids(s, &id, 1, error));
    }
    return PRIMER_OK;
}

primer_status primer_session_restore(primer_session *session, const char *path, primer_error *error)
{
    primer_session *s = session;
    primer_status status = PRIMER_OK;
    struct file_map map = {0};
    struct header header;
    const unsigned char *bytes, *ids, *logits = NULL, *kv;
    uint64_t logits_count, stored;
    FORWARD(file_map_open(&map, path, error));
    struct cursor cursor = cursor_over(map.bytes, map.size);
    TRY(cursor_bytes(&cursor, "header", sizeof header, &bytes, error));
    memcpy(&header, bytes, sizeof header);
    TRY(check_header(s, &header, path, error));
    TRY(cursor_bytes(&cursor, "token ids", header.tokens * sizeof *s->ids, &ids, error));
    TRY(cursor_u64(&cursor, "number of logits", &logits_count, error));
    if (logits_count != 0 && logits_count != header.vocabulary)
        FAIL(PRIMER_EFORMAT, "%s: %llu logits, expected 0 or %llu", path,
             (unsigned long long)logits_count, (unsigned long long)header.vocabulary);
    TRY(cursor_bytes(&cursor, "logits", logits_count * sizeof *s->logits, &logits, error));
    const size_t kv_bytes =
        kv_snapshot_bytes(kv_pool_geometry(s->cache.pool), (size_t)header.tokens);
    TRY(cursor_bytes(&cursor, "KV pages", kv_bytes, &kv, error));
    TRY(cursor_u64(&cursor, "checksum", &stored, error));
    if (cursor_remaining(&cursor) != 0)
        FAIL(PRIMER_EFORMAT, "%s: %zu bytes past the end of the saved session", path,
             cursor_remaining(&cursor));
    if (stored != hash_chain_bytes(map.bytes, map.size - sizeof stored))
        FAIL(PRIMER_EFORMAT, "%s: the checksum does not agree: the file is damaged", path);
    if (header.tokens == 0 && logits_count != 0)
        FAIL(PRIMER_EFORMAT, "%s: logits without a token", path);
    TRY(check_ids(s, ids, (size_t)header.tokens, error));
    session_truncate(s, 0);
    memcpy(s->ids, ids, header.tokens * sizeof *s->ids);
    kv_snapshot_read(&s->cache, (size_t)header.tokens, kv);
    s->count = s->computed = (size_t)header.tokens;
    s->foreign = true;
    s->logits_valid = logits_count != 0;
    memcpy(s->logits, logits, logits_count * sizeof *s->logits);
cleanup:
    file_map_close(&map);
    if (status != PRIMER_OK)
        error_prefix(error, "cannot restore the session");
    return status;
}
