/* avx2_vnni_evex.c - the panel product with the dot product in EVEX encoding. */
#include "kernel/avx2_vnni/avx2_vnni.h"

#define VNNI_ENCODING "%{evex%}"
#include "kernel/avx2_vnni/avx2_vnni_panel.inc"

void avx2_vnni_evex_product(const struct quant_format *format, const struct quant_panel *panels,
                            size_t panel_count, size_t blocks, const struct activation *activation,
                            size_t first_block, size_t first_token, size_t tokens, float *sums,
                            size_t sums_stride)
{
    panel_product(format, panels, panel_count, blocks, activation, first_block, first_token, tokens,
                  sums, sums_stride);
}
