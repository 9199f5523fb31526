/* fuzz_template.c - any bytes as a chat template: they are refused with a message, or run within
 * limits on a conversation; each byte that comes out has a mark. */
#include <string.h>

#include "base/memory.h"
#include "chat/jinja.h"
#include "fuzz_driver.h"

static json_t *conversation(void)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:n, s:[{s:{s:s, s:{s:i}}}]}], s:b, s:s, "
                     "s:[{s:s, s:{s:s, s:{}}}]}",
                     "messages", "role", "system", "content", "Be brief.", "role", "user",
                     "content", "What is \xC3\xA9?", "role", "assistant", "content", "tool_calls",
                     "function", "name", "add", "arguments", "a", 1, "add_generation_prompt", 1,
                     "bos_token", "<s>", "tools", "type", "function", "function", "name", "add",
                     "parameters");
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
        fuzz_check(memchr(output.outside.length > 0 ? output.outside.bytes : "", 2,
                          output.outside.length) == NULL,
                   "a mark is 0 or 1");
    }
    json_decref(variables);
    jinja_free(template);
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return 0;
}
