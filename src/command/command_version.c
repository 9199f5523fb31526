/* command_version.c - primer version. */
#include "command/command.h"

#include <stdio.h>

#include "base/cpu.h"
#include "terminal/output.h"

static int run(struct settings *settings)
{
    (void)settings;
    char text[256];
    primer_error error = {0};
    snprintf(text, sizeof text, "primer %s (%s, %zu threads)\n", PRIMER_VERSION,
             cpu_level_name(cpu_best()), cpu_thread_count());
    return output_text(text, &error) == PRIMER_OK ? EXIT_CODE_OK : command_failed(&error);
}

const struct command command_version = {
    .name = "version",
    .group = "About",
    .arguments = "",
    .summary = "print the version, the processor's level, the threads",
    .teaching = "",
    .bit = COMMAND_VERSION,
    .run = run,
};
