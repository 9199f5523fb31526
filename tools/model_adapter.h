/* model_adapter.h - a random LoRA adapter for a model's file, as llama.cpp has them, for tests. */
#ifndef TOOLS_MODEL_ADAPTER_H
#define TOOLS_MODEL_ADAPTER_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Matrices of this rank for every matrix of the model's layers, alpha twice the rank; large enough
 * to change what a random model writes. The same arguments give the same bytes. */
primer_status model_adapter_write(const char *model, const char *path, size_t rank, uint64_t seed,
                                  primer_error *error);

#endif
