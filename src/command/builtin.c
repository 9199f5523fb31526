/* builtin.c - hands out the model inside the program. */
#include "command/builtin.h"

#include <stdint.h>

#include "command/builtin_symbols.h"

const unsigned char *builtin_model(size_t *size)
{
    /* As numbers: for the compiler two arrays never begin at the same place. */
    const uintptr_t begin = (uintptr_t)builtin_model_begin, end = (uintptr_t)builtin_model_end;
    *size = (size_t)(end - begin);
    return *size == 0 ? NULL : builtin_model_begin;
}
