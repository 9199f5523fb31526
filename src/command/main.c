/* main.c - finds the subcommand, reads its options, runs it. */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/knob.h"
#include "base/log.h"
#include "base/suggest.h"
#include "command/options.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/render.h"

/* Where one of the three standard descriptors is closed the next file that is opened would get its
 * number, and what is meant for a reader would go into that file. So they are /dev/null: at its end
 * for reading; standard output refuses what is written, since nobody gets it. The lowest free
 * number is the one that a file gets: no other can be, as those below it are open. */
static void open_standard(void)
{
    static const int modes[] = {
        [STDIN_FILENO] = O_RDONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_WRONLY};
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[number]) < 0)
            _exit(EXIT_CODE_FAILURE);
}

static void print_log(void *context, enum log_level level, const char *message)
{
    (void)context, (void)level;
    fprintf(stderr, "primer: %s\n", message);
}

static void start_log(void)
{
    static const char *const names[] = {
        [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
    const char *wanted = knob_text(KNOB_LOG);
    enum log_level most = LOG_WARN;
    for (int level = LOG_ERROR; wanted != NULL && level <= LOG_DEBUG; level++)
        if (strcmp(names[level], wanted) == 0)
            most = (enum log_level)level;
    log_set_sink(print_log, NULL, most);
}

static void end_interrupted(void)
{
    _exit(EXIT_CODE_INTERRUPTED);
}

/* "--help" and "--version" are what people try first. */
static const char *command_word(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0 || strcmp(word, "-V") == 0)
        return "version";
    return word;
}

static int report_unknown(const char *word)
{
    struct suggest nearest = suggest_for(word);
    for (size_t i = 0; command_at(i) != NULL; i++)
        suggest_consider(&nearest, command_at(i)->name);
    char shown[64];
    error_printable(word, strlen(word), shown, sizeof shown);
    if (nearest.best != NULL)
        return command_misused(NULL, "unknown command \"%s\"; did you mean %s?", shown,
                               nearest.best);
    return command_misused(NULL, "unknown command \"%s\"", shown);
}

/* A word that is none of the command's verbs; NULL: none was given. */
static int report_verb(const struct command *command, const char *word)
{
    char list[256] = "", shown[64];
    struct suggest nearest = suggest_for(word == NULL ? "" : word);
    size_t used = 0;
    for (size_t i = 0; command->verbs[i] != NULL && used < sizeof list; i++) {
        suggest_consider(&nearest, command_last_word(command->verbs[i]));
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                 command_last_word(command->verbs[i]));
    }
    if (word == NULL)
        return command_misused(command, "%s: expected one of %s", command->name, list);
    error_printable(word, strlen(word), shown, sizeof shown);
    if (nearest.best != NULL)
        return command_misused(command, "%s: found \"%s\"; did you mean %s?", command->name, shown,
                               nearest.best);
    return command_misused(command, "%s: found \"%s\", expected one of %s", command->name, shown,
                           list);
}

static void choose_color(const char *wanted)
{
    const bool always = wanted != NULL && strcmp(wanted, "always") == 0;
    const bool never = wanted != NULL && strcmp(wanted, "never") == 0;
    render_setup(always ? RENDER_ALWAYS : never ? RENDER_NEVER : RENDER_AUTO);
}

/* --help of a command is the same as `primer help` with its name. */
static int teach(struct settings *settings)
{
    static char words[64];
    snprintf(words, sizeof words, "%s", settings->command->name);
    char *blank = strchr(words, ' ');
    settings->arguments[0] = words;
    settings->argument_count = 1;
    if (blank != NULL) {
        *blank = '\0';
        settings->arguments[settings->argument_count++] = blank + 1;
    }
    settings->completion = NULL;
    return command_help.run(settings);
}

static int run_command(const struct command *command, int count, char **arguments)
{
    struct settings settings;
    settings_default(&settings);
    settings.command = command;
    int code = EXIT_CODE_USAGE;
    if (options_parse(&settings, count, arguments)) {
        choose_color(settings.color);
        code = settings.help ? teach(&settings) : command->run(&settings);
    }
    settings_free(&settings);
    return code;
}

/* What was printed must have arrived, or the exit code says that it didn't. */
static int finish(int code)
{
    primer_error error = {0};
    if (output_flush(&error) == PRIMER_OK && !output_gone())
        return code;
    if (!output_gone() && code == EXIT_CODE_OK)
        fprintf(stderr, "primer: %s\n", error.message);
    return code == EXIT_CODE_OK ? EXIT_CODE_FAILURE : code;
}

int main(int count, char **arguments)
{
    open_standard();
    knob_load();
    start_log();
    output_open();
    render_setup(RENDER_AUTO);
    interrupt_install(end_interrupted);
    if (count < 2) {
        struct settings settings = {.command = &command_help};
        return finish(command_help.run(&settings));
    }
    const struct command *command = command_named(command_word(arguments[1]));
    if (command == NULL)
        return report_unknown(arguments[1]);
    int words = 2;
    if (command->verbs != NULL && count > 2 && arguments[2][0] != '-') {
        const struct command *verb = command_verb(command, arguments[2]);
        if (verb == NULL)
            return report_verb(command, arguments[2]);
        command = verb;
        words = 3;
    } else if (command->verbs != NULL && count == 2) {
        return report_verb(command, NULL);
    }
    return finish(run_command(command, count - words, arguments + words));
}
