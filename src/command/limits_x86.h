/* limits_x86.h - loops of the x86-64 levels that this processor has. */
#ifndef COMMAND_LIMITS_X86_H
#define COMMAND_LIMITS_X86_H

#include "command/limits.h"

/* Best first; NULL past the last, and on other processors at once. */
const struct limits_loops *limits_x86_at(size_t index);

#endif
