/* builtin.S - the bytes of a model inside the program, in place: aligned to 64, read-only, used without
 * a copy. Without BUILTIN_MODEL (a quoted path) both symbols have the same address: no model.
 * src/command/builtin.c hands them out. */
    .section .rodata
    .balign 64
    .globl builtin_model_begin
    .type builtin_model_begin, %object
builtin_model_begin:
#ifdef BUILTIN_MODEL
    .incbin BUILTIN_MODEL
#endif
    .globl builtin_model_end
    .type builtin_model_end, %object
builtin_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
