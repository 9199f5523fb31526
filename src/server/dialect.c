/* dialect.c - whose shape an error takes. */
#include "server/dialect.h"

#include <string.h>

const struct dialect *dialect_of_path(const char *path)
{
    return strcmp(path, "/api") == 0 || strncmp(path, "/api/", 5) == 0 ? &dialect_ollama
                                                                       : &dialect_openai;
}
