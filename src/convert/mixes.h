/* mixes.h - which block format each tensor of a quantized file gets.
 *
 * A target is a format's name ("Q4_0", "Q6_K", "F16") or a mix's ("Q4_K_M"): one row of a table. A
 * mix has a base format and gives some tensors of some layers a wider one, as llama.cpp's files
 * have it (src/llama-quant.cpp of that project, at 007dbbf), so that a file called Q4_K_M means the
 * same everywhere.
 *
 *   - Only weights of two dimensions or more are quantized; biases, norms and RoPE factors are F32.
 *   - The output matrix (the token embedding where that is the output) gets the output format.
 *   - A row whose length isn't a multiple of 256 falls back from a K format to one with blocks
 *     of 32, and from there, where it isn't a multiple of 32 either, to F16.
 */
#ifndef CONVERT_MIXES_H
#define CONVERT_MIXES_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "quant/quant.h"

struct mix; /* one row of the table */

/* What planning needs to know of a tensor; shape as GGUF has it, fastest dimension first. */
struct mixes_tensor {
    const char *name;
    size_t dimensions;
    const size_t *shape; /* [dimensions] */
};

/* By name, case-insensitive; NULL if there is none. */
const struct mix *mixes_named(const char *name);
/* The names in the table's order; NULL past the end. */
const char *mixes_name(size_t index);
const char *mixes_name_of(const struct mix *mix);
uint32_t mixes_file_type(const struct mix *mix); /* general.file_type of the file */

/* Chooses formats[count]. The layers are counted by the names ("blk.7."), so the list must be
 * whole. Returns how many tensors fell back to a narrower block for the length of their rows. */
size_t mixes_plan(const struct mix *mix, const struct mixes_tensor *tensors, size_t count,
                  const struct quant_format **formats);
/* Bytes of tensor data in a GGUF with these formats, each tensor padded to 32. */
primer_status mixes_bytes(const struct mixes_tensor *tensors, size_t count,
                          const struct quant_format *const *formats, uint64_t *bytes,
                          primer_error *error);

#endif
