/* json_dump.c - see json_dump.h. */
#include "server/json_dump.h"

#include "base/memory.h"

static int append(const char *bytes, size_t length, void *context)
{
    return buffer_append(context, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

primer_status json_dump_append(struct buffer *out, const json_t *value, primer_error *error)
{
    if (value == NULL ||
        json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        return memory_failure(error, "JSON text", 0);
    return PRIMER_OK;
}
