/* teacher_script.c - teacher_check.py as it lies beside this file, in the program. The path is
 * relative to where the compiler runs, the tree's root. */
#include "data/teacher_answer.h"

__asm__(".pushsection .rodata\n"
        ".globl teacher_script_text\n"
        ".type teacher_script_text, %object\n"
        "teacher_script_text:\n"
        ".incbin \"src/data/teacher_check.py\"\n"
        ".byte 0\n"
        ".size teacher_script_text, . - teacher_script_text\n"
        ".popsection\n");
