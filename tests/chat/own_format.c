/* own_format.c - formats of templates, for tests. */
#include "tests/chat/own_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "chat/chat_own.h"

primer_chat_format *own_format(const char *template, primer_error *error)
{
    primer_chat_format *const format = memory_allocate(1, sizeof *format);
    if (format == NULL)
        return NULL;
    format->name = "own";
    format->bos = memory_copy_text("<s>");
    format->eos = memory_copy_text("</s>");
    format->style = chat_style_of(template);
    format->thinking = chat_style_thinking(template);
    if (jinja_compile(template, strlen(template), &format->template, error) == PRIMER_OK &&
        chat_probe(format, template, error) == PRIMER_OK)
        return format;
    primer_chat_format_free(format);
    return NULL;
}

primer_chat_format *own_format_published(const char *name)
{
    const char *const shared = getenv("PRIMER_SHARED");
    char path[512];
    struct buffer text = {0};
    primer_error error = {0};
    snprintf(path, sizeof path, "%s/data/chat-templates/%s.jinja",
             shared == NULL ? "../shared" : shared, name);
    if (!file_exists(path) || file_read(path, 1 << 20, &text, NULL) != PRIMER_OK)
        return NULL;
    primer_chat_format *const format = own_format(text.bytes, &error);
    if (format == NULL)
        fprintf(stderr, "%s: %s\n", path, error.message);
    buffer_free(&text);
    return format;
}
