/* base64.c - see base64.h. Three bytes are four characters of six bits each. */
#include "server/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

primer_status base64_append(struct buffer *out, const void *bytes, size_t length,
                            primer_error *error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    size_t groups;
    if (!memory_product((length + 2) / 3, 4, &groups))
        return memory_failure(error, "base64", length);
    FORWARD(buffer_reserve(out, groups, error));
    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i;
        const uint32_t three = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)at[i + 2] : 0);
        const char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                              left > 1 ? digits[three >> 6 & 63] : '=',
                              left > 2 ? digits[three & 63] : '='};
        FORWARD(buffer_append(out, four, 4, error));
    }
    return PRIMER_OK;
}

primer_status base64_floats(struct buffer *out, const float *values, size_t count,
                            primer_error *error)
{
    unsigned char *bytes = memory_allocate(count, 4);
    if (bytes == NULL)
        return memory_failure(error, "base64", count * 4);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t byte = 0; byte < 4; byte++)
            bytes[4 * i + byte] = (unsigned char)(bits >> (8 * byte));
    }
    const primer_status status = base64_append(out, bytes, count * 4, error);
    memory_free(bytes);
    return status;
}
