/* fuzz_template.c - any bytes as a chat template: they are refused with a message, or run within
 * limits on a conversation; each byte that comes out has a mark. */
#include <string.h>

#include "base/memory.h"
#include "chat/jinja.h"
#include "fuzz_driver.h"

#define FROM_OUTSIDE "\xEE\x80\x80" /* U+E000: only the conversation has it */

/* A mark is 0 or 1, and 1 wherever there is what only the conversation has; `anywhere`: the template
 * may have it too. */
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
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:n, s:[{s:{s:s, s:{s:i}}}]}], s:b, s:s, "
                     "s:[{s:s, s:{s:s, s:{}}}]}",
                     "messages", "role", "system", "content", "Be brief.", "role", "user",
                     "content", "What is \xC3\xA9" FROM_OUTSIDE "?", "role", "assistant", "content",
                     "tool_calls", "function", "name", "add", "arguments", "a", 1,
                     "add_generation_prompt", 1, "bos_token", "<s>", "tools", "type", "function",
                     "function", "name", "add", "parameters");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct jinja_template *template = NULL;
    struct jinja_output output = {0};
    const struct jinja_limits limits = {.steps = 20000, .memory = (size_t)4 << 20};
    primer_error error = {0};
    primer_status status = jinja_compile((const char *)data, size, &template, &error);
    fuzz_status(status, &error);
    json_t *const variables = status == PRIMER_OK ? conversation() : NULL;
    if (variables != NULL) {
        status = jinja_render(template, variables, NULL, 0, &limits, &output, &error);
        fuzz_status(status, &error);
        fuzz_check(output.text.length == output.outside.length, "each byte has a mark");
        check_marks(&output, memchr(data, 0xEE, size) != NULL || memchr(data, '\\', size) != NULL);
    }
    json_decref(variables);
    jinja_free(template);
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return 0;
}
