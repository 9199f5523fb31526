/* fuzz_own.c - any bytes as a model's own template: tried out, and given a conversation with tools.
 * It is refused with a message, or writes text, within limits. */
#include <string.h>

#include "base/memory.h"
#include "chat/chat_own.h"
#include "fuzz_driver.h"

static const char conversation[] =
    "{\"messages\": [{\"role\": \"developer\", \"content\": \"Be terse.\"}, {\"role\": \"user\", "
    "\"content\": \"Weather?\"}, {\"role\": \"assistant\", \"content\": \"Look:\", \"tool_calls\": "
    "[{\"id\": \"one\", \"function\": {\"name\": \"weather\", \"arguments\": {\"city\": "
    "\"Rom\"}}}, "
    "{\"function\": {\"name\": \"time\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"one\", "
    "\"content\": \"rain\"}, {\"role\": \"tool\", \"content\": \"noon\"}, {\"role\": \"user\", "
    "\"content\": \"And?\"}, {\"role\": \"system\", \"content\": \"S\"}], \"tools\": "
    "[{\"function\": "
    "{\"name\": \"weather\"}}]}";

static primer_chat_format *make_format(const char *template, primer_error *error)
{
    primer_chat_format *const format = memory_allocate(1, sizeof *format);
    if (format == NULL)
        return NULL;
    format->name = "own";
    format->bos = memory_copy_text("<s>");
    format->eos = memory_copy_text("</s>");
    format->style = chat_style_of(template);
    format->thinking = chat_style_thinking(template);
    primer_status status = jinja_compile(template, strlen(template), &format->template, error);
    if (status == PRIMER_OK)
        status = chat_probe(format, template, error);
    fuzz_status(status, error);
    if (status == PRIMER_OK)
        return format;
    primer_chat_format_free(format);
    return NULL;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    primer_error error = {0};
    char *text = NULL;
    size_t length = 0;
    char *const template = memory_copy_bytes(data, size);
    primer_chat_format *const format = make_format(template, &error);
    memory_free(template);
    if (format == NULL)
        return 0;
    const primer_status status = primer_chat_json_text(format, conversation, strlen(conversation),
                                                       PRIMER_CHAT_ANSWER, &text, &length, &error);
    fuzz_status(status, &error);
    fuzz_check((status == PRIMER_OK) == (text != NULL), "text comes out on success alone");
    primer_free(text);
    primer_chat_format_free(format);
    return 0;
}
