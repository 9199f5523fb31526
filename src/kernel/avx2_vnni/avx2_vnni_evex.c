/* avx2_vnni_evex.c - the panel product with the dot product in EVEX encoding. */
#include "kernel/avx2_vnni/avx2_vnni.h"

#define PANEL_PRODUCT avx2_vnni_evex_product
#define VNNI_ENCODING "%{evex%}"
#include "kernel/avx2_vnni/avx2_vnni_panel.inc"
