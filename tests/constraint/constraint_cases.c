/* constraint_cases.c - every line is tried, what is wrong is printed, and the test fails at the
 * end. */
#include "constraint_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "constraint_helper.h"

struct cases {
    const char *path;
    size_t line, judged, wrong;
    const struct constraint_vocabulary *vocabulary;
};

static void judge(struct cases *cases, primer_constraint *constraint, const char *bytes,
                  size_t length, bool accepted)
{
    const bool is = helper_follow_with(constraint, cases->vocabulary, bytes, length) == 1;
    cases->judged++;
    if (is == accepted)
        return;
    cases->wrong++;
    print_message("%s:%zu: %s: %.300s\n", cases->path, cases->line,
                  accepted ? "not accepted" : "accepted", bytes);
}

static int append(const char *bytes, size_t length, void *text)
{
    return buffer_append(text, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

static void judge_list(struct cases *cases, primer_constraint *constraint, const json_t *list,
                       bool values, bool accepted)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
        struct buffer text = {0};
        if (!values) {
            judge(cases, constraint, json_string_value(item), json_string_length(item), accepted);
            continue;
        }
        assert_int_equal(json_dump_callback(item, append, &text, flags), 0);
        judge(cases, constraint, text.bytes, text.length, accepted);
        buffer_free(&text);
    }
}

static void try_line(struct cases *cases, const json_t *line, const char *notation, bool values,
                     cases_make *make)
{
    const char *const words = json_string_value(json_object_get(line, "error"));
    primer_constraint *constraint = NULL;
    primer_error error = {0};
    const primer_status status = make(json_object_get(line, notation), &constraint, &error);
    const bool fails = status != PRIMER_OK;
    if (fails != (words != NULL) || (fails && strstr(error.message, words) == NULL)) {
        cases->wrong++;
        print_message("%s:%zu: found \"%s\", expected \"%s\"\n", cases->path, cases->line,
                      fails ? error.message : "no error", words != NULL ? words : "no error");
    }
    if (!fails) {
        judge_list(cases, constraint, json_object_get(line, "accept"), values, true);
        judge_list(cases, constraint, json_object_get(line, "reject"), values, false);
        judge_list(cases, constraint, json_object_get(line, "texts"), false, true);
        judge_list(cases, constraint, json_object_get(line, "no_texts"), false, false);
        constraint_free(constraint);
    }
}

size_t cases_run(const char *path, const char *notation, bool values, cases_make *make)
{
    struct tokenizer *const tokenizer = helper_byte_tokenizer(NULL, 0, NULL, 0);
    struct constraint_vocabulary *const vocabulary = helper_vocabulary(tokenizer);
    struct cases cases = {.path = path, .vocabulary = vocabulary};
    struct buffer text = {0};
    assert_int_equal(file_read(path, (size_t)1 << 28, &text, NULL), PRIMER_OK);
    for (char *rest = text.bytes, *line; (line = strsep(&rest, "\n")) != NULL;) {
        cases.line++;
        if (line[0] == '\0')
            continue;
        json_t *const object = json_loads(line, JSON_ALLOW_NUL, NULL);
        if (object == NULL)
            fail_msg("%s:%zu: no JSON", path, cases.line);
        try_line(&cases, object, notation, values, make);
        json_decref(object);
    }
    if (cases.wrong > 0)
        fail_msg("%s: %zu wrong", path, cases.wrong);
    buffer_free(&text);
    constraint_vocabulary_free(vocabulary);
    tokenizer_free(tokenizer);
    return cases.judged;
}
