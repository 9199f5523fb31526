/* command.c - the table of subcommands, and how a command fails. */
#include "command/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command/builtin.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"

static const struct command *const table[] = {
    &command_run,      &command_serve, &command_inspect,    &command_tokens,
    &command_logprobs, &command_bench, &command_perplexity, &command_eval,
    &command_quantize, &command_merge, &command_grow,       &command_tokenizer,
    &command_data,     &command_train, &command_plot,       &command_help,
    &command_version,
};
enum { COMMANDS = sizeof table / sizeof table[0] };

const struct command *command_at(size_t index)
{
    return index < COMMANDS ? table[index] : NULL;
}

const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

const char *command_last_word(const struct command *command)
{
    const char *blank = strrchr(command->name, ' ');
    return blank == NULL ? command->name : blank + 1;
}

const struct command *command_verb(const struct command *command, const char *word)
{
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++)
        if (strcmp(command_last_word(command->verbs[i]), word) == 0)
            return command->verbs[i];
    return NULL;
}

int command_failed(const primer_error *error)
{
    if (error->status == PRIMER_ECANCELED && interrupt_seen())
        return EXIT_CODE_INTERRUPTED;
    if (!output_gone())
        fprintf(stderr, "primer: %s\n", error->message);
    return EXIT_CODE_FAILURE;
}

int command_misused(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("primer: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (command != NULL)
        fprintf(stderr, "\nprimer: 'primer help %s' tells more\n", command->name);
    else
        fputs("\nprimer: 'primer help' lists the commands\n", stderr);
    return EXIT_CODE_USAGE;
}

primer_status command_open_model(const char *path, const struct settings *settings,
                                 primer_model **model, primer_error *error)
{
    size_t size = 0;
    if (path != NULL && *path == '\0')
        return error_set(error, PRIMER_EINVAL, "\"\": cannot open it: a model's file has a name");
    if (path != NULL)
        return primer_model_open(path, &settings->model, model, error);
    const unsigned char *bytes = builtin_model(&size);
    if (bytes != NULL)
        return primer_model_open_memory(bytes, size, "builtin", &settings->model, model, error);
    return error_set(
        error, PRIMER_EINVAL,
        "no model was named and none is built into this program.\n"
        "Any GGUF file of a Phi-1, Phi-1.5, Phi-2, Llama, Mistral or TinyStories model will do,\n"
        "for example one of the files at huggingface.co/TheBloke/phi-2-GGUF. Then:\n"
        "    primer run phi-2.Q4_K_M.gguf\n"
        "    primer run phi-2.Q4_K_M.gguf \"Why is the sky blue?\"");
}
