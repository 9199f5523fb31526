/* constraint_option.h - the options that say what an answer may be. */
#ifndef COMMAND_CONSTRAINT_OPTION_H
#define COMMAND_CONSTRAINT_OPTION_H

#include "command/settings.h"
#include "primer_chat.h"

/* *constraint NULL: no such option was given. Errors name the option, and the file. */
primer_status constraint_option(const struct settings *settings, primer_constraint **constraint,
                                primer_error *error);

#endif
