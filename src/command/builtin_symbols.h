/* builtin_symbols.h - where tools/builtin.S put the model: equal addresses where there is none. */
#ifndef COMMAND_BUILTIN_SYMBOLS_H
#define COMMAND_BUILTIN_SYMBOLS_H

extern const unsigned char builtin_model_begin[], builtin_model_end[];

#endif
