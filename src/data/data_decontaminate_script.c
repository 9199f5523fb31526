/* data_decontaminate_script.c - data_decontaminate_trees.py as it lies beside this file, in the
 * program. The path is relative to where the compiler runs, the tree's root. */
#include "data/data_decontaminate_trees.h"

__asm__(".pushsection .rodata\n"
        ".globl data_decontaminate_script_text\n"
        ".type data_decontaminate_script_text, %object\n"
        "data_decontaminate_script_text:\n"
        ".incbin \"src/data/data_decontaminate_trees.py\"\n"
        ".byte 0\n"
        ".size data_decontaminate_script_text, . - data_decontaminate_script_text\n"
        ".popsection\n");
