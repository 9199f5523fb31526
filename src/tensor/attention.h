/* attention.h - sizes that the workspace needs to know of attention.c. */
#ifndef TENSOR_ATTENTION_H
#define TENSOR_ATTENTION_H

#include <stddef.h>

/* Floats of scratch a thread needs, for heads of `dimensions` and `group` query heads per KV head.
 */
size_t attention_scratch(size_t dimensions, size_t group);

#endif
