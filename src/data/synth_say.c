/* synth_say.c - what frames say of a function: its name, signature, code, examples. Declared in synth.h. */
#include "data/synth.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void tell_names(struct synth_function *function)
{
    function->name_told = true;
    for (size_t i = 0; i < function->argument_count; i++)
        function->arguments[i].told = true;
}

static bool is_word(struct synth_piece piece, const char *word)
{
    return strlen(word) == piece.length && memcmp(piece.text, word, piece.length) == 0;
}

static bool numbered(struct synth_piece piece, const char *word)
{
    const size_t length = strlen(word);
    return piece.length == length + 1 && memcmp(piece.text, word, length) == 0 &&
           isdigit((unsigned char)piece.text[length]);
}

static enum synth_said say_code(struct synth *synth, struct synth_piece label, bool signature,
                                struct buffer *out)
{
    char text[32];
    if (label.length >= sizeof text)
        return SYNTH_MISSING;
    snprintf(text, sizeof text, "%.*s", (int)label.length, label.text);
    const size_t length = out->length;
    enum synth_said said = signature ? synth_code_signature(synth, false, out) : SYNTH_SAID;
    if (said == SYNTH_SAID && signature)
        said = synth_text_raw(synth, "\n", 1, out);
    if (said == SYNTH_SAID)
        said = synth_code_body(synth, label.length == 0 ? NULL : text, 4, out);
    if (said == SYNTH_MISSING && out->bytes != NULL)
        out->bytes[out->length = length] = '\0';
    tell_names(synth->function);
    return said;
}

/* "a, b and c"; `commas`: as in code. */
static enum synth_said say_names(struct synth *synth, bool commas, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    enum synth_said said = function->argument_count == 0 ? SYNTH_MISSING : SYNTH_SAID;
    for (size_t i = 0; i < function->argument_count && said == SYNTH_SAID; i++) {
        const bool last = i + 1 == function->argument_count;
        const char *const joint = i == 0 ? "" : last && !commas ? " and " : ", ";
        said = synth_text_raw(synth, joint, strlen(joint), out);
        if (said == SYNTH_SAID)
            said = synth_text_raw(synth, function->arguments[i].name,
                                  strlen(function->arguments[i].name), out);
        function->arguments[i].told = true;
    }
    return said;
}

/* What a person has: one of the arguments, mentioned. */
static enum synth_said say_one_argument(struct synth *synth, size_t index, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    char text[96];
    if (index >= function->argument_count)
        return SYNTH_MISSING;
    const struct curriculum_block *const before = synth->owner;
    synth->owner = function->arguments[index].owner;
    snprintf(text, sizeof text, "{a %.64s}", function->arguments[index].key);
    const enum synth_said said = synth_text_say(synth, text, strlen(text), out);
    synth->owner = before;
    return said;
}

/* Another name than the one it has. */
static enum synth_said say_new_name(struct synth *synth, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    const char *name = function->name;
    for (int tries = 0; tries < 8 && strcmp(name, function->name) == 0; tries++) {
        const enum synth_said said = synth_function_name(synth, false, &name);
        if (said != SYNTH_SAID)
            return said;
    }
    if (strcmp(name, function->name) == 0)
        return SYNTH_MISSING;
    function->renamed = name;
    return synth_text_raw(synth, name, strlen(name), out);
}

static enum synth_said say_renamed(struct synth *synth, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    const char *const before = function->name;
    if (function->renamed == NULL)
        return SYNTH_MISSING;
    function->name = function->renamed;
    const enum synth_said said = say_code(synth, (struct synth_piece){"", 0}, true, out);
    function->name = before;
    return said;
}

/* "sum_of_squares" -> "sum of squares". */
static enum synth_said say_name_words(struct synth *synth, struct buffer *out)
{
    const size_t begin = out->length;
    const enum synth_said said =
        synth_text_raw(synth, synth->function->name, strlen(synth->function->name), out);
    for (size_t i = begin; said == SYNTH_SAID && i < out->length; i++)
        if (out->bytes[i] == '_')
            out->bytes[i] = ' ';
    return said;
}

enum synth_said synth_function_say(struct synth *synth, struct synth_piece name,
                                   struct synth_piece field, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    if (is_word(name, "name") && field.length == 0) {
        function->name_told = true;
        return synth_text_raw(synth, function->name, strlen(function->name), out);
    }
    if (is_word(name, "usual") && field.length == 0) {
        synth_function_settle(function);
        return SYNTH_SAID;
    }
    if (is_word(name, "signature")) {
        tell_names(function);
        return synth_code_signature(synth, is_word(field, "hints"), out);
    }
    if (is_word(name, "body") || is_word(name, "code"))
        return say_code(synth, field, is_word(name, "code"), out);
    if (is_word(name, "names"))
        return say_names(synth, is_word(field, "commas"), out);
    if (numbered(name, "argument"))
        return say_one_argument(synth, (size_t)(name.text[name.length - 1] - '1'), out);
    if (is_word(name, "new_name") && field.length == 0)
        return say_new_name(synth, out);
    if (is_word(name, "renamed") && field.length == 0)
        return say_renamed(synth, out);
    if (is_word(name, "words_of_name") && field.length == 0)
        return say_name_words(synth, out);
    if (numbered(name, "call") || numbered(name, "result") || numbered(name, "given")) {
        char text[32];
        snprintf(text, sizeof text, "%.*s(%c, %d)", (int)(name.length - 1), name.text,
                 name.text[name.length - 1], function == &synth->functions[1] ? 1 : 0);
        return synth_text_hole(synth, text, strlen(text), out);
    }
    return SYNTH_MISSING;
}
