/* settings.c - what holds where a command line says nothing. */
#include "command/settings.h"

void settings_default(struct settings *settings)
{
    *settings = (struct settings){.top = 20, .grace = 10};
    parameters_default(&settings->parameters);
}

void settings_free(struct settings *settings)
{
    parameters_free(&settings->parameters);
}
