/* train_shard_public.c - shards for callers of primer_train.h: the calls of train_data.h under
 * public names.
 */
#include "train/train_data.h"

#include "primer_train.h"

primer_status primer_shard_open(const char *path, primer_shard **shard, primer_error *error)
{
    return train_shard_open(shard, path, error);
}

void primer_shard_free(primer_shard *shard)
{
    train_shard_free(shard);
}

static primer_shard_information public_of(const struct train_shard_information *about)
{
    return (primer_shard_information){
        .documents = about->documents,
        .tokens = about->tokens,
        .asked = about->asked,
        .text_bytes = about->text_bytes,
        .longest = about->longest,
        .vocabulary = about->vocabulary,
        .tokenizer = about->tokenizer,
        .key = about->key,
    };
}

void primer_shard_info(const primer_shard *shard, primer_shard_information *information)
{
    *information = public_of(train_shard_info(shard));
}

primer_status primer_shard_verify(const primer_shard *shard, primer_error *error)
{
    return train_shard_verify(shard, error);
}

primer_status primer_shard_verify_part(const primer_shard *shard, size_t part, size_t parts,
                                       uint64_t *asked, uint64_t *longest, primer_error *error)
{
    return train_shard_verify_part(shard, part, parts, asked, longest, error);
}

primer_status primer_shard_verify_counts(const primer_shard *shard, uint64_t asked,
                                         uint64_t longest, primer_error *error)
{
    return train_shard_verify_counts(shard, asked, longest, error);
}

primer_status primer_shard_document(const primer_shard *shard, uint64_t index, size_t capacity,
                                    int32_t *ids, unsigned char *asked, size_t *count,
                                    primer_error *error)
{
    return train_shard_document(shard, index, capacity, ids, asked, count, error);
}

primer_status primer_shard_writer_create(const char *path, size_t vocabulary, uint64_t tokenizer,
                                         primer_shard_writer **writer, primer_error *error)
{
    return train_shard_writer_create(writer, path, vocabulary, tokenizer, error);
}

void primer_shard_writer_key(primer_shard_writer *writer, uint64_t key)
{
    train_shard_writer_key(writer, key);
}

void primer_shard_writer_info(const primer_shard_writer *writer,
                              primer_shard_information *information)
{
    *information = public_of(train_shard_writer_info(writer));
}

primer_status primer_shard_write(primer_shard_writer *writer, const int32_t *ids,
                                 const unsigned char *asked, size_t count, uint64_t text_bytes,
                                 primer_error *error)
{
    return train_shard_write(writer, ids, asked, count, text_bytes, error);
}

primer_status primer_shard_writer_finish(primer_shard_writer *writer, primer_error *error)
{
    return train_shard_writer_finish(writer, error);
}

void primer_shard_writer_free(primer_shard_writer *writer)
{
    train_shard_writer_free(writer);
}
