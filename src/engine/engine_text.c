/* engine_text.c - text and tokens of a model, for callers of primer.h. */
#include "engine/engine.h"

_Static_assert((int)PRIMER_TEXT_SPECIAL == (int)TOKENIZER_SPECIAL &&
                   (int)PRIMER_TEXT_BOS == (int)TOKENIZER_BOS &&
                   (int)PRIMER_TEXT_CONTINUE == (int)TOKENIZER_CONTINUE,
               "the public flags are the tokenizer's");

primer_status primer_tokenize(const primer_model *model, const char *text, size_t length,
                              unsigned flags, int32_t **ids, size_t *count, primer_error *error)
{
    return primer_tokenize_marked(model, text, NULL, length, flags, ids, count, error);
}

primer_status primer_tokenize_marked(const primer_model *model, const char *text,
                                     const unsigned char *outside, size_t length, unsigned flags,
                                     int32_t **ids, size_t *count, primer_error *error)
{
    struct token_list list = {0};
    const primer_status status =
        tokenizer_encode_marked(model->tokenizer, text, outside, length, flags, &list, error);
    if (status != PRIMER_OK) {
        token_list_free(&list);
        return status;
    }
    if (list.ids == NULL) {
        list.ids = memory_allocate(1, sizeof *list.ids);
        if (list.ids == NULL)
            return memory_failure(error, "an empty token list", sizeof *list.ids);
    }
    *ids = list.ids;
    *count = list.count;
    return PRIMER_OK;
}

primer_status primer_detokenize(const primer_model *model, const int32_t *ids, size_t count,
                                unsigned flags, char **text, size_t *length, primer_error *error)
{
    struct buffer out = {0};
    primer_status status = tokenizer_decode(model->tokenizer, ids, count, flags, &out, error);
    if (status == PRIMER_OK && out.bytes == NULL)
        status = buffer_text(&out, "", error);
    if (status != PRIMER_OK) {
        buffer_free(&out);
        return status;
    }
    *text = out.bytes;
    *length = out.length;
    return PRIMER_OK;
}

const char *primer_token_bytes(const primer_model *model, int32_t id, size_t *length)
{
    return tokenizer_bytes(model->tokenizer, id, true, length);
}

int32_t primer_token_bos(const primer_model *model)
{
    return tokenizer_bos(model->tokenizer);
}

int32_t primer_token_eos(const primer_model *model)
{
    return tokenizer_eos(model->tokenizer);
}

bool primer_token_ends(const primer_model *model, int32_t id)
{
    return tokenizer_ends(model->tokenizer, id);
}

int32_t primer_token_find(const primer_model *model, const char *text, size_t length)
{
    return tokenizer_find(model->tokenizer, text, length);
}
