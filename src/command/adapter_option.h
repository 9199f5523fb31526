/* adapter_option.h - --adapter FILE[=SCALE], any number of times: opened for a model, for its
 * sessions. */
#ifndef COMMAND_ADAPTER_OPTION_H
#define COMMAND_ADAPTER_OPTION_H

#include "command/settings.h"

struct adapter_option {
    primer_adapter_use uses[PRIMER_ADAPTERS_MOST];
    size_t count;
};

/* "FILE=0.5" to FILE, a copy for memory_free, and the scale; where no number follows the last "="
 * all of it is the file's name, and the scale 1. */
primer_status adapter_option_split(const char *text, char **path, double *scale,
                                   primer_error *error);
/* Opens what the command line names and puts it into the settings' session options; close it after
 * the last session is made. */
primer_status adapter_option_open(struct settings *settings, primer_model *model,
                                  struct adapter_option *option, primer_error *error);
void adapter_option_close(struct adapter_option *option);

#endif
