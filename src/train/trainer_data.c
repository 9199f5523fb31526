/* trainer_data.c - a run's shards: opened and held against the tokenizer, and the identity of all
 * that a run reads.
 *
 *   identity = sources' contents in their order | model that it goes on from | teacher
 *
 * Of models it is the tensors as they stand in the file, or as they were decoded, and the numbers
 * that the forward pass takes from the keys; names and dates of files don't count. Evaluation
 * changes no weight and doesn't count.
 */
#include "train/trainer.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "tokenizer/tokenizer.h"

/* ---- shards ---------------------------------------------------------------------------------- */

/* Shards made with another vocabulary of the same size would train, to nonsense. */
static primer_status check_tokenizer(const struct train_shard_information *found, const char *path,
                                     size_t vocabulary, uint64_t tokenizer, const char *named,
                                     primer_error *error)
{
    if (found->vocabulary > vocabulary)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: made with a vocabulary of %zu tokens; the model has %zu", path,
                         found->vocabulary, vocabulary);
    if (found->tokenizer == tokenizer)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT,
                     "%s: made with another vocabulary (hash %016" PRIx64 ") than that of %s "
                     "(%016" PRIx64 "), though of no more tokens",
                     path, found->tokenizer, named, tokenizer);
}

static primer_status open_one(struct trainer_data *data, size_t index, const char *path,
                              double weight, primer_error *error)
{
    FORWARD(train_shard_open(&data->shards[index], path, error));
    data->sources[index] = (struct train_source){data->shards[index], weight};
    data->count = index + 1;
    return train_shard_verify(data->shards[index], error);
}

/* A row is filled by going over the data again and again, which is hardly what was meant. */
static primer_status check_amount(const struct trainer_data *data, const char *path, uint64_t least,
                                  primer_error *error)
{
    uint64_t tokens = 0, asked = 0;
    for (size_t i = 0; i < data->count; i++) {
        tokens += train_shard_info(data->shards[i])->tokens;
        asked += train_shard_info(data->shards[i])->asked;
    }
    if (asked == 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s%s: the loss asks for none of the %" PRIu64 " tokens", path,
                         data->count > 1 ? " and the others" : "", tokens);
    if (tokens < least)
        return error_set(error, PRIMER_EFORMAT,
                         "%s%s: found %" PRIu64 " tokens, expected at least %" PRIu64
                         ", a row of the recipe's length",
                         path, data->count > 1 ? " and the others" : "", tokens, least);
    return PRIMER_OK;
}

static primer_status vocabulary_hash(const struct gguf *gguf, uint64_t *hash, primer_error *error)
{
    struct tokenizer *tokenizer = NULL;
    FORWARD(tokenizer_from_gguf(&tokenizer, gguf, error));
    *hash = tokenizer_hash(tokenizer);
    tokenizer_free(tokenizer);
    return PRIMER_OK;
}

primer_status trainer_data_same_vocabulary(const primer_trainer *trainer,
                                           const struct gguf *teacher, primer_error *error)
{
    const struct gguf *const gguf = trainer->source != NULL ? trainer->source : trainer->tokenizer;
    uint64_t own = 0, found = 0;
    FORWARD(vocabulary_hash(gguf, &own, error));
    FORWARD(vocabulary_hash(teacher, &found, error));
    if (own == found)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT,
                     "%s: the teacher has another vocabulary (hash %016" PRIx64 ") than that of %s "
                     "(%016" PRIx64 "), though of as many tokens",
                     gguf_path(teacher), found, gguf_path(gguf), own);
}

primer_status trainer_data_open(const primer_trainer *trainer, struct trainer_data *data,
                                const primer_recipe_source *sources, size_t count,
                                const char *const *shards, uint64_t least, primer_error *error)
{
    const struct gguf *const gguf = trainer->source != NULL ? trainer->source : trainer->tokenizer;
    uint64_t hash = 0;
    if (count == 0)
        return PRIMER_OK;
    FORWARD(vocabulary_hash(gguf, &hash, error));
    for (size_t i = 0; i < count; i++) {
        const char *const path = shards != NULL && shards[i] != NULL ? shards[i] : sources[i].path;
        FORWARD(open_one(data, i, path, sources[i].weight, error));
        FORWARD(check_tokenizer(train_shard_info(data->shards[i]), path,
                                trainer->model.shape.vocabulary, hash, gguf_path(gguf), error));
    }
    return check_amount(data, sources[0].path, least, error);
}

/* ---- identity -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t number)
{
    return hash_bytes(&number, sizeof number, hash);
}

static uint64_t mix_real(uint64_t hash, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return mix(hash, bits);
}

/* What a forward pass takes from a file's keys; sizes show in the tensors too. */
static uint64_t mix_shape(uint64_t hash, const struct train_shape *shape)
{
    hash = hash_bytes(shape->architecture->name, strlen(shape->architecture->name), hash);
    hash = mix(mix(hash, shape->vocabulary), shape->embedding);
    hash = mix(mix(hash, shape->layers), shape->feed_forward);
    hash = mix(mix(hash, shape->heads), shape->kv_heads);
    hash = mix(mix(hash, shape->head_dimensions), shape->rotary_dimensions);
    return mix_real(mix_real(hash, (double)shape->epsilon), shape->rope_base);
}

static uint64_t mix_file(uint64_t hash, const struct gguf *gguf)
{
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *const tensor = gguf_tensor_at(gguf, i);
        hash = hash_bytes(tensor->name.bytes, tensor->name.length, hash);
        hash = mix(mix(hash, tensor->format->type), tensor->bytes);
        hash = hash_bytes(tensor->data, tensor->bytes, hash);
    }
    return hash;
}

uint64_t trainer_data_identity(const primer_trainer *trainer)
{
    uint64_t hash = mix(0, trainer->data.count);
    for (size_t i = 0; i < trainer->data.count; i++)
        hash = mix(hash, train_shard_content(trainer->data.shards[i]));
    if (trainer->source != NULL)
        hash = mix_file(mix_shape(hash, &trainer->model.shape), trainer->source);
    if (trainer->teacher.pass != NULL) {
        const struct train_model *const teacher = &trainer->teacher_model;
        hash = hash_bytes(teacher->weights, teacher->floats * sizeof(float),
                          mix_shape(hash, &teacher->shape));
    }
    return hash;
}
