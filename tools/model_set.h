/* model_set.h - one small model of every architecture, RoPE kind and block type. */
#ifndef TOOLS_MODEL_SET_H
#define TOOLS_MODEL_SET_H

#include <stddef.h>
#include "base/error.h"

/* Writes the set into `folder` (made if it isn't there) as NAME-TYPE.gguf,
 * "llama-factors-Q4_K.gguf". `report` (may be NULL) is called before each file. */
typedef void model_set_report(void *context, const char *path);
primer_status model_set_write(const char *folder, model_set_report *report, void *context,
                              primer_error *error);

/* The kinds, for tests that make their own models: NULL past the end. */
struct model_maker_options;
const struct model_maker_options *model_set_kind(size_t index, const char **name);

#endif
