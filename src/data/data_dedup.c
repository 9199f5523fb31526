/* data_dedup.c - documents that are like one that was kept before them are left out. Declared in
 * data.h.
 *
 *   record --threads--> | 128-bit hash of the folded text | signature of its shingles |
 *          --in order-> same hash as a kept document?  exact    left out
 *                       like a kept document?          near     left out
 *                       neither                        written, hash and signature remembered
 *
 * What is remembered of a kept document: 32 bytes (hash, file, line), 8 to 16 in the table of hashes,
 * and what data_minhash.h says. Documents are compared with kept ones alone, so that each that is
 * left out has a counterpart in the output. A document without a word has no shingles and only exact
 * duplicates.
 */
#include "data/data.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/real.h"
#include "data/data_minhash.h"
#include "data/data_overlap_rounds.h"
#include "data/data_overlap_text.h"
#include "data/data_share.h"

#define SLOTS 512
#define BLOCK ((size_t)4096) /* kept documents */

struct kept {
    uint64_t hash[2];
    uint64_t line;
    uint32_t file;
};

/* What threads find out about a record. */
struct looked {
    uint64_t hash[2];
    struct data_minhash_signature signature;
    bool shingles; /* there are some */
};

struct dedup {
    const char *const *inputs;
    const struct data_dedup_options *options;
    struct data_dedup_summary *summary;
    struct data_minhash_functions functions;
    struct data_minhash_index index;
    uint32_t *of_signature; /* [index.count] the kept document */
    size_t signature_room;
    struct kept **kept; /* [blocks][BLOCK] */
    size_t count, blocks, block_room;
    uint32_t *table; /* [capacity] by hash, kept document + 1; 0: free */
    size_t capacity;
    struct looked *looked; /* [SLOTS] */
    struct buffer *folded; /* [threads] */
    struct pool *pool;
    struct data_share share;
    struct file_writer out, report;
    struct buffer line;
};

/* ---- looking at a record --------------------------------------------------------------------- */

static void add_shingles(const struct dedup *dedup, const struct buffer *folded,
                         struct looked *looked)
{
    uint64_t ring[DATA_WORDS_MOST], shingle[DATA_WORDS_MOST];
    const size_t words = dedup->summary->words;
    size_t met = 0;
    struct data_overlap_word word;
    data_minhash_start(&looked->signature);
    for (size_t at = 0; data_overlap_text_word(folded, DATA_OVERLAP_ALL, &at, &word);) {
        ring[met++ % words] = hash_bytes(folded->bytes + word.begin, word.length, 0);
        if (met < words)
            continue;
        for (size_t i = 0; i < words; i++)
            shingle[i] = ring[(met + i) % words];
        data_minhash_add(&dedup->functions, &looked->signature,
                         hash_bytes(shingle, words * sizeof shingle[0], 0));
    }
    if (met > 0 && met < words) /* a short text is one shingle */
        data_minhash_add(&dedup->functions, &looked->signature,
                         hash_bytes(ring, met * sizeof ring[0], met));
    looked->shingles = met > 0;
}

static primer_status look(void *context, struct data_overlap_record *record, size_t slot,
                          size_t thread, primer_error *error)
{
    struct dedup *const dedup = context;
    struct looked *const looked = &dedup->looked[slot];
    struct buffer *const folded = &dedup->folded[thread];
    FORWARD(data_overlap_text_fold(record->text.bytes, record->text.length, folded, error));
    for (size_t i = 0; i < 2; i++)
        looked->hash[i] = hash_bytes(folded->bytes, folded->length, 0x9E3779B97F4A7C15ULL * i);
    looked->shingles = false;
    if (dedup->summary->permutations > 0)
        add_shingles(dedup, folded, looked);
    return PRIMER_OK;
}

static primer_status save_looked(void *context, size_t slot, struct buffer *out,
                                 primer_error *error)
{
    const struct dedup *const dedup = context;
    const struct looked *const looked = &dedup->looked[slot];
    FORWARD(buffer_append(out, looked->hash, sizeof looked->hash, error));
    FORWARD(data_share_put(out, looked->shingles ? 1 : 0, error));
    return looked->shingles
               ? buffer_append(out, &looked->signature, sizeof looked->signature, error)
               : PRIMER_OK;
}

static primer_status load_looked(void *context, size_t slot, struct cursor *in, primer_error *error)
{
    struct dedup *const dedup = context;
    struct looked *const looked = &dedup->looked[slot];
    const unsigned char *bytes = NULL;
    uint64_t shingles = 0;
    FORWARD(cursor_bytes(in, "hash", sizeof looked->hash, &bytes, error));
    memcpy(looked->hash, bytes, sizeof looked->hash);
    FORWARD(cursor_u64(in, "shingles", &shingles, error));
    looked->shingles = shingles != 0;
    if (!looked->shingles)
        return PRIMER_OK;
    FORWARD(cursor_bytes(in, "signature", sizeof looked->signature, &bytes, error));
    memcpy(&looked->signature, bytes, sizeof looked->signature);
    return PRIMER_OK;
}

/* ---- what was kept --------------------------------------------------------------------------- */

static struct kept *kept_at(const struct dedup *dedup, size_t i)
{
    return &dedup->kept[i / BLOCK][i % BLOCK];
}

/* The place in the table where this hash is, or would be. */
static uint32_t *find_exact(const struct dedup *dedup, const uint64_t hash[2])
{
    for (size_t at = (size_t)hash[0] & (dedup->capacity - 1);;
         at = (at + 1) & (dedup->capacity - 1)) {
        uint32_t *const place = &dedup->table[at];
        if (*place == 0 ||
            memcmp(kept_at(dedup, *place - 1)->hash, hash, sizeof kept_at(dedup, 0)->hash) == 0)
            return place;
    }
}

static primer_status grow_table(struct dedup *dedup, primer_error *error)
{
    const size_t capacity = dedup->capacity == 0 ? 2 * BLOCK : 2 * dedup->capacity;
    uint32_t *const table = memory_allocate(capacity, sizeof *table);
    if (table == NULL)
        return memory_failure(error, "the table of hashes", capacity * sizeof *table);
    memory_free(dedup->table);
    dedup->table = table;
    dedup->capacity = capacity;
    for (size_t i = 0; i < dedup->count; i++)
        *find_exact(dedup, kept_at(dedup, i)->hash) = (uint32_t)i + 1;
    return PRIMER_OK;
}

static primer_status grow_kept(struct dedup *dedup, primer_error *error)
{
    if (dedup->blocks == dedup->block_room) {
        const size_t room = dedup->block_room == 0 ? 16 : 2 * dedup->block_room;
        struct kept **const kept = memory_resize(dedup->kept, room, sizeof *kept);
        if (kept == NULL)
            return memory_failure(error, "blocks of hashes", room * sizeof *kept);
        dedup->kept = kept;
        dedup->block_room = room;
    }
    struct kept *const block = memory_allocate(BLOCK, sizeof *block);
    if (block == NULL)
        return memory_failure(error, "a block of hashes", BLOCK * sizeof *block);
    dedup->kept[dedup->blocks++] = block;
    return PRIMER_OK;
}

static primer_status add_signature(struct dedup *dedup, const struct looked *looked,
                                   primer_error *error)
{
    if (dedup->index.count == dedup->signature_room) {
        const size_t room = dedup->signature_room == 0 ? BLOCK : 2 * dedup->signature_room;
        uint32_t *const numbers = memory_resize(dedup->of_signature, room, sizeof *numbers);
        if (numbers == NULL)
            return memory_failure(error, "numbers of documents", room * sizeof *numbers);
        dedup->of_signature = numbers;
        dedup->signature_room = room;
    }
    FORWARD(data_minhash_index_add(&dedup->index, &looked->signature, error));
    dedup->of_signature[dedup->index.count - 1] = (uint32_t)dedup->count;
    return PRIMER_OK;
}

static primer_status keep(struct dedup *dedup, const struct data_overlap_record *record,
                          const struct looked *looked, primer_error *error)
{
    if (dedup->count >= UINT32_MAX - 1)
        return error_set(error, PRIMER_ELIMIT, "more than %zu different documents", dedup->count);
    if (dedup->count == dedup->blocks * BLOCK)
        FORWARD(grow_kept(dedup, error));
    if (2 * (dedup->count + 1) > dedup->capacity)
        FORWARD(grow_table(dedup, error));
    if (looked->shingles)
        FORWARD(add_signature(dedup, looked, error));
    *kept_at(dedup, dedup->count) = (struct kept){.hash = {looked->hash[0], looked->hash[1]},
                                                  .line = record->line,
                                                  .file = (uint32_t)record->file};
    *find_exact(dedup, looked->hash) = (uint32_t)dedup->count + 1;
    dedup->count++;
    return data_overlap_rounds_write(record, &dedup->line, &dedup->out, error);
}

/* ---- deciding, in order ---------------------------------------------------------------------- */

static primer_status leave_out(struct dedup *dedup, const struct data_overlap_record *record,
                               size_t counterpart, bool exact, double similarity,
                               primer_error *error)
{
    const struct kept *const kept = kept_at(dedup, counterpart);
    struct buffer *const line = &dedup->line;
    const char *const path = dedup->inputs[kept->file];
    if (exact)
        dedup->summary->exact++;
    else
        dedup->summary->near++;
    if (dedup->options->report == NULL)
        return PRIMER_OK;
    buffer_clear(line);
    FORWARD(buffer_text(line, "{\"file\": ", error));
    FORWARD(buffer_json_string(line, record->path, strlen(record->path), error));
    FORWARD(buffer_format(line, error,
                          ", \"line\": %" PRIu64 ", \"kind\": \"%s\", \"similarity\": %.3f, "
                          "\"kept_file\": ",
                          record->line, exact ? "exact" : "near", similarity));
    FORWARD(buffer_json_string(line, path, strlen(path), error));
    FORWARD(buffer_format(line, error, ", \"kept_line\": %" PRIu64 "}\n", kept->line));
    return file_writer_write(&dedup->report, line->bytes, line->length, error);
}

static primer_status decide(void *context, struct data_overlap_record *record, size_t slot,
                            primer_error *error)
{
    struct dedup *const dedup = context;
    const struct looked *const looked = &dedup->looked[slot];
    const uint32_t same = dedup->capacity == 0 ? 0 : *find_exact(dedup, looked->hash);
    double similarity = 0;
    if (!data_share_is_first(&dedup->share)) /* which alone remembers what was kept */
        return PRIMER_OK;
    dedup->summary->documents++;
    if (same != 0)
        return leave_out(dedup, record, same - 1, true, 1, error);
    const size_t like = looked->shingles
                            ? data_minhash_index_find(&dedup->index, &looked->signature,
                                                      dedup->summary->similarity, &similarity)
                            : SIZE_MAX;
    if (like != SIZE_MAX)
        return leave_out(dedup, record, dedup->of_signature[like], false, similarity, error);
    return keep(dedup, record, looked, error);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status prepare(struct dedup *dedup, primer_error *error)
{
    const struct data_dedup_options *const options = dedup->options;
    struct data_dedup_summary *const summary = dedup->summary;
    summary->similarity = options->similarity > 0 ? options->similarity : 0.8;
    summary->words = options->words > 0 ? options->words : 5;
    if (!(summary->similarity >= 0.3 && summary->similarity <= 1))
        return error_set(error, PRIMER_EINVAL, "similarity: found %g, expected 0.3 to 1",
                         summary->similarity);
    if (summary->words > DATA_WORDS_MOST)
        return error_set(error, PRIMER_EINVAL, "words of a shingle: found %zu, expected 1 to %d",
                         summary->words, DATA_WORDS_MOST);
    const struct data_minhash_bands shape = data_minhash_bands(summary->similarity);
    if (options->exact) {
        summary->similarity = 1;
        summary->words = 0;
    } else {
        summary->permutations = DATA_MINHASH_SIZE;
        summary->bands = shape.bands;
        summary->rows = shape.rows;
        summary->found = data_minhash_found(shape, summary->similarity);
        summary->threshold = real_power(1 / (double)shape.bands, 1 / (double)shape.rows);
    }
    data_minhash_functions(&dedup->functions);
    data_minhash_index_create(&dedup->index, shape);
    FORWARD(pool_create(&dedup->pool, options->threads, error));
    dedup->looked = memory_allocate(SLOTS, sizeof *dedup->looked);
    dedup->folded = memory_allocate(pool_size(dedup->pool), sizeof *dedup->folded);
    if (dedup->looked == NULL || dedup->folded == NULL)
        return memory_failure(error, "documents", SLOTS * sizeof *dedup->looked);
    return PRIMER_OK;
}

/* What the hashes and signatures depend on. */
static primer_status begin_journal(struct dedup *dedup, size_t count, const char *path,
                                   primer_error *error)
{
    const struct data_dedup_options *const options = dedup->options;
    uint64_t key = 0;
    data_share_key_text(&key, "dedup 1");
    data_share_key_text(&key, options->field);
    data_share_key_text(&key, options->separator);
    data_share_key_number(&key, dedup->summary->words);
    data_share_key_number(&key, dedup->summary->permutations);
    FORWARD(data_share_key_files(&key, dedup->inputs, count, error));
    return data_share_journal(&dedup->share, path, key, options->tell, options->context, error);
}

static uint64_t memory_used(const struct dedup *dedup)
{
    const struct data_minhash_index *const index = &dedup->index;
    const size_t entry = sizeof(struct data_minhash_signature) +
                         index->shape.bands * sizeof(uint32_t); /* and its links */
    return dedup->blocks * BLOCK * sizeof(struct kept) + dedup->capacity * sizeof *dedup->table +
           dedup->signature_room * sizeof *dedup->of_signature + index->blocks * BLOCK * entry +
           index->shape.bands * index->capacity * sizeof *index->heads;
}

static void dedup_free(struct dedup *dedup)
{
    for (size_t i = 0; i < dedup->blocks; i++)
        memory_free(dedup->kept[i]);
    for (size_t i = 0; dedup->folded != NULL && i < pool_size(dedup->pool); i++)
        buffer_free(&dedup->folded[i]);
    memory_free(dedup->kept);
    memory_free(dedup->table);
    memory_free(dedup->of_signature);
    memory_free(dedup->looked);
    memory_free(dedup->folded);
    data_minhash_index_free(&dedup->index);
    pool_free(dedup->pool);
    file_writer_abandon(&dedup->out);
    file_writer_abandon(&dedup->report);
    buffer_free(&dedup->line);
}

static primer_status open_outputs(struct dedup *dedup, size_t count, const char *path,
                                  primer_error *error)
{
    const char *const report = dedup->options->report;
    const char *const outputs[] = {path, report};
    FORWARD(data_share_check_outputs(outputs, 2, dedup->inputs, count, error));
    if (!data_share_is_first(&dedup->share))
        return PRIMER_OK;
    if (report != NULL)
        FORWARD(file_writer_open(&dedup->report, report, error));
    return file_writer_open(&dedup->out, path, error);
}

static primer_status commit(struct dedup *dedup, primer_error *error)
{
    if (!data_share_is_first(&dedup->share))
        return PRIMER_OK;
    if (dedup->options->report != NULL)
        FORWARD(file_writer_commit(&dedup->report, error));
    return file_writer_commit(&dedup->out, error);
}

primer_status data_dedup(const char *const *inputs, size_t count, const char *path,
                         const struct data_dedup_options *options,
                         struct data_dedup_summary *summary, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_dedup_summary made = {0};
    struct dedup dedup = {
        .inputs = inputs, .options = options, .summary = &made, .share = DATA_SHARE_ALONE};
    struct data_overlap_rounds rounds = {.inputs = inputs,
                                         .count = count,
                                         .field = options->field,
                                         .separator = options->separator,
                                         .skip_bad = options->skip_bad,
                                         .slots = SLOTS,
                                         .progress = options->progress,
                                         .progress_context = options->context,
                                         .work = look,
                                         .take = decide,
                                         .save = save_looked,
                                         .load = load_looked,
                                         .share = &dedup.share,
                                         .context = &dedup};
    TRY(data_share_begin(&dedup.share, &made.rank, error));
    summary->rank = made.rank; /* who tells, of a failure too */
    TRY(prepare(&dedup, error));
    TRY(open_outputs(&dedup, count, path, error));
    TRY(begin_journal(&dedup, count, path, error));
    rounds.pool = dedup.pool;
    TRY(data_overlap_rounds_run(&rounds, error));
    status = commit(&dedup, error);
    TRY(data_share_agree(&dedup.share, status, error));
    made.kept = dedup.count;
    made.input_bytes = rounds.input_bytes;
    made.bad = rounds.bad;
    made.memory = memory_used(&dedup);
    memcpy(made.first_bad, rounds.first_bad, sizeof made.first_bad);
    *summary = made;
cleanup:
    data_share_stopped(&dedup.share, status, "the input", rounds.done, rounds.input_bytes, error);
    data_share_end(&dedup.share, status);
    dedup_free(&dedup);
    return status;
}
