/* completion.c - completions for bash, zsh and fish. `primer help --completion SHELL` prints them;
 * the files in completions/ are that output.
 */
#include "command/completion.h"

#include <string.h>

#include "command/options.h"

/* Calls back for every name of every option that the command knows. */
typedef primer_status name_writer(struct buffer *out, const struct option *option, const char *name,
                                  size_t length, primer_error *error);

static primer_status each_name(const struct command *command, name_writer *writer,
                               struct buffer *out, primer_error *error)
{
    size_t count = 0;
    const struct option *table = option_table(&count);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & command->bit) == 0)
            continue;
        for (const char *name = table[i].names; *name != '\0';) {
            const size_t length = strcspn(name, " ");
            FORWARD(writer(out, &table[i], name, length, error));
            name += length + strspn(name + length, " ");
        }
    }
    return PRIMER_OK;
}

/* Single quotes as every shell has them: 'it'\''s'. */
static primer_status quoted(struct buffer *out, const char *text, const char *special,
                            primer_error *error)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            FORWARD(buffer_text(out, "'\\''", error));
        else if (strchr(special, *text) != NULL)
            FORWARD(buffer_format(out, error, "\\%c", *text));
        else
            FORWARD(buffer_append(out, text, 1, error));
    }
    return PRIMER_OK;
}

/* ---- bash ------------------------------------------------------------------------------------ */

static primer_status bash_name(struct buffer *out, const struct option *option, const char *name,
                               size_t length, primer_error *error)
{
    (void)option;
    return buffer_format(out, error, " %.*s", (int)length, name);
}

/* The second word of a command that has verbs. */
static primer_status bash_verbs(const struct command *command, struct buffer *out,
                                primer_error *error)
{
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++)
        FORWARD(buffer_format(out, error, "%s%s", i == 0 ? " verbs='" : " ",
                              command_last_word(command->verbs[i])));
    return command->verbs != NULL ? buffer_text(out, "'", error) : PRIMER_OK;
}

static primer_status write_bash(struct buffer *out, primer_error *error)
{
    FORWARD(
        buffer_text(out,
                    "# Completions of primer for bash; made by: primer help --completion bash\n"
                    "_primer()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} options= verbs=\n"
                    "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        options='",
                    error));
    for (size_t i = 0; command_at(i) != NULL; i++)
        FORWARD(buffer_format(out, error, "%s%s", i > 0 ? " " : "", command_at(i)->name));
    FORWARD(buffer_text(
        out,
        "'\n        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n        return\n    fi\n"
        "    case ${COMP_WORDS[1]} in\n",
        error));
    for (size_t i = 0; command_at(i) != NULL; i++) {
        FORWARD(buffer_format(out, error, "    %s) options='", command_at(i)->name));
        FORWARD(each_name(command_at(i), bash_name, out, error));
        FORWARD(buffer_text(out, "'", error));
        FORWARD(bash_verbs(command_at(i), out, error));
        FORWARD(buffer_text(out, " ;;\n", error));
    }
    return buffer_text(out,
                       "    esac\n    case $word in\n"
                       "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                       "    *)\n        if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$verbs\" ]; then\n"
                       "            COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
                       "        else\n            COMPREPLY=($(compgen -f -- \"$word\"))\n"
                       "        fi ;;\n    esac\n}\n"
                       "complete -o filenames -F _primer primer\n",
                       error);
}

/* ---- zsh ------------------------------------------------------------------------------------- */

static primer_status zsh_name(struct buffer *out, const struct option *option, const char *name,
                              size_t length, primer_error *error)
{
    FORWARD(buffer_format(out, error, "            '*%.*s[", (int)length, name));
    FORWARD(quoted(out, option->meaning, "[]:\\", error));
    FORWARD(buffer_text(out, "]", error));
    if (option->value != NULL) {
        FORWARD(buffer_text(out, ":", error));
        FORWARD(quoted(out, option->value, "[]:\\", error));
        FORWARD(buffer_text(out, strcmp(option->value, "FILE") == 0 ? ":_files" : ": ", error));
    }
    return buffer_text(out, "' \\\n", error);
}

static primer_status zsh_verbs(const struct command *command, struct buffer *out,
                               primer_error *error)
{
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++)
        FORWARD(buffer_format(out, error, "%s%s", i == 0 ? "            '2:verb:(" : " ",
                              command_last_word(command->verbs[i])));
    return command->verbs != NULL ? buffer_text(out, ")' \\\n", error) : PRIMER_OK;
}

static primer_status write_zsh(struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(
        out,
        "#compdef primer\n# Completions of primer for zsh; made by: primer help --completion zsh\n"
        "_primer() {\n    local -a commands\n    commands=(\n",
        error));
    for (size_t i = 0; command_at(i) != NULL; i++) {
        FORWARD(buffer_format(out, error, "        '%s:", command_at(i)->name));
        FORWARD(quoted(out, command_at(i)->summary, ":\\", error));
        FORWARD(buffer_text(out, "'\n", error));
    }
    FORWARD(
        buffer_text(out,
                    "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
                    "        return\n    fi\n    case $words[2] in\n",
                    error));
    for (size_t i = 0; command_at(i) != NULL; i++) {
        FORWARD(buffer_format(out, error, "    %s)\n        _arguments \\\n", command_at(i)->name));
        FORWARD(zsh_verbs(command_at(i), out, error));
        FORWARD(each_name(command_at(i), zsh_name, out, error));
        FORWARD(buffer_text(out, "            '*:file:_files'\n        ;;\n", error));
    }
    return buffer_text(out, "    esac\n}\n_primer \"$@\"\n", error);
}

/* ---- fish ------------------------------------------------------------------------------------ */

static primer_status write_fish_option(struct buffer *out, const struct command *command,
                                       const struct option *option, primer_error *error)
{
    FORWARD(buffer_format(out, error, "complete -c primer -n '__fish_seen_subcommand_from %s'",
                          command->name));
    for (const char *name = option->names; *name != '\0';) {
        const size_t length = strcspn(name, " ");
        const bool twice = length > 1 && name[1] == '-';
        FORWARD(buffer_format(out, error, " -%c %.*s",
                              twice         ? 'l'
                              : length == 2 ? 's'
                                            : 'o',
                              (int)length - (twice ? 2 : 1), name + (twice ? 2 : 1)));
        name += length + strspn(name + length, " ");
    }
    const bool file = option->value != NULL && strcmp(option->value, "FILE") == 0;
    FORWARD(buffer_text(out,
                        option->value == NULL ? " -d '"
                        : file                ? " -r -F -d '"
                                              : " -x -d '",
                        error));
    FORWARD(quoted(out, option->meaning, "\\", error));
    return buffer_text(out, "'\n", error);
}

static primer_status fish_verbs(const struct command *command, struct buffer *out,
                                primer_error *error)
{
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        FORWARD(buffer_format(
            out, error, "complete -c primer -n '__fish_seen_subcommand_from %s' -f -a %s -d '",
            command->name, command_last_word(command->verbs[i])));
        FORWARD(quoted(out, command->verbs[i]->summary, "\\", error));
        FORWARD(buffer_text(out, "'\n", error));
    }
    return PRIMER_OK;
}

static primer_status write_fish(struct buffer *out, primer_error *error)
{
    size_t count = 0;
    const struct option *table = option_table(&count);
    FORWARD(buffer_text(
        out, "# Completions of primer for fish; made by: primer help --completion fish\n", error));
    for (size_t i = 0; command_at(i) != NULL; i++) {
        FORWARD(buffer_format(out, error,
                              "complete -c primer -n __fish_use_subcommand -f -a %s -d '",
                              command_at(i)->name));
        FORWARD(quoted(out, command_at(i)->summary, "\\", error));
        FORWARD(buffer_text(out, "'\n", error));
    }
    for (size_t i = 0; command_at(i) != NULL; i++)
        FORWARD(fish_verbs(command_at(i), out, error));
    for (size_t i = 0; command_at(i) != NULL; i++)
        for (size_t j = 0; j < count; j++)
            if ((table[j].commands & command_at(i)->bit) != 0)
                FORWARD(write_fish_option(out, command_at(i), &table[j], error));
    return PRIMER_OK;
}

static const struct {
    const char *name;
    primer_status (*write)(struct buffer *out, primer_error *error);
} shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};

primer_status completion_write(const char *shell, struct buffer *out, primer_error *error)
{
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shells[i].name, shell) == 0)
            return shells[i].write(out, error);
    return error_set(error, PRIMER_EINVAL, "completions: found \"%s\", expected bash, zsh or fish",
                     shell);
}
