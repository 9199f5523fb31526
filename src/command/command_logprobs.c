/* command_logprobs.c - primer logprobs: the distribution after every token of a given list.
 *
 * One line per id: {"id":1,"top":[[id,logprob],...]}, natural logarithms, best first, no samplers.
 */
#include "command/command.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "command/adapter_option.h"
#include "command/id_list.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"

#define IDS_MOST ((size_t)256 << 20) /* bytes of a list */

struct lines {
    struct buffer line;
    primer_status status;
    primer_error error; /* of the callback's own */
};

static primer_status write_line(struct lines *lines, const primer_score *score)
{
    buffer_clear(&lines->line);
    FORWARD(buffer_format(&lines->line, &lines->error, "{\"id\":%d,\"top\":[", score->id));
    for (size_t i = 0; i < score->top_count; i++)
        FORWARD(buffer_format(&lines->line, &lines->error, "%s[%d,%.9g]", i > 0 ? "," : "",
                              score->top[i].id, (double)score->top[i].logprob));
    FORWARD(buffer_text(&lines->line, "]}\n", &lines->error));
    return output_write(lines->line.bytes, lines->line.length, &lines->error);
}

static bool take_score(void *context, const primer_score *score)
{
    struct lines *lines = context;
    lines->status = write_line(lines, score);
    return lines->status == PRIMER_OK;
}

static primer_status read_ids(const char *given, int32_t **ids, size_t *count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    if (strcmp(given, "-") == 0)
        TRY(file_read("-", IDS_MOST, &text, error));
    else
        TRY(buffer_text(&text, given, error));
    TRY(id_list_parse(text.length > 0 ? text.bytes : "", text.length, ids, count, error));
    if (*count == 0)
        FAIL(PRIMER_EINVAL, "ids: the list is empty, expected at least one");

cleanup:
    buffer_free(&text);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_model *model = NULL;
    primer_session *session = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    struct lines lines = {0};
    struct adapter_option adapters = {0};
    if (settings->ids == NULL)
        return command_misused(settings->command, "--ids is needed: the tokens, by commas, or -");
    TRY(read_ids(settings->ids, &ids, &count, error));
    TRY(command_open_model(settings->argument_count > 0 ? settings->arguments[0] : NULL, settings,
                           &model, error));
    TRY(adapter_option_open(settings, model, &adapters, error));
    TRY(primer_session_create(model, &settings->parameters.session, &session, error));
    interrupt_target(session);
    status = primer_session_score(session, ids, count, 0, settings->top, take_score, &lines, error);
    if (lines.status != PRIMER_OK) {
        status = lines.status;
        problem = lines.error;
    }

cleanup:
    buffer_free(&lines.line);
    memory_free(ids);
    const int code = status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
    interrupt_target(NULL);
    primer_session_free(session);
    adapter_option_close(&adapters);
    primer_model_free(model);
    return code;
}

const struct command command_logprobs = {
    .name = "logprobs",
    .group = "Look inside",
    .arguments = "[MODEL]",
    .summary = "the most probable next tokens after each of a list of tokens",
    .teaching = "Examples\n"
                "  primer logprobs model.gguf --ids 1,403,407 --top 3\n"
                "  primer tokens model.gguf < text | primer logprobs model.gguf --ids -\n\n"
                "Each id gives a line of JSON: {\"id\":1,\"top\":[[403,-0.31],[...]]}, natural "
                "logarithms of the\n"
                "distribution before any sampler. No beginning token is added.\n",
    .bit = COMMAND_LOGPROBS,
    .most = 1,
    .run = run,
};
