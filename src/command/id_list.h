/* id_list.h - token ids as people and programs write them: "1,2,3", "[1, 2, 3]", a number a line.
 */
#ifndef COMMAND_ID_LIST_H
#define COMMAND_ID_LIST_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* The ids are the caller's, by memory_free. Errors name the offset and what was found there. */
primer_status id_list_parse(const char *text, size_t length, int32_t **ids, size_t *count,
                            primer_error *error);

#endif
