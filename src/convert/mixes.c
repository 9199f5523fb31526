/* mixes.c - the table of quantization targets, and how its rows are applied.
 *
 * A rule names the layers that get another format than the base, of n layers:
 *
 *   FIRST_TWO        i < 2
 *   FIRST_FOUR       i < 4
 *   FIRST_SIXTEENTH  i < n/16
 *   FIRST_EIGHTH     i < n/8
 *   MORE             i < n/8, or i >= 7n/8, or (i - n/8) mod 3 = 2: half of them, with both ends
 */
#include "convert/mixes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

#define TENSOR_ALIGNMENT 32U

enum layers { NO_LAYERS, EVERY_LAYER, FIRST_TWO, FIRST_FOUR, FIRST_SIXTEENTH, FIRST_EIGHTH, MORE };

struct rule {
    enum layers layers;
    enum quant_type type; /* on those layers */
    bool rest_differs;
    enum quant_type rest; /* on the others, where it is not the base */
};

struct mix {
    const char *name;
    uint32_t file_type;
    enum quant_type base, output;
    struct rule attn_v; /* and fused attn_qkv */
    struct rule attn_output, ffn_down;
};

#define ALL(t)                {EVERY_LAYER, QUANT_##t, false, QUANT_F32}
#define SOME(which, t)        {which, QUANT_##t, false, QUANT_F32}
#define SOME_ELSE(which, t, r) {which, QUANT_##t, true, QUANT_##r}
#define NONE                  {NO_LAYERS, QUANT_F32, false, QUANT_F32}
#define PLAIN(t, output, number)                                                                   \
    {#t, number, QUANT_##t, QUANT_##output, NONE, NONE, NONE}

static const struct mix MIXES[] = {
    PLAIN(F32, F32, 0),
    PLAIN(F16, F16, 1),
    PLAIN(BF16, BF16, 32),
    PLAIN(Q8_0, Q8_0, 7),
    PLAIN(Q4_0, Q6_K, 2),
    PLAIN(Q4_1, Q6_K, 3),
    PLAIN(Q5_0, Q6_K, 8),
    PLAIN(Q5_1, Q6_K, 9),
    PLAIN(IQ4_NL, Q6_K, 25),
    PLAIN(IQ4_XS, Q6_K, 30),
    {"Q2_K", 10, QUANT_Q2_K, QUANT_Q6_K, ALL(Q3_K), ALL(Q3_K), ALL(Q3_K)},
    PLAIN(Q3_K, Q6_K, 11),
    {"Q3_K_S", 11, QUANT_Q3_K, QUANT_Q6_K, NONE, NONE, NONE},
    {"Q3_K_M", 12, QUANT_Q3_K, QUANT_Q6_K, SOME_ELSE(FIRST_TWO, Q5_K, Q4_K), ALL(Q4_K),
     SOME_ELSE(FIRST_SIXTEENTH, Q5_K, Q4_K)},
    {"Q3_K_L", 13, QUANT_Q3_K, QUANT_Q6_K, ALL(Q5_K), ALL(Q5_K), ALL(Q5_K)},
    PLAIN(Q4_K, Q6_K, 14),
    {"Q4_K_S", 14, QUANT_Q4_K, QUANT_Q6_K, SOME(FIRST_FOUR, Q5_K), NONE, SOME(FIRST_EIGHTH, Q5_K)},
    {"Q4_K_M", 15, QUANT_Q4_K, QUANT_Q6_K, SOME(MORE, Q6_K), NONE, SOME(MORE, Q6_K)},
    PLAIN(Q5_K, Q6_K, 16),
    {"Q5_K_S", 16, QUANT_Q5_K, QUANT_Q6_K, NONE, NONE, NONE},
    {"Q5_K_M", 17, QUANT_Q5_K, QUANT_Q6_K, SOME(MORE, Q6_K), NONE, SOME(MORE, Q6_K)},
    PLAIN(Q6_K, Q6_K, 18),
};

#define MIX_COUNT (sizeof MIXES / sizeof *MIXES)

/* Where a row isn't a multiple of `format`'s block: the next narrower block that holds as much. */
struct fallback {
    enum quant_type from, to;
};
static const struct fallback FALLBACKS[] = {
    {QUANT_Q2_K, QUANT_Q4_0}, {QUANT_Q3_K, QUANT_Q4_0},     {QUANT_Q4_K, QUANT_Q5_0},
    {QUANT_Q5_K, QUANT_Q5_1}, {QUANT_Q6_K, QUANT_Q8_0},     {QUANT_IQ4_XS, QUANT_IQ4_NL},
};

const struct mix *mixes_named(const char *name)
{
    for (size_t i = 0; i < MIX_COUNT; i++)
        if (strcasecmp(MIXES[i].name, name) == 0)
            return &MIXES[i];
    return NULL;
}

const char *mixes_name(size_t index)
{
    return index < MIX_COUNT ? MIXES[index].name : NULL;
}

const char *mixes_name_of(const struct mix *mix)
{
    return mix->name;
}

uint32_t mixes_file_type(const struct mix *mix)
{
    return mix->file_type;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* "blk.12.ffn_down.weight" -> 12; -1 for a tensor of no layer. */
static long layer_of(const char *name)
{
    char *end;
    if (strncmp(name, "blk.", 4) != 0 || name[4] < '0' || name[4] > '9')
        return -1;
    long layer = strtol(name + 4, &end, 10);
    return *end == '.' && layer < 1000000 ? layer : -1;
}

static bool is_quantized(const struct mixes_tensor *tensor)
{
    return tensor->dimensions >= 2 && ends_with(tensor->name, ".weight") &&
           !ends_with(tensor->name, "_norm.weight") &&
           !ends_with(tensor->name, "rope_freqs.weight");
}

static bool among(enum layers layers, long i, long n)
{
    switch (layers) {
    case NO_LAYERS: return false;
    case EVERY_LAYER: return true;
    case FIRST_TWO: return i < 2;
    case FIRST_FOUR: return i < 4;
    case FIRST_SIXTEENTH: return i < n / 16;
    case FIRST_EIGHTH: return i < n / 8;
    case MORE: return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    }
    return false;
}

static enum quant_type apply(const struct rule *rule, enum quant_type base, long layer, long layers)
{
    if (rule->layers == NO_LAYERS || layer < 0)
        return base;
    if (among(rule->layers, layer, layers))
        return rule->type;
    return rule->rest_differs ? rule->rest : base;
}

static enum quant_type choose(const struct mix *mix, const char *name, bool own_output, long layers)
{
    long layer = layer_of(name);
    if (strcmp(name, own_output ? "output.weight" : "token_embd.weight") == 0)
        return mix->output;
    if (ends_with(name, ".attn_v.weight") || ends_with(name, ".attn_qkv.weight"))
        return apply(&mix->attn_v, mix->base, layer, layers);
    if (ends_with(name, ".attn_output.weight"))
        return apply(&mix->attn_output, mix->base, layer, layers);
    if (ends_with(name, ".ffn_down.weight"))
        return apply(&mix->ffn_down, mix->base, layer, layers);
    return mix->base;
}

static const struct quant_format *fit(enum quant_type type, size_t columns)
{
    const struct quant_format *format = quant_format_of(type);
    for (size_t i = 0; i < sizeof FALLBACKS / sizeof *FALLBACKS; i++)
        if (columns % format->block_length != 0 && FALLBACKS[i].from == format->type)
            format = quant_format_of(FALLBACKS[i].to);
    return columns % format->block_length == 0 ? format : quant_format_of(QUANT_F16);
}

size_t mixes_plan(const struct mix *mix, const struct mixes_tensor *tensors, size_t count,
                  const struct quant_format **formats)
{
    bool own_output = false;
    long layers = 0;
    size_t fallbacks = 0;
    for (size_t i = 0; i < count; i++) {
        long layer = layer_of(tensors[i].name);
        if (layer >= layers)
            layers = layer + 1;
        if (strcmp(tensors[i].name, "output.weight") == 0)
            own_output = true;
    }
    for (size_t i = 0; i < count; i++) {
        formats[i] = quant_format_of(QUANT_F32);
        if (!is_quantized(&tensors[i]))
            continue;
        enum quant_type type = choose(mix, tensors[i].name, own_output, layers);
        formats[i] = fit(type, tensors[i].shape[0]);
        fallbacks += formats[i]->type != type;
    }
    return fallbacks;
}

primer_status mixes_bytes(const struct mixes_tensor *tensors, size_t count,
                          const struct quant_format *const *formats, uint64_t *bytes,
                          primer_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = tensors[i].shape[0];
        bool fits = quant_bytes(formats[i], size, &size);
        for (size_t d = 1; fits && d < tensors[i].dimensions; d++)
            fits = memory_product(size, tensors[i].shape[d], &size);
        fits = fits && memory_sum(size, TENSOR_ALIGNMENT - 1, &size) &&
               memory_sum(total, size / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT, &total);
        if (!fits)
            return error_set(error, PRIMER_EINVAL, "tensor '%s' has no size in %s",
                             tensors[i].name, formats[i]->name);
    }
    *bytes = total;
    return PRIMER_OK;
}
