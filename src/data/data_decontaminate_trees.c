/* data_decontaminate_trees.c - batches of programs through Python's parser. Declared in
 * data_decontaminate_trees.h.
 *
 *   texts | a b c d | e f g h |      a piece for each worker, one program of the sandbox each
 *                | e f |  | g h |    a piece that ended badly is halved, down to one text,
 *                                    which then counts as unread
 *
 * What comes back is bytes of a program that read texts of strangers: every count is checked.
 */
#include "data/data_decontaminate_trees.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "sandbox/sandbox.h"

#define SECONDS      60.0
#define MEMORY_BYTES ((size_t)1 << 30)
#define OUTPUT_BYTES ((size_t)60 << 20)
#define TEXT_BYTES   ((size_t)1 << 20)  /* of a longer one no tree is made */
#define PIECE_BYTES  ((size_t)32 << 20) /* of texts in one program */

primer_status data_decontaminate_trees_open(size_t workers, struct sandbox **sandbox,
                                            primer_error *error)
{
    const struct sandbox_options options = {
        .workers = workers, .seconds = SECONDS, .memory = MEMORY_BYTES, .output = OUTPUT_BYTES};
    return sandbox_open(&options, sandbox, error);
}

static void drop_blocks(struct data_decontaminate_trees *trees)
{
    for (size_t i = 0; i < trees->block_count; i++)
        memory_free(trees->blocks[i]);
    trees->block_count = 0;
}

void data_decontaminate_trees_free(struct data_decontaminate_trees *trees)
{
    drop_blocks(trees);
    memory_free(trees->blocks);
    memory_free(trees->trees);
    memory_free(trees->first);
    *trees = (struct data_decontaminate_trees){0};
}

/* ---- what comes back ------------------------------------------------------------------------- */

struct taking {
    const unsigned char *bytes;
    size_t length, at;
};

static bool take_number(struct taking *taking, uint32_t *number)
{
    if (taking->length - taking->at < 4)
        return false;
    const unsigned char *const b = taking->bytes + taking->at;
    *number = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    taking->at += 4;
    return true;
}

static primer_status add_tree(struct data_decontaminate_trees *trees,
                              const struct data_decontaminate_node *nodes, size_t count,
                              primer_error *error)
{
    if (trees->tree_count == trees->tree_room) {
        const size_t room = trees->tree_room == 0 ? 1024 : 2 * trees->tree_room;
        struct data_decontaminate_tree *const grown =
            memory_resize(trees->trees, room, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "syntax trees", room * sizeof *grown);
        trees->trees = grown;
        trees->tree_room = room;
    }
    trees->trees[trees->tree_count++] = (struct data_decontaminate_tree){nodes, count};
    return PRIMER_OK;
}

static primer_status add_block(struct data_decontaminate_trees *trees, size_t nodes,
                               struct data_decontaminate_node **block, primer_error *error)
{
    if (trees->block_count == trees->block_room) {
        const size_t room = trees->block_room == 0 ? 16 : 2 * trees->block_room;
        struct data_decontaminate_node **const grown =
            memory_resize(trees->blocks, room, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "syntax trees", room * sizeof *grown);
        trees->blocks = grown;
        trees->block_room = room;
    }
    *block = memory_allocate(nodes, sizeof **block);
    if (*block == NULL)
        return memory_failure(error, "syntax trees", nodes * sizeof **block);
    trees->blocks[trees->block_count++] = *block;
    return PRIMER_OK;
}

/* The trees of texts [from, to); *whole is false where the bytes aren't what was asked for. */
static primer_status take(struct data_decontaminate_trees *trees, const struct buffer *output,
                          size_t from, size_t to, bool *whole, primer_error *error)
{
    struct taking taking = {(const unsigned char *)output->bytes, output->length, 0};
    struct data_decontaminate_node *nodes = NULL;
    size_t filled = 0;
    *whole = false;
    FORWARD(add_block(trees, output->length / sizeof *nodes + 1, &nodes, error));
    for (size_t i = from; i < to; i++) {
        uint32_t units = 0, count = 0;
        trees->first[i] = trees->tree_count;
        if (!take_number(&taking, &units))
            return PRIMER_OK;
        for (uint32_t k = 0; k < units; k++) {
            if (!take_number(&taking, &count) || count > (taking.length - taking.at) / 8)
                return PRIMER_OK;
            for (size_t j = 0; j < count; j++) {
                take_number(&taking, &nodes[filled + j].symbol);
                take_number(&taking, &nodes[filled + j].value);
            }
            FORWARD(add_tree(trees, nodes + filled, count, error));
            filled += count;
        }
    }
    *whole = taking.at == taking.length;
    return PRIMER_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Texts [from, to) as standard input. */
static primer_status append_input(const struct data_decontaminate_text *texts, size_t from,
                                  size_t to, struct buffer *input, primer_error *error)
{
    buffer_clear(input);
    for (size_t i = from; i < to; i++) {
        const uint32_t length = texts[i].length > TEXT_BYTES ? 0 : (uint32_t)texts[i].length;
        unsigned char bytes[4];
        for (unsigned k = 0; k < 4; k++)
            bytes[k] = (unsigned char)(length >> 8 * k);
        FORWARD(buffer_append(input, bytes, sizeof bytes, error));
        if (length > 0)
            FORWARD(buffer_append(input, texts[i].bytes, length, error));
    }
    return PRIMER_OK;
}

struct batch {
    struct data_decontaminate_trees *trees;
    struct sandbox *sandbox;
    const struct data_decontaminate_text *texts;
};

/* `ends`: where each of the `count` pieces ends that begin at `from`. What failed is halved. */
static primer_status run(const struct batch *batch, size_t from, const size_t *ends, size_t count,
                         primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct sandbox_program *const programs = memory_allocate(count, sizeof *programs);
    struct sandbox_result *const results = memory_allocate(count, sizeof *results);
    struct buffer *const inputs = memory_allocate(count, sizeof *inputs);
    if (programs == NULL || results == NULL || inputs == NULL) {
        status = memory_failure(error, "programs", count * sizeof *results);
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(append_input(batch->texts, i == 0 ? from : ends[i - 1], ends[i], &inputs[i], error));
        programs[i] = (struct sandbox_program){data_decontaminate_script_text,
                                               strlen(data_decontaminate_script_text),
                                               inputs[i].bytes, inputs[i].length};
    }
    TRY(sandbox_run(batch->sandbox, programs, count, results, batch->trees->progress,
                    batch->trees->context, error));
    for (size_t i = 0; i < count; i++) {
        const size_t begin = i == 0 ? from : ends[i - 1], before = batch->trees->tree_count;
        bool whole = false;
        if (results[i].end == SANDBOX_FINISHED)
            TRY(take(batch->trees, &results[i].output, begin, ends[i], &whole, error));
        if (whole)
            continue;
        batch->trees->tree_count = before;
        if (ends[i] - begin > 1) {
            const size_t halves[] = {begin + (ends[i] - begin) / 2, ends[i]};
            TRY(run(batch, begin, halves, 2, error));
        } else {
            batch->trees->first[begin] = before;
            batch->trees->unread++;
        }
    }
cleanup:
    sandbox_results_free(results, results == NULL ? 0 : count);
    for (size_t i = 0; inputs != NULL && i < count; i++)
        buffer_free(&inputs[i]);
    memory_free(inputs);
    memory_free(results);
    memory_free(programs);
    return status;
}

static primer_status make_room(struct data_decontaminate_trees *trees, size_t texts,
                               primer_error *error)
{
    drop_blocks(trees);
    trees->tree_count = trees->unread = 0;
    if (texts < trees->text_room)
        return PRIMER_OK;
    size_t *const first = memory_resize(trees->first, texts + 1, sizeof *first);
    if (first == NULL)
        return memory_failure(error, "syntax trees", texts * sizeof *first);
    trees->first = first;
    trees->text_room = texts + 1;
    return PRIMER_OK;
}

/* Cuts the texts into pieces of about the same bytes, a few for each worker. */
static size_t cut(const struct data_decontaminate_text *texts, size_t count, size_t workers,
                  size_t *ends)
{
    size_t bytes = 0, pieces = 0, held = 0;
    for (size_t i = 0; i < count; i++)
        bytes += texts[i].length + 64;
    size_t most = bytes / workers + 1;
    most = most < PIECE_BYTES ? most : PIECE_BYTES;
    for (size_t i = 0; i < count; i++) {
        held += texts[i].length + 64;
        if (held < most && i + 1 < count)
            continue;
        ends[pieces++] = i + 1;
        held = 0;
    }
    return pieces;
}

primer_status data_decontaminate_trees_read(struct data_decontaminate_trees *trees,
                                            struct sandbox *sandbox, size_t workers,
                                            const struct data_decontaminate_text *texts,
                                            size_t count, primer_error *error)
{
    const struct batch batch = {trees, sandbox, texts};
    FORWARD(make_room(trees, count, error));
    trees->first[count] = 0;
    if (count == 0)
        return PRIMER_OK;
    size_t *const ends = memory_allocate(count, sizeof *ends);
    if (ends == NULL)
        return memory_failure(error, "pieces", count * sizeof *ends);
    const size_t pieces = cut(texts, count, workers > 0 ? workers : 1, ends);
    const primer_status status = run(&batch, 0, ends, pieces, error);
    for (size_t i = 0; i < count; i++)
        trees->unread += texts[i].length > TEXT_BYTES;
    trees->first[count] = trees->tree_count;
    memory_free(ends);
    return status;
}
