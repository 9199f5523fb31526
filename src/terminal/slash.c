/* slash.c - the table of a chat's commands, and a short function for each. */
#include "terminal/slash.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "terminal/program.h"
#include "terminal/render.h"
#include "terminal/saved_chat.h"

/* `argument`: what follows the command's name, without white space around it and outer quotes. */
typedef primer_status slash_function(struct dialogue *dialogue, char *argument,
                                     primer_error *error);

struct slash_command {
    const char *name, *other; /* other: a second name, or NULL */
    const char *arguments, *meaning;
    slash_function *run;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* White space, then quotes ("..." or """..."""), taken off both ends; in place. */
static char *trimmed(char *text)
{
    size_t length = strlen(text);
    for (; is_space(*text); text++)
        length--;
    while (length > 0 && is_space(text[length - 1]))
        length--;
    text[length] = '\0';
    const size_t quotes = length >= 6 && strncmp(text, "\"\"\"", 3) == 0 ? 3
                          : length >= 2 && *text == '"'                  ? 1
                                                                         : 0;
    if (quotes > 0 && strncmp(text + length - quotes, "\"\"\"", quotes) == 0) {
        text[length - quotes] = '\0';
        text += quotes;
        length -= 2 * quotes;
        if (quotes == 3 && length > 0 && text[length - 1] == '\n')
            text[length - 1] = '\0';
        if (quotes == 3 && *text == '\n')
            text++;
    }
    return text;
}

/* Cuts the first word off: returns it, and moves *text to what follows. */
static char *take_word(char **text)
{
    char *word = *text;
    while (is_space(*word))
        word++;
    char *end = word;
    while (*end != '\0' && !is_space(*end))
        end++;
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

/* ---- /set ------------------------------------------------------------------------------------ */

static primer_status unknown_parameter(const char *name, primer_error *error)
{
    size_t count = 0;
    const struct parameter *rows = parameters_table(&count);
    static const char *const topics[] = {"parameter", "system", "template",
                                         "verbose",   "quiet",  NULL};
    struct suggest nearest = suggest_for(name);
    for (size_t i = 0; i < count; i++)
        suggest_consider(&nearest, rows[i].name);
    for (size_t i = 0; topics[i] != NULL; i++)
        suggest_consider(&nearest, topics[i]);
    char shown[64];
    return error_set(
        error, PRIMER_EINVAL, "no parameter is called \"%s\"%s%s (/show parameters lists them)",
        error_printable(name, strlen(name), shown, sizeof shown),
        nearest.best == NULL ? "" : "; did you mean ", nearest.best == NULL ? "" : nearest.best);
}

static primer_status set_parameter(struct dialogue *dialogue, char *argument, primer_error *error)
{
    const char *name = take_word(&argument);
    if (*name == '\0')
        return error_set(error, PRIMER_EINVAL,
                         "/set parameter NAME VALUE (/show parameters lists them)");
    const struct parameter *parameter = parameters_named(name);
    if (parameter == NULL)
        return unknown_parameter(name, error);
    FORWARD(dialogue_set(dialogue, parameter, trimmed(argument), error));
    fprintf(stderr, "%s is set\n", parameter->name);
    return PRIMER_OK;
}

static primer_status set_system(struct dialogue *dialogue, char *argument, primer_error *error)
{
    const char *text = trimmed(argument);
    FORWARD(conversation_set_system(&dialogue->conversation, text, error));
    fputs(*text == '\0' ? "no system message\n" : "the system message is set\n", stderr);
    return PRIMER_OK;
}

static void list_template(const primer_chat_format *format, const primer_chat_format *now)
{
    fprintf(stderr, "%s %-10s %s\n", format == now ? "*" : " ", primer_chat_format_name(format),
            primer_chat_format_summary(format));
}

/* All there are, the current one with a star. */
static void list_templates(const struct dialogue *dialogue)
{
    if (dialogue->own != NULL)
        list_template(dialogue->own, dialogue->format);
    for (size_t i = 0; primer_chat_format_at(i) != NULL; i++)
        list_template(primer_chat_format_at(i), dialogue->format);
}

static primer_status set_template(struct dialogue *dialogue, char *argument, primer_error *error)
{
    const char *name = trimmed(argument);
    const primer_chat_format *format = dialogue_format(dialogue, name);
    if (format == NULL) {
        list_templates(dialogue);
        return error_set(error, PRIMER_EINVAL, "template: found \"%s\", expected one of the above",
                         name);
    }
    dialogue->format = format;
    fprintf(stderr, "the template is %s\n", name);
    return PRIMER_OK;
}

static primer_status set_verbose(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    dialogue->statistics = true;
    fputs("statistics after each answer: on\n", stderr);
    return PRIMER_OK;
}

static primer_status set_quiet(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    dialogue->statistics = false;
    fputs("statistics after each answer: off\n", stderr);
    return PRIMER_OK;
}

/* ---- /show ----------------------------------------------------------------------------------- */

static primer_status show_info(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    const primer_model_information *about = primer_model_info(dialogue->model);
    char a[RENDER_TEXT], b[RENDER_TEXT], name[128];
    fprintf(stderr, "model       %s (%s, %s parameters, %s, %s)\n",
            error_printable(about->name, strlen(about->name), name, sizeof name),
            about->architecture, render_count(about->parameters, a), about->type,
            render_bytes(about->file_bytes, b));
    fprintf(stderr, "shape       %zu layers, embedding %zu, %zu heads, vocabulary %zu\n",
            about->layers, about->embedding, about->heads, about->vocabulary);
    fprintf(stderr, "context     %zu tokens (trained with %zu)\n",
            primer_session_context(dialogue->session), about->context);
    fprintf(stderr, "processor   %zu threads, %s\n", about->threads, about->level);
    return PRIMER_OK;
}

static primer_status show_parameters(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument;
    primer_status status = PRIMER_OK;
    size_t rows = 0;
    const struct parameter *table = parameters_table(&rows);
    struct buffer text = {0};
    for (size_t i = 0; i < rows; i++) {
        const size_t values = parameters_count(&dialogue->parameters, &table[i]);
        buffer_clear(&text);
        TRY(buffer_text(&text, values == 0 ? "-" : "", error));
        for (size_t j = 0; j < values; j++) {
            TRY(buffer_text(&text, j > 0 ? " | " : "", error));
            TRY(parameters_show(&dialogue->parameters, &table[i], j, &text, error));
        }
        fprintf(stderr, "%-18s %-12s %s%s%s\n", table[i].name, text.bytes,
                render_style(STDERR_FILENO, RENDER_DIM), table[i].meaning,
                render_style(STDERR_FILENO, RENDER_PLAIN));
    }

cleanup:
    buffer_free(&text);
    return status;
}

static primer_status show_system(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    const char *system = dialogue->conversation.system;
    fprintf(stderr, "%s\n", system == NULL ? "no system message" : system);
    return PRIMER_OK;
}

static primer_status show_template(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    const char *own = primer_model_info(dialogue->model)->chat_template;
    list_templates(dialogue);
    if (own == NULL)
        fputs("the model's file carries no template\n", stderr);
    return PRIMER_OK;
}

static primer_status show_conversation(struct dialogue *dialogue, char *argument,
                                       primer_error *error)
{
    (void)argument, (void)error;
    const struct conversation *conversation = &dialogue->conversation;
    for (size_t i = 0; i < conversation->count; i++) {
        const primer_message *message = &conversation->messages[i];
        fprintf(stderr, "%s%s%s%s %s\n", render_style(STDERR_FILENO, RENDER_BOLD), message->role,
                i < conversation->first ? " (left out)" : "",
                render_style(STDERR_FILENO, RENDER_PLAIN), message->content);
    }
    if (conversation->count == 0)
        fputs("nothing was said yet\n", stderr);
    return PRIMER_OK;
}

/* ---- words after /set and /show -------------------------------------------------------------- */

struct topic {
    const char *name;
    slash_function *run;
};

static const struct topic set_topics[] = {
    {"parameter", set_parameter}, {"system", set_system}, {"template", set_template},
    {"verbose", set_verbose},     {"quiet", set_quiet},   {NULL, NULL},
};

static const struct topic show_topics[] = {
    {"info", show_info},         {"parameters", show_parameters},     {"system", show_system},
    {"template", show_template}, {"conversation", show_conversation}, {NULL, NULL},
};

static primer_status run_topic(const struct topic *topics, struct dialogue *dialogue,
                               char *argument, const char *usage, primer_error *error)
{
    const char *name = take_word(&argument);
    struct suggest nearest = suggest_for(name);
    for (const struct topic *topic = topics; topic->name != NULL; topic++) {
        suggest_consider(&nearest, topic->name);
        if (strcmp(topic->name, name) == 0)
            return topic->run(dialogue, argument, error);
    }
    return error_set(error, PRIMER_EINVAL, "%s%s%s", usage,
                     nearest.best == NULL ? "" : "; did you mean ",
                     nearest.best == NULL ? "" : nearest.best);
}

static const char set_usage[] =
    "/set parameter NAME VALUE | system TEXT | template NAME | verbose | quiet";

/* "/set temperature 0.5" is understood too. */
static primer_status slash_set(struct dialogue *dialogue, char *argument, primer_error *error)
{
    char word[64];
    const size_t length = strcspn(argument, " \t\n");
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : 0), argument);
    for (const struct topic *topic = set_topics; topic->name != NULL; topic++)
        if (strcmp(topic->name, word) == 0)
            return run_topic(set_topics, dialogue, argument, set_usage, error);
    if (length == 0 || length >= sizeof word)
        return error_set(error, PRIMER_EINVAL, "%s", set_usage);
    return set_parameter(dialogue, argument, error);
}

static primer_status slash_show(struct dialogue *dialogue, char *argument, primer_error *error)
{
    if (*argument == '\0')
        return show_info(dialogue, argument, error);
    return run_topic(show_topics, dialogue, argument,
                     "/show info | parameters | system | template | conversation", error);
}

/* ---- the other commands ---------------------------------------------------------------------- */

static primer_status slash_save(struct dialogue *dialogue, char *argument, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0};
    TRY(saved_chat_path(trimmed(argument), &path, error));
    TRY(saved_chat_write(dialogue, path.bytes, error));
    fprintf(stderr, "saved: %s\n", path.bytes);

cleanup:
    buffer_free(&path);
    return status;
}

static primer_status slash_load(struct dialogue *dialogue, char *argument, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0};
    bool restored = false;
    TRY(saved_chat_path(trimmed(argument), &path, error));
    TRY(saved_chat_read(dialogue, path.bytes, &restored, error));
    fprintf(stderr, "loaded: %zu messages%s\n", dialogue->conversation.count,
            restored ? ", with the model's cache"
                     : "; the model reads them anew at the next question");

cleanup:
    buffer_free(&path);
    return status;
}

static primer_status slash_clear(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument;
    FORWARD(dialogue_clear(dialogue, error));
    fputs("the conversation begins anew\n", stderr);
    return PRIMER_OK;
}

static primer_status slash_regen(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument;
    return dialogue_again(dialogue, error);
}

static primer_status slash_undo(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument;
    FORWARD(dialogue_take_back(dialogue, error));
    fputs("the last question and its answer are taken back\n", stderr);
    return PRIMER_OK;
}

static primer_status slash_stats(struct dialogue *dialogue, char *argument, primer_error *error)
{
    const char *word = trimmed(argument);
    if (strcmp(word, "on") == 0)
        return set_verbose(dialogue, argument, error);
    if (strcmp(word, "off") == 0)
        return set_quiet(dialogue, argument, error);
    if (*word != '\0')
        return error_set(error, PRIMER_EINVAL, "/stats: found \"%s\", expected on, off or nothing",
                         word);
    if (!dialogue->answered)
        return error_set(error, PRIMER_EINVAL, "nothing was answered yet");
    answer_print_statistics(&dialogue->last, dialogue->session);
    return PRIMER_OK;
}

static primer_status slash_program(struct dialogue *dialogue, char *argument, primer_error *error)
{
    return program_run(&dialogue->conversation, trimmed(argument), error);
}

static primer_status slash_bye(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)argument, (void)error;
    dialogue->leave = true;
    return PRIMER_OK;
}

static slash_function slash_help;

static const struct slash_command commands[] = {
    {"/set", NULL, "parameter NAME VALUE", "change how answers are made", slash_set},
    {"", NULL, "system TEXT", "what the model is told before everything", slash_set},
    {"", NULL, "template NAME", "how turns are written for the model", slash_set},
    {"/show", NULL, "[TOPIC]", "info, parameters, system, template, conversation", slash_show},
    {"/save", NULL, "NAME", "keep the conversation", slash_save},
    {"/load", NULL, "NAME", "go on with a kept one", slash_load},
    {"/clear", NULL, "", "begin anew", slash_clear},
    {"/regen", "/regenerate", "", "answer the last question once more", slash_regen},
    {"/undo", NULL, "", "take the last question and answer back", slash_undo},
    {"/run", NULL, "[CALL]", "run the program of the last answer, safely apart", slash_program},
    {"/stats", NULL, "[on|off]", "what the last answer cost, or each one", slash_stats},
    {"/help", "/?", "", "this list", slash_help},
    {"/bye", "/exit", "", "leave (Ctrl-D too)", slash_bye},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static primer_status slash_help(struct dialogue *dialogue, char *argument, primer_error *error)
{
    (void)dialogue, (void)argument, (void)error;
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, "  %-7s%-21s %s\n", commands[i].name, commands[i].arguments,
                commands[i].meaning);
    fputs("  \"\"\"    begins and ends a text of several lines\n"
          "  Ctrl-C stops the answer, Ctrl-R searches former lines\n",
          stderr);
    return PRIMER_OK;
}

static const struct slash_command *named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0 ||
            (commands[i].other != NULL && strcmp(commands[i].other, name) == 0))
            return &commands[i];
    return NULL;
}

static primer_status unknown_command(const char *name, primer_error *error)
{
    struct suggest nearest = suggest_for(name);
    for (size_t i = 0; i < COMMANDS; i++)
        if (*commands[i].name != '\0')
            suggest_consider(&nearest, commands[i].name);
    char shown[64];
    return error_set(error, PRIMER_EINVAL, "no command is called \"%s\"%s%s (/help lists them)",
                     error_printable(name, strlen(name), shown, sizeof shown),
                     nearest.best == NULL ? "" : "; did you mean ",
                     nearest.best == NULL ? "" : nearest.best);
}

primer_status slash_run(struct dialogue *dialogue, const char *line, primer_error *error)
{
    char *copy = memory_copy_text(line);
    if (copy == NULL)
        return memory_failure(error, "a command", strlen(line) + 1);
    char *argument = copy;
    const char *name = take_word(&argument);
    const struct slash_command *command = named(name);
    while (is_space(*argument))
        argument++;
    const primer_status status =
        command == NULL ? unknown_command(name, error) : command->run(dialogue, argument, error);
    memory_free(copy);
    return status;
}
