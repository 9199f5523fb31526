/* avx2_vnni.c - this level's row of the table.
 *
 * The dot product of 256-bit registers came twice: with AVX512-VNNI and VL (EVEX encoding: Ice
 * Lake, Zen 4) and with AVX-VNNI (VEX encoding: Alder Lake). The level is offered where either is,
 * so the processor is asked which: CPUID leaf 7, sub-leaf 1, EAX bit 4 is AVX-VNNI.
 */
#include "kernel/avx2_vnni/avx2_vnni.h"

#include <cpuid.h>

static bool has_avx_vnni(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;
}

void avx2_vnni_fill(struct kernel *kernel)
{
    kernel->panel_product = has_avx_vnni() ? avx2_vnni_vex_product : avx2_vnni_evex_product;
}
