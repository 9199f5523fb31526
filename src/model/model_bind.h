/* model_bind.h - how keys and tensors of a file are found and checked. */
#ifndef MODEL_MODEL_BIND_H
#define MODEL_MODEL_BIND_H

#include "model/model.h"

/* Every part of the architecture's list: names, shapes and types checked, and put where its role
 * says. A vector is used in place if the file has F32, else widened into model->vectors. */
primer_status model_bind_parts(struct model *model, primer_error *error);
/* Reads ARCHITECTURE.key into *value (within [least, most]); absent: left as it is, or an error if
 * required. */
primer_status model_bind_size(const struct model *model, enum model_need need, const char *key,
                              size_t least, size_t most, size_t *value, primer_error *error);
primer_status model_bind_real(const struct model *model, enum model_need need, const char *key,
                              double *value, primer_error *error);
/* Every tensor of the file must have been bound, or be one that is known to be computed anew. */
primer_status model_bind_finished(const struct model *model, primer_error *error);

#endif
