/* sandbox_script.c - sandbox_worker.py as it lies beside this file, in the program: bubblewrap is
 * handed its text, so that nothing need be installed. The path is relative to where the compiler
 * runs, the tree's root. */
#include "sandbox/sandbox_worker.h"

__asm__(".pushsection .rodata\n"
        ".globl sandbox_script_text\n"
        ".type sandbox_script_text, %object\n"
        "sandbox_script_text:\n"
        ".incbin \"src/sandbox/sandbox_worker.py\"\n"
        ".byte 0\n"
        ".size sandbox_script_text, . - sandbox_script_text\n"
        ".popsection\n");
