/* fuzz_go_template.c - any bytes as a Go template: they are refused with a message, or run within
 * limits on a conversation, on a prompt and on a gap; each byte that comes out has a mark.
 *
 * U+E000 stands in the conversation alone, so that its first byte, 0xEE, is marked wherever it
 * comes out, unless the template could have made one: its bytes hold 0xEE or escapes, or it takes
 * texts apart into numbers and prints these as characters.
 */
#include <string.h>

#include "base/memory.h"
#include "chat/go_template.h"
#include "fuzz_driver.h"

#define FROM_OUTSIDE "\xEE\x80\x80" /* U+E000 */

static void check_marks(const struct jinja_output *output, bool anywhere)
{
    for (size_t i = 0; i < output->text.length; i++) {
        const unsigned char mark = (unsigned char)output->outside.bytes[i];
        fuzz_check(mark <= 1, "a mark is 0 or 1");
        if (!anywhere && (unsigned char)output->text.bytes[i] == 0xEE)
            fuzz_check(mark == 1, "what the conversation says is marked");
    }
}

static json_t *conversation(void)
{
    return json_pack(
        "{s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:n, s:s, s:[{s:{s:s, s:{s:i, s:s}}}]}, {s:s, s:s}],"
        " s:[{s:s, s:{s:s, s:{s:s, s:{s:{s:s}, s:{s:[s, s]}}, s:[s]}}}], s:{s:s}}",
        "messages", "role", "system", "content", "Be brief.", "role", "user", "content",
        "What is \xC3\xA9" FROM_OUTSIDE "?", "role", "assistant", "content", "reasoning_content",
        "hm", "tool_calls", "function", "name", "add", "arguments", "a", 1, "b", FROM_OUTSIDE,
        "role", "tool", "content", "3", "tools", "type", "function", "function", "name", "add",
        "parameters", "type", "object", "properties", "a", "type", "number", "b", "type", "string",
        "null", "required", "a", "variables", "think", "high");
}

static void try_on(const struct go_template *template, json_t *input, bool anywhere)
{
    const struct jinja_limits limits = {.steps = 20000, .memory = (size_t)4 << 20};
    struct jinja_output output = {0};
    primer_error error = {0};
    if (input == NULL)
        return;
    fuzz_status(go_template_render(template, input, 0, &limits, &output, &error), &error);
    fuzz_check(output.text.length == output.outside.length, "each byte has a mark");
    check_marks(&output, anywhere);
    buffer_free(&output.text);
    buffer_free(&output.outside);
    json_decref(input);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct go_template *template = NULL;
    primer_error error = {0};
    const primer_status status = go_template_compile((const char *)data, size, &template, &error);
    fuzz_status(status, &error);
    if (status != PRIMER_OK)
        return 0;
    const bool anywhere = memchr(data, 0xEE, size) != NULL || memchr(data, '\\', size) != NULL ||
                          memmem(data, size, "printf", 6) != NULL;
    try_on(template, conversation(), anywhere);
    try_on(template, json_pack("{s:s, s:s}", "system", "S", "prompt", FROM_OUTSIDE), anywhere);
    try_on(template, json_pack("{s:s, s:s}", "prompt", "P", "suffix", FROM_OUTSIDE), anywhere);
    go_template_free(template);
    return 0;
}
