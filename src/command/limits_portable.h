/* limits_portable.h - loops in plain C, which the compiler may turn into what the processor has. */
#ifndef COMMAND_LIMITS_PORTABLE_H
#define COMMAND_LIMITS_PORTABLE_H

#include "command/limits.h"

const struct limits_loops *limits_portable(void);

#endif
