/* model_set.c - the set is kinds x block types. A kind is one row here, and varies more than its
 * RoPE, so that the set covers what the options can say: fused and split QKV, grouped heads, a
 * window, tied output, biases, heads that aren't dim / heads wide, both tokenizers.
 *
 * Formats with blocks of 256 need rows of 256; the others are made with rows of 128, which keeps
 * the whole set under 50 MB.
 */
#include "model_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model_maker.h"
#include "quant/quant.h"

struct kind {
    const char *name;
    struct model_maker_options options;
};

static const struct kind KINDS[] = {
    {"phi2-neox", {.architecture = "phi2", .vocabulary = 320}},
    {"phi2-linear",
     {.architecture = "phi2", .vocabulary = 320, .rope = "linear:2", .split_qkv = true}},
    {"llama-norm", {.architecture = "llama", .vocabulary = 320, .kv_heads = 2}},
    {"llama-linear",
     {.architecture = "llama",
      .vocabulary = 320,
      .rope = "linear:2.5",
      .heads = 8,
      .kv_heads = 2,
      .window = 24,
      .tied = true}},
    {"llama-factors",
     {.architecture = "llama",
      .vocabulary = 320,
      .rope = "factors",
      .heads = 8,
      .kv_heads = 2,
      .head_dimension = 64,
      .ffn = 256,
      .bias = true,
      .tokenizer = "bpe"}},
};

enum { WIDE = 256, NARROW = 128 };

const struct model_maker_options *model_set_kind(size_t index, const char **name)
{
    if (index >= sizeof KINDS / sizeof *KINDS)
        return NULL;
    *name = KINDS[index].name;
    return &KINDS[index].options;
}

primer_status model_set_write(const char *folder, model_set_report *report, void *context,
                              primer_error *error)
{
    const struct model_maker_options *kind;
    const char *name = NULL;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return error_set(error, PRIMER_EIO, "%s: cannot make the folder: %s", folder,
                         strerror(errno));
    for (size_t k = 0; (kind = model_set_kind(k, &name)) != NULL; k++) {
        for (uint32_t type = 0; type < QUANT_TYPES; type++) {
            const struct quant_format *format = quant_format_of(type);
            struct model_maker_options options = *kind;
            char path[4096];
            if (!format)
                continue;
            options.type = format->name;
            options.dimension = format->block_length > NARROW ? WIDE : NARROW;
            options.seed = k * QUANT_TYPES + type;
            int length = snprintf(path, sizeof path, "%s/%s-%s.gguf", folder, name, format->name);
            if (length < 0 || (size_t)length >= sizeof path)
                return error_set(error, PRIMER_EINVAL, "%s: the folder's name is too long", folder);
            if (report)
                report(context, path);
            FORWARD(model_maker_write(&options, path, error));
        }
    }
    return PRIMER_OK;
}
