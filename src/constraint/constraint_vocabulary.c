/* constraint_vocabulary.c - the tree is made of the tokens sorted by their bytes: each adds what it
 * doesn't share with the one before. */
#include "constraint/constraint_vocabulary.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"

struct spelled {
    const char *bytes;
    size_t length;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct spelled *const x = a, *const y = b;
    const int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
    if (order != 0 || x->length != y->length)
        return order != 0 ? order : x->length < y->length ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* ---- what each token is ---------------------------------------------------------------------- */

static primer_status add_control(struct constraint_vocabulary *vocabulary,
                                 const struct tokenizer *tokenizer, int32_t id, primer_error *error)
{
    size_t length;
    const char *const text = tokenizer_bytes(tokenizer, id, true, &length);
    vocabulary->controls[vocabulary->control_count++] =
        (struct vocabulary_control){id, (uint32_t)vocabulary->texts.length, (uint32_t)length};
    return buffer_append(&vocabulary->texts, text, length, error);
}

static primer_status add_spelled(struct constraint_vocabulary *vocabulary, const char *bytes,
                                 size_t length, int32_t id, primer_error *error)
{
    vocabulary->bytes[id] =
        (struct vocabulary_bytes){(uint32_t)vocabulary->store.length, (uint32_t)length};
    vocabulary->longest = length > vocabulary->longest ? length : vocabulary->longest;
    return buffer_append(&vocabulary->store, bytes, length, error);
}

/* Sorts the ids into those of the tree (`spelled`), control tokens and ends. */
static primer_status sort_out(struct constraint_vocabulary *vocabulary,
                              const struct tokenizer *tokenizer, struct spelled *spelled,
                              primer_error *error)
{
    for (int32_t id = 0; (size_t)id < vocabulary->count; id++) {
        size_t length;
        const char *const bytes = tokenizer_bytes(tokenizer, id, false, &length);
        const bool control = tokenizer_is_control(tokenizer, id);
        const bool ends = tokenizer_ends(tokenizer, id);
        if (ends)
            vocabulary->ends[vocabulary->end_count++] = id;
        if (control)
            FORWARD(add_control(vocabulary, tokenizer, id, error));
        if (ends || control || length == 0)
            continue;
        FORWARD(add_spelled(vocabulary, bytes, length, id, error));
        spelled[vocabulary->token_count++] = (struct spelled){bytes, length, id};
    }
    qsort(spelled, vocabulary->token_count, sizeof *spelled, by_bytes);
    return PRIMER_OK;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static primer_status add_node(struct constraint_vocabulary *vocabulary, size_t depth,
                              unsigned char byte, size_t tokens, primer_error *error)
{
    struct vocabulary_node *const nodes = constraint_grown(
        vocabulary->nodes, &vocabulary->node_capacity, vocabulary->node_count + 2, sizeof *nodes);
    if (nodes == NULL)
        return memory_failure(error, "a vocabulary's tree",
                              (vocabulary->node_count + 2) * sizeof *nodes);
    vocabulary->nodes = nodes;
    nodes[vocabulary->node_count++] = (struct vocabulary_node){
        .tokens = (uint32_t)tokens, .depth = (uint16_t)depth, .byte = byte};
    return PRIMER_OK;
}

/* A node is closed by the next one that isn't deeper. `open` [depth]: those above the last. */
static void set_skips(struct constraint_vocabulary *vocabulary, uint32_t *open)
{
    struct vocabulary_node *const nodes = vocabulary->nodes;
    size_t depth = 0;
    open[0] = 0;
    for (uint32_t n = 1; n <= vocabulary->node_count; n++) {
        const size_t to = n < vocabulary->node_count ? nodes[n].depth : 0;
        while (depth >= to && (depth > 0 || n == vocabulary->node_count)) {
            nodes[open[depth]].skip = n;
            if (depth-- == 0)
                return;
        }
        open[to] = n;
        depth = to;
    }
}

static primer_status grow_tree(struct constraint_vocabulary *vocabulary,
                               const struct spelled *spelled, primer_error *error)
{
    FORWARD(add_node(vocabulary, 0, 0, 0, error));
    for (size_t i = 0; i < vocabulary->token_count; i++) {
        const struct spelled *const token = &spelled[i];
        size_t shared = 0;
        while (i > 0 && shared < token->length && shared < spelled[i - 1].length &&
               token->bytes[shared] == spelled[i - 1].bytes[shared])
            shared++;
        for (size_t depth = shared; depth < token->length; depth++)
            FORWARD(add_node(vocabulary, depth + 1, (unsigned char)token->bytes[depth], i, error));
        vocabulary->tokens[i] = token->id;
    }
    vocabulary->nodes[vocabulary->node_count] =
        (struct vocabulary_node){.tokens = (uint32_t)vocabulary->token_count};
    return PRIMER_OK;
}

static primer_status build(struct constraint_vocabulary *vocabulary,
                           const struct tokenizer *tokenizer, primer_error *error)
{
    const size_t count = vocabulary->count;
    struct spelled *const spelled = memory_allocate(count, sizeof *spelled);
    uint32_t *open = NULL;
    primer_status status = PRIMER_OK;
    vocabulary->bytes = memory_allocate(count, sizeof *vocabulary->bytes);
    vocabulary->tokens = memory_allocate(count, sizeof *vocabulary->tokens);
    vocabulary->controls = memory_allocate(count, sizeof *vocabulary->controls);
    vocabulary->ends = memory_allocate(count, sizeof *vocabulary->ends);
    if (spelled == NULL || vocabulary->bytes == NULL || vocabulary->tokens == NULL ||
        vocabulary->controls == NULL || vocabulary->ends == NULL)
        TRY(memory_failure(error, "a vocabulary", count * sizeof *spelled));
    TRY(sort_out(vocabulary, tokenizer, spelled, error));
    TRY(grow_tree(vocabulary, spelled, error));
    open = memory_allocate(vocabulary->longest + 1, sizeof *open);
    if (open == NULL)
        TRY(memory_failure(error, "a vocabulary", vocabulary->longest * sizeof *open));
    set_skips(vocabulary, open);
cleanup:
    memory_free(spelled);
    memory_free(open);
    return status;
}

primer_status constraint_vocabulary_create(const struct tokenizer *tokenizer,
                                           struct constraint_vocabulary **vocabulary,
                                           primer_error *error)
{
    static atomic_uint_fast64_t serial;
    struct constraint_vocabulary *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a vocabulary", sizeof *made);
    made->serial = atomic_fetch_add(&serial, 1) + 1;
    made->count = tokenizer_vocabulary(tokenizer);
    made->words = (made->count + 63) / 64;
    const primer_status status = build(made, tokenizer, error);
    if (status == PRIMER_OK)
        *vocabulary = made;
    else
        constraint_vocabulary_free(made);
    return status;
}

void constraint_vocabulary_free(struct constraint_vocabulary *vocabulary)
{
    if (vocabulary == NULL)
        return;
    memory_free(vocabulary->nodes);
    memory_free(vocabulary->tokens);
    memory_free(vocabulary->controls);
    memory_free(vocabulary->ends);
    memory_free(vocabulary->bytes);
    buffer_free(&vocabulary->texts);
    buffer_free(&vocabulary->store);
    memory_free(vocabulary);
}
