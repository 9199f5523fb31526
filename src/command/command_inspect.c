/* command_inspect.c - primer inspect: what a GGUF file holds. Nothing of it is executed; what it
 * says of itself is printed with control characters made visible.
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "base/knob.h"
#include "command/builtin.h"
#include "command/inspection.h"
#include "terminal/output.h"

static primer_status write_knobs(struct buffer *out, bool json, primer_error *error)
{
    size_t count = 0;
    const struct knob *table = knob_table(&count);
    FORWARD(buffer_text(out, json ? "{" : "", error));
    for (size_t i = 0; i < count; i++) {
        const char *value = knob_text((enum knob_id)i);
        if (!json) {
            FORWARD(buffer_format(out, error, "%-14s %-20s %s\n", table[i].name,
                                  value == NULL ? "-" : value, table[i].meaning));
            continue;
        }
        FORWARD(buffer_format(out, error, "%s\"%s\":{\"value\":", i > 0 ? "," : "", table[i].name));
        FORWARD(value == NULL ? buffer_text(out, "null", error)
                              : buffer_json_string(out, value, strlen(value), error));
        FORWARD(buffer_text(out, ",\"meaning\":", error));
        FORWARD(buffer_json_string(out, table[i].meaning, strlen(table[i].meaning), error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_text(out, json ? "}\n" : "", error);
}

static primer_status open_file(const char *path, struct gguf **gguf, primer_error *error)
{
    size_t size = 0;
    if (path != NULL)
        return gguf_open(gguf, path, error);
    const unsigned char *bytes = builtin_model(&size);
    if (bytes == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "no model was named and none is built into this program");
    return gguf_open_memory(gguf, bytes, size, "builtin", error);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct gguf *gguf = NULL;
    struct buffer out = {0};
    const char *path = settings->argument_count > 0 ? settings->arguments[0] : NULL;
    const struct inspection_options options = {.tensors = settings->tensors,
                                               .whole = settings->whole};
    if (settings->knobs && (settings->tensors || settings->whole))
        return command_misused(settings->command, "%s has no effect with --knobs",
                               settings->tensors ? "--tensors" : "--all");
    if (settings->knobs) {
        TRY(write_knobs(&out, settings->json, error));
    } else {
        TRY(open_file(path, &gguf, error));
        TRY(settings->json ? inspection_json(gguf, &options, &out, error)
                           : inspection_text(gguf, &options, &out, error));
    }
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    gguf_free(gguf);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_inspect = {
    .name = "inspect",
    .group = "Look inside",
    .arguments = "[MODEL]",
    .summary = "what a model's file holds: sizes, types, metadata, tensors",
    .teaching = "Examples\n"
                "  primer inspect model.gguf               sizes, types, metadata\n"
                "  primer inspect model.gguf --tensors     and every tensor\n"
                "  primer inspect model.gguf --json --all  everything, for programs\n"
                "  primer inspect --knobs                  the environment's switches\n\n"
                "Nothing in the file is run. Long lists are shortened unless --all is given.\n",
    .bit = COMMAND_INSPECT,
    .most = 1,
    .run = run,
};
