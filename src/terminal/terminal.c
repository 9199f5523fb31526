/* terminal.c - the loop of the chat: a line or several, a command or a question, an answer. */
#include "terminal/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "terminal/dialogue.h"
#include "terminal/home.h"
#include "terminal/interrupt.h"
#include "terminal/line_input.h"
#include "terminal/output.h"
#include "terminal/render.h"
#include "terminal/slash.h"

#define QUOTES       "\"\"\""
#define CONTINUATION "... "
#define ESCAPE       "\1" /* around what takes no columns, see line_input.h */

enum { GAUGE_CELLS = 8, PROMPT_BYTES = 512 };

struct terminal {
    struct dialogue dialogue;
    struct line_input *input;
    struct buffer line, text; /* one line as read; what was said in all */
};

/* "▰▱▱▱▱▱▱▱ 12% >>> ", the gauge in the colour of its fill. */
static void make_prompt(const struct terminal *terminal, char out[PROMPT_BYTES])
{
    size_t used = 0;
    const size_t context = primer_session_context(terminal->dialogue.session);
    primer_session_tokens(terminal->dialogue.session, &used);
    const enum render_style style = used > context / 10 * 9  ? RENDER_FULL
                                    : used > context / 4 * 3 ? RENDER_WARN
                                                             : RENDER_DIM;
    char gauge[RENDER_TEXT];
    const char *plain = render_style(STDERR_FILENO, RENDER_PLAIN);
    snprintf(out, PROMPT_BYTES,
             ESCAPE "%s" ESCAPE "%s" ESCAPE "%s" ESCAPE " " ESCAPE "%s" ESCAPE ">>>" ESCAPE
                    "%s" ESCAPE " ", /* libedit forgets what stands behind the last character */
             render_style(STDERR_FILENO, style), render_gauge(used, context, GAUGE_CELLS, gauge),
             plain, render_style(STDERR_FILENO, RENDER_PROMPT), plain);
}

static size_t count_quotes(const char *text)
{
    size_t count = 0;
    for (text = strstr(text, QUOTES); text != NULL; text = strstr(text + 3, QUOTES))
        count++;
    return count;
}

/* One thing said: a line, or the lines from one """ to the next. */
static enum line_result read_text(struct terminal *terminal)
{
    char prompt[PROMPT_BYTES];
    struct buffer *line = &terminal->line, *text = &terminal->text;
    make_prompt(terminal, prompt);
    buffer_clear(text);
    enum line_result result = line_input_read(terminal->input, prompt, line);
    if (result != LINE_TEXT || buffer_append(text, line->bytes, line->length, NULL) != PRIMER_OK)
        return result == LINE_TEXT ? LINE_FAILED : result;
    line_input_remember(terminal->input, line->bytes);
    while (count_quotes(text->bytes) % 2 == 1) {
        result = line_input_read(terminal->input, CONTINUATION, line);
        if (result != LINE_TEXT)
            return result == LINE_END ? LINE_INTERRUPTED : result;
        if (buffer_text(text, "\n", NULL) != PRIMER_OK ||
            buffer_append(text, line->bytes, line->length, NULL) != PRIMER_OK)
            return LINE_FAILED;
    }
    return LINE_TEXT;
}

/* Takes the marks of a text of several lines away, with a newline next to each. */
static char *without_quotes(char *text)
{
    const size_t length = strlen(text);
    if (length < 6 || strncmp(text, QUOTES, 3) != 0 || strcmp(text + length - 3, QUOTES) != 0)
        return text;
    text[length - 3] = '\0';
    if (length > 6 && text[length - 4] == '\n')
        text[length - 4] = '\0';
    return text + (text[3] == '\n' ? 4 : 3);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void take_turn(struct terminal *terminal)
{
    primer_error error = {0};
    char *text = terminal->text.bytes;
    if (is_blank(text))
        return;
    const primer_status status =
        *text == '/' ? slash_run(&terminal->dialogue, text, &error)
                     : dialogue_say(&terminal->dialogue, without_quotes(text), &error);
    if (status != PRIMER_OK && !output_gone())
        fprintf(stderr, "%sprimer: %s%s\n", render_style(STDERR_FILENO, RENDER_WARN), error.message,
                render_style(STDERR_FILENO, RENDER_PLAIN));
}

static void greet(const struct terminal_options *options, const struct dialogue *dialogue)
{
    const primer_model_information *about = primer_model_info(options->model);
    char name[128], size[RENDER_TEXT];
    fprintf(stderr, "%s%s%s  %s, %s, %s, context %zu, template %s\n",
            render_style(STDERR_FILENO, RENDER_BOLD),
            error_printable(about->name, strlen(about->name), name, sizeof name),
            render_style(STDERR_FILENO, RENDER_PLAIN), about->architecture, about->type,
            render_bytes(about->file_bytes, size), primer_session_context(dialogue->session),
            primer_chat_format_name(options->format));
    if (*options->problem != '\0')
        fprintf(stderr,
                "%sprimer: the chat template in this file can't be used (%s); %s is used instead "
                "(/set template NAME takes another)%s\n",
                render_style(STDERR_FILENO, RENDER_WARN), options->problem,
                primer_chat_format_name(options->format),
                render_style(STDERR_FILENO, RENDER_PLAIN));
    fprintf(stderr, "%s/help lists commands, Ctrl-D leaves%s\n",
            render_style(STDERR_FILENO, RENDER_DIM), render_style(STDERR_FILENO, RENDER_PLAIN));
}

/* A history that can't be kept is no reason not to talk. */
static primer_status open_input(struct terminal *terminal, primer_error *error)
{
    struct buffer history = {0};
    const bool kept = home_path("history", &history, NULL) == PRIMER_OK;
    const primer_status status =
        line_input_create(&terminal->input, kept ? history.bytes : NULL, error);
    buffer_free(&history);
    return status;
}

static primer_status talk(struct terminal *terminal, primer_error *error)
{
    while (!terminal->dialogue.leave && !output_gone()) {
        switch (read_text(terminal)) {
        case LINE_TEXT:
            take_turn(terminal);
            break;
        case LINE_INTERRUPTED:
            fprintf(stderr, "%sCtrl-D or /bye leaves%s\n", render_style(STDERR_FILENO, RENDER_DIM),
                    render_style(STDERR_FILENO, RENDER_PLAIN));
            break;
        case LINE_END:
            fputc('\n', stderr);
            return PRIMER_OK;
        case LINE_LONG:
            return error_set(error, PRIMER_ELIMIT, "standard input: a line of more than 1 MiB");
        case LINE_FAILED:
            return error_set(error, PRIMER_EIO, "standard input: cannot read a line");
        }
    }
    return PRIMER_OK;
}

primer_status terminal_chat(const struct terminal_options *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct terminal terminal = {0};
    interrupt_install(NULL);
    TRY(dialogue_create(&terminal.dialogue, options->model, options->draft, options->format,
                        options->parameters, error));
    terminal.dialogue.own = options->own;
    terminal.dialogue.statistics = options->statistics;
    terminal.dialogue.constraint = options->constraint;
    TRY(conversation_set_system(&terminal.dialogue.conversation, options->system, error));
    TRY(open_input(&terminal, error));
    greet(options, &terminal.dialogue);
    status = talk(&terminal, error);

cleanup:
    line_input_free(terminal.input);
    dialogue_free(&terminal.dialogue);
    buffer_free(&terminal.line);
    buffer_free(&terminal.text);
    return status;
}
