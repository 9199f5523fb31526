/* avx2_vnni_vex.c - the panel product with the dot product in VEX encoding. */
#include "kernel/avx2_vnni/avx2_vnni.h"

#define PANEL_PRODUCT avx2_vnni_vex_product
#define VNNI_ENCODING "%{vex%}"
#include "kernel/avx2_vnni/avx2_vnni_panel.inc"
