/* Causal self-attention with rotary positions. */
#ifndef REFERENCE_ATTENTION_H
#define REFERENCE_ATTENTION_H

#include "reference_model.h"

/*
 * From buffers->query [n][hq], key [n][hk] and value [n][hk], none of them rotated yet, to
 * buffers->attention [n][hq]. `extend` is NULL for plain attention.
 */
bool reference_attention(const reference_model *model, const reference_self_extend *extend,
                         size_t n, reference_buffers *buffers, reference_error *error);

#endif
