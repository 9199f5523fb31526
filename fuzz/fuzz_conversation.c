/* fuzz_conversation.c - any bytes as a conversation in JSON: refused with a message, or written as
 * text; the first byte chooses the format. */
#include <string.h>

#include "base/memory.h"
#include "chat/chat_format.h"
#include "fuzz_driver.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t formats = 0, length = 0;
    char *text = NULL;
    primer_error error = {0};
    if (size == 0)
        return 0;
    while (primer_chat_format_at(formats) != NULL)
        formats++;
    const primer_chat_format *const format = primer_chat_format_at(data[0] % formats);
    const primer_status status = primer_chat_json_text(format, (const char *)data + 1, size - 1,
                                                       PRIMER_CHAT_ANSWER, &text, &length, &error);
    fuzz_status(status, &error);
    fuzz_check((status == PRIMER_OK) == (text != NULL), "text comes out on success alone");
    fuzz_check(text == NULL || strlen(text) == length, "the text's length is its length");
    primer_free(text);
    return 0;
}
