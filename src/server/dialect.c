/* dialect.c - whose shape an error takes. */
#include "server/dialect.h"

#include <string.h>

const struct dialect *dialect_of_path(const char *path)
{
    return strcmp(path, "/api") == 0 || strncmp(path, "/api/", 5) == 0 ? &ollama_error_dialect
                                                                       : &openai_error_dialect;
}
