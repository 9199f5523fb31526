/* command_help.c - primer help: the commands by group, one command with its options and examples,
 * and the completions, all from the two tables.
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "command/completion.h"
#include "command/options.h"
#include "terminal/output.h"
#include "terminal/render.h"

enum { OPTION_COLUMNS = 28 };

static const char *bold(void)
{
    return render_style(STDOUT_FILENO, RENDER_BOLD);
}

static const char *plain(void)
{
    return render_style(STDOUT_FILENO, RENDER_PLAIN);
}

static primer_status write_overview(struct buffer *out, primer_error *error)
{
    const char *group = "";
    FORWARD(buffer_format(out, error,
                          "primer %s: small language models on the machine you have\n\n"
                          "usage: primer COMMAND [ARGUMENTS] [OPTIONS]\n",
                          PRIMER_VERSION));
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *command = command_at(i);
        if (strcmp(group, command->group) != 0)
            FORWARD(buffer_format(out, error, "\n%s%s%s\n", bold(), command->group, plain()));
        group = command->group;
        FORWARD(buffer_format(out, error, "  %-11s %s\n", command->name, command->summary));
    }
    return buffer_text(out,
                       "\n'primer help COMMAND' teaches one of them.\n\n"
                       "  primer run model.gguf                          a chat\n"
                       "  primer run model.gguf \"Why is the sky blue?\"   one answer\n",
                       error);
}

static primer_status write_option(struct buffer *out, const struct option *option,
                                  primer_error *error)
{
    char left[128];
    const size_t shown = strcspn(option->names, " ");
    const char *second = option->names + shown + strspn(option->names + shown, " ");
    const size_t other =
        shown == 2 ? strcspn(second, " ") : 0; /* a short name with its first long one */
    snprintf(left, sizeof left, "%s%.*s%s%.*s%s%s", shown == 2 ? "" : "    ", (int)shown,
             option->names, other > 0 ? ", " : "", (int)other, second,
             option->value == NULL ? "" : " ", option->value == NULL ? "" : option->value);
    const size_t width = utf8_width(left, strlen(left));
    const int gap = width + 1 > OPTION_COLUMNS ? 1 : (int)(OPTION_COLUMNS - width);
    return buffer_format(out, error, "  %s%*s%s\n", left, gap, "", option->meaning);
}

static primer_status write_options(struct buffer *out, const struct command *command,
                                   primer_error *error)
{
    size_t count = 0;
    const struct option *table = option_table(&count);
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & command->bit) == 0)
            continue;
        if (strcmp(group, table[i].group) != 0)
            FORWARD(buffer_format(out, error, "\n%s%s%s\n", bold(), table[i].group, plain()));
        group = table[i].group;
        FORWARD(write_option(out, &table[i], error));
    }
    return PRIMER_OK;
}

static primer_status write_verbs(struct buffer *out, const struct command *command,
                                 primer_error *error)
{
    FORWARD(buffer_format(out, error, "primer %s: %s\n\nusage: primer %s %s ...\n\n%sVerbs%s\n",
                          command->name, command->summary, command->name, command->arguments,
                          bold(), plain()));
    for (size_t i = 0; command->verbs[i] != NULL; i++)
        FORWARD(buffer_format(out, error, "  %-14s %s\n", command_last_word(command->verbs[i]),
                              command->verbs[i]->summary));
    return buffer_format(out, error, "\n'primer help %s VERB' teaches one of them.\n\n%s",
                         command->name, command->teaching);
}

static primer_status write_command(struct buffer *out, const struct command *command,
                                   primer_error *error)
{
    FORWARD(buffer_format(out, error, "primer %s: %s\n\nusage: primer %s %s%s[OPTIONS]\n",
                          command->name, command->summary, command->name, command->arguments,
                          *command->arguments == '\0' ? "" : " "));
    FORWARD(write_options(out, command, error));
    return buffer_format(out, error, "%s%s", *command->teaching == '\0' ? "" : "\n",
                         command->teaching);
}

static int unknown_topic(const char *name)
{
    struct suggest nearest = suggest_for(name);
    for (size_t i = 0; command_at(i) != NULL; i++)
        suggest_consider(&nearest, command_at(i)->name);
    char shown[64];
    error_printable(name, strlen(name), shown, sizeof shown);
    return nearest.best != NULL
               ? command_misused(NULL, "no command is called \"%s\"; did you mean %s?", shown,
                                 nearest.best)
               : command_misused(NULL, "no command is called \"%s\"", shown);
}

static int run(struct settings *settings)
{
    primer_error error = {0};
    struct buffer out = {0};
    const char *name = settings->argument_count > 0 ? settings->arguments[0] : NULL;
    const struct command *command = name == NULL ? NULL : command_named(name);
    if (name != NULL && command == NULL)
        return unknown_topic(name);
    if (settings->argument_count > 1) {
        command = command_verb(command, settings->arguments[1]);
        if (command == NULL)
            return unknown_topic(settings->arguments[1]);
    }
    primer_status status = settings->completion != NULL
                               ? completion_write(settings->completion, &out, &error)
                           : command == NULL        ? write_overview(&out, &error)
                           : command->verbs != NULL ? write_verbs(&out, command, &error)
                                                    : write_command(&out, command, &error);
    if (status == PRIMER_OK)
        status = output_write(out.bytes, out.length, &error);
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(&error);
}

const struct command command_help = {
    .name = "help",
    .group = "About",
    .arguments = "[COMMAND [VERB]]",
    .summary = "what there is, or all about one command",
    .teaching = "",
    .bit = COMMAND_HELP,
    .most = 2,
    .run = run,
};
