/* builtin.h - the model inside the program, where one was built in (make EMBED=file.gguf). */
#ifndef COMMAND_BUILTIN_H
#define COMMAND_BUILTIN_H

#include <stddef.h>

/* Its bytes, aligned to 64, read in place; NULL where there is none. */
const unsigned char *builtin_model(size_t *size);

#endif
