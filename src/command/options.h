/* options.h - the command line's options: one table for all commands (option_table.c), one parser.
 *
 *   --name value   --name=value   -n value   -n5   --flag   -- ends the options   - alone is no
 * option
 *
 * A row's first name is the one that is shown; the others are what users of other programs type.
 */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include "command/command.h"

enum option_kind {
    OPTION_FLAG,      /* bool */
    OPTION_SIZE,      /* size_t, between least and most */
    OPTION_TEXT,      /* const char * */
    OPTION_LIST,      /* struct settings_list: repeatable */
    OPTION_CHOICE,    /* const char *, one of `choices` */
    OPTION_PARAMETER, /* a row of parameters.h */
    OPTION_SWITCH,    /* a parameter that the mere option turns on */
    OPTION_OFF        /* one that it turns off */
};

struct option {
    const char *names; /* by blanks, the shown one first */
    const char *value; /* NULL: takes none */
    const char *group, *meaning;
    unsigned commands; /* bits of those that know it */
    enum option_kind kind;
    size_t offset; /* in struct settings */
    size_t least, most;
    const char *choices;   /* by blanks */
    const char *parameter; /* the row's name */
};

const struct option *option_table(size_t *count);

/* Fills the settings; the arguments begin after the command's name. False: the message was printed.
 */
bool options_parse(struct settings *settings, int count, char **arguments);
/* The first option of `names` ("--temp"), cut to `capacity`. */
const char *options_first_name(const struct option *option, char *out, size_t capacity);

#endif
