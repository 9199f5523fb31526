/* scalar.c - the scalar level's row of the table. */
#include "kernel/scalar/scalar.h"

void scalar_fill(struct kernel *kernel)
{
    *kernel = (struct kernel){
        .level = CPU_SCALAR,
        .quantize = scalar_quantize,
        .panel_product = scalar_panel_product,
        .float_product = scalar_float_product,
        .attention = scalar_attention,
        .attention_join = scalar_attention_join,
        .encode = scalar_encode,
        .layer_norm = scalar_vector_layer_norm,
        .rms_norm = scalar_vector_rms_norm,
        .rotate = scalar_vector_rotate,
        .finish = scalar_vector_finish,
        .silu_product = scalar_vector_silu_product,
        .scale = scalar_vector_scale,
        .finite = scalar_vector_finite,
    };
}
