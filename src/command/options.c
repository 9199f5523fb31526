/* options.c - reading a command line by the table of options. */
#include "command/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

enum { NAME_BYTES = 64 };

/* ---- names ----------------------------------------------------------------------------------- */

/* Walks over a text's words: copies the next one to `word` and moves *text on; false at the end. */
static bool next_word(const char **text, char word[NAME_BYTES])
{
    *text += strspn(*text, " ");
    const size_t length = strcspn(*text, " ");
    if (length == 0 || length >= NAME_BYTES)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    return true;
}

static bool has_word(const char *words, const char *wanted, size_t length)
{
    char word[NAME_BYTES];
    while (next_word(&words, word))
        if (strlen(word) == length && strncmp(word, wanted, length) == 0)
            return true;
    return false;
}

const char *options_first_name(const struct option *option, char *out, size_t capacity)
{
    snprintf(out, capacity, "%.*s", (int)strcspn(option->names, " "), option->names);
    return out;
}

static const struct option *option_named(const struct command *command, const char *name,
                                         size_t length)
{
    size_t count = 0;
    const struct option *table = option_table(&count);
    for (size_t i = 0; i < count; i++)
        if ((table[i].commands & command->bit) != 0 && has_word(table[i].names, name, length))
            return &table[i];
    return NULL;
}

/* The commands that know the option, by commas; false: none does. */
static bool owners_of(const char *name, size_t length, char *out, size_t capacity)
{
    unsigned owners = 0;
    size_t count = 0, used = 0;
    const struct option *table = option_table(&count);
    for (size_t i = 0; i < count; i++)
        if (has_word(table[i].names, name, length))
            owners |= table[i].commands;
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *const alone[] = {command_at(i), NULL};
        const struct command *const *rows =
            command_at(i)->verbs != NULL ? command_at(i)->verbs : alone;
        for (size_t j = 0; rows[j] != NULL && used < capacity; j++)
            if ((owners & rows[j]->bit) != 0)
                used += (size_t)snprintf(out + used, capacity - used, "%s%s", used > 0 ? ", " : "",
                                         rows[j]->name);
    }
    return owners != 0;
}

static void report_unknown(const struct command *command, const char *name)
{
    char owners[128];
    const size_t length = strcspn(name, "=");
    if (owners_of(name, length, owners, sizeof owners)) {
        command_misused(command, "%.*s has no effect on %s: it is an option of %s", (int)length,
                        name, command->name, owners);
        return;
    }
    size_t count = 0;
    const struct option *table = option_table(&count);
    static char best[NAME_BYTES];
    struct suggest nearest = suggest_for(name);
    for (size_t i = 0; i < count; i++) {
        const char *names = table[i].names;
        char word[NAME_BYTES];
        while ((table[i].commands & command->bit) != 0 && next_word(&names, word)) {
            const size_t before = nearest.distance;
            suggest_consider(&nearest, word);
            if (nearest.distance < before)
                nearest.best = strcpy(best, word);
        }
    }
    char shown[NAME_BYTES];
    error_printable(name, strlen(name), shown, sizeof shown);
    if (nearest.best != NULL)
        command_misused(command, "unknown option %s; did you mean %s?", shown, nearest.best);
    else
        command_misused(command, "unknown option %s", shown);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* One option as it was met. */
struct met {
    const struct option *option;
    const char *name;  /* as typed */
    const char *value; /* NULL for those that take none */
};

static bool take_size(struct settings *settings, const struct met *met)
{
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(met->value, &end, 10);
    const struct option *option = met->option;
    if (end == met->value || *end != '\0' || errno != 0 || number < (long long)option->least ||
        number > (long long)option->most) {
        char shown[NAME_BYTES];
        command_misused(settings->command,
                        "%s: found \"%s\", expected a whole number from %zu to %zu", met->name,
                        error_printable(met->value, strlen(met->value), shown, sizeof shown),
                        option->least, option->most);
        return false;
    }
    *(size_t *)((char *)settings + option->offset) = (size_t)number;
    return true;
}

static bool take_choice(struct settings *settings, const struct met *met)
{
    if (!has_word(met->option->choices, met->value, strlen(met->value))) {
        char shown[NAME_BYTES];
        command_misused(settings->command, "%s: found \"%s\", expected one of: %s", met->name,
                        error_printable(met->value, strlen(met->value), shown, sizeof shown),
                        met->option->choices);
        return false;
    }
    *(const char **)((char *)settings + met->option->offset) = met->value;
    return true;
}

static bool take_parameter(struct settings *settings, const struct met *met)
{
    primer_error error = {0};
    const struct parameter *row = parameters_named(met->option->parameter);
    const char *value = met->option->kind == OPTION_SWITCH ? "on"
                        : met->option->kind == OPTION_OFF  ? "off"
                                                           : met->value;
    if (parameters_set(&settings->parameters, row, met->name, value, &error) == PRIMER_OK)
        return true;
    command_misused(settings->command, "%s", error.message);
    return false;
}

static bool take_flag(struct settings *settings, const struct met *met)
{
    *(bool *)((char *)settings + met->option->offset) = true;
    return true;
}

static bool take_text(struct settings *settings, const struct met *met)
{
    *(const char **)((char *)settings + met->option->offset) = met->value;
    return true;
}

static bool take_item(struct settings *settings, const struct met *met)
{
    struct settings_list *list =
        (struct settings_list *)(void *)((char *)settings + met->option->offset);
    if (list->count == SETTINGS_LIST) {
        command_misused(settings->command, "%s: at most %d of them", met->name, SETTINGS_LIST);
        return false;
    }
    list->items[list->count++] = met->value;
    return true;
}

static bool (*const takers[])(struct settings *, const struct met *) = {
    [OPTION_FLAG] = take_flag,           [OPTION_SIZE] = take_size,
    [OPTION_TEXT] = take_text,           [OPTION_CHOICE] = take_choice,
    [OPTION_PARAMETER] = take_parameter, [OPTION_SWITCH] = take_parameter,
    [OPTION_OFF] = take_parameter,       [OPTION_LIST] = take_item,
};

/* ---- the line -------------------------------------------------------------------------------- */

/* Finds the option in "--name", "--name=value" or "-n5"; *value is what is attached, or NULL. */
static const struct option *find(const struct command *command, const char *text,
                                 const char **value)
{
    *value = NULL;
    const struct option *option = option_named(command, text, strlen(text));
    if (option != NULL)
        return option;
    const char *equals = strchr(text, '=');
    if (equals != NULL) {
        option = option_named(command, text, (size_t)(equals - text));
        *value = equals + 1;
        return option;
    }
    if (text[1] == '-')
        return NULL;
    option = option_named(command, text, 2);
    *value = text + 2;
    return option != NULL && option->value != NULL ? option : NULL;
}

/* Reads the option at arguments[*index] and its value; moves *index to the last word used. */
static bool read_option(struct settings *settings, int count, char **arguments, int *index)
{
    const char *text = arguments[*index], *value = NULL;
    const struct option *option = find(settings->command, text, &value);
    if (option == NULL) {
        report_unknown(settings->command, text);
        return false;
    }
    char name[NAME_BYTES];
    const size_t typed =
        value == NULL ? strlen(text) : (size_t)(value - text) - (value[-1] == '=' ? 1 : 0);
    snprintf(name, sizeof name, "%.*s", (int)typed, text);
    if (option->value == NULL && value != NULL) {
        command_misused(settings->command, "%s takes no value", name);
        return false;
    }
    if (option->value != NULL && value == NULL) {
        if (*index + 1 >= count) {
            command_misused(settings->command, "%s needs a value: %s", name, option->value);
            return false;
        }
        value = arguments[++*index];
    }
    const struct met met = {option, name, value};
    return takers[option->kind](settings, &met);
}

static bool check_count(const struct settings *settings)
{
    const struct command *command = settings->command;
    if (settings->help || settings->argument_count >= command->least)
        return true;
    command_misused(command, "usage: primer %s %s", command->name, command->arguments);
    return false;
}

bool options_parse(struct settings *settings, int count, char **arguments)
{
    bool open = true; /* "--" has not come yet */
    for (int i = 0; i < count; i++) {
        const char *text = arguments[i];
        if (open && strcmp(text, "--") == 0) {
            open = false;
        } else if (open && text[0] == '-' && text[1] != '\0') {
            if (!read_option(settings, count, arguments, &i))
                return false;
        } else if (settings->argument_count >= settings->command->most) {
            char shown[NAME_BYTES];
            command_misused(settings->command,
                            "one argument too many: \"%s\" (quote a text that has blanks)",
                            error_printable(text, strlen(text), shown, sizeof shown));
            return false;
        } else {
            settings->arguments[settings->argument_count++] = text;
        }
    }
    return check_count(settings);
}
