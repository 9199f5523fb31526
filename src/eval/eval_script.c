/* eval_script.c - eval_judge.py as it lies beside this file, in the program. The path is relative
 * to where the compiler runs, the tree's root. */
#include "eval/eval_script.h"

__asm__(".pushsection .rodata\n"
        ".globl eval_script_text\n"
        ".type eval_script_text, %object\n"
        "eval_script_text:\n"
        ".incbin \"src/eval/eval_judge.py\"\n"
        ".byte 0\n"
        ".size eval_script_text, . - eval_script_text\n"
        ".popsection\n");
