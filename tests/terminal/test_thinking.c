/* test_thinking.c - what a model thinks is no part of its answer: hidden, or shown before it.
 *
 * A model with random weights writes some text; the format's marks are then chosen so that a
 * piece of this text ends the thinking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "chat/chat_format.h"
#include "terminal/answer.h"
#include "terminal/output.h"
#include "terminal/render.h"
#include "tools/model_maker.h"

static primer_model *make_model(void)
{
    char path[64];
    primer_error error = {0};
    primer_model *model = NULL;
    snprintf(path, sizeof path, "/tmp/primer-thinking-%ld.gguf", (long)getpid());
    struct model_maker_options options = {.architecture = "phi2", .tokenizer = "bpe", .seed = 3};
    assert_int_equal(model_maker_shape(&options, "tiny", &error), PRIMER_OK);
    assert_int_equal(model_maker_write(&options, path, &error), PRIMER_OK);
    const primer_status status = primer_model_open(path, NULL, &model, &error);
    unlink(path);
    assert_int_equal(status, PRIMER_OK);
    return model;
}

/* The answer to `prompt`, greedy, and in `written` what went to standard output. */
static void constrained(primer_model *model, const primer_chat_format *format, const char *prompt,
                        enum parameters_think think, primer_constraint *constraint,
                        struct buffer *said, struct buffer *written)
{
    char path[64];
    primer_error error = {0};
    primer_session *session = NULL;
    primer_sampler *sampler = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    struct answer made = {0};
    struct parameters parameters;
    parameters_default(&parameters);
    parameters.max_tokens = 64;
    parameters.ignore_end = constraint == NULL;
    parameters.think = think;
    parameters.sampling.temperature = 0;
    const primer_sampling sampling = parameters_sampling(&parameters);
    assert_int_equal(primer_session_create(model, NULL, &session, &error), PRIMER_OK);
    assert_int_equal(primer_sampler_create(model, &sampling, &sampler, &error), PRIMER_OK);
    assert_int_equal(primer_tokenize(model, prompt, strlen(prompt), 0, &ids, &count, &error),
                     PRIMER_OK);
    const struct answer_request request = {.session = session,
                                           .sampler = sampler,
                                           .parameters = &parameters,
                                           .format = format,
                                           .ids = ids,
                                           .count = count,
                                           .constraint = constraint};
    snprintf(path, sizeof path, "/tmp/primer-thinking-%ld.txt", (long)getpid());
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen(path, "w", stdout));
    const primer_status status = answer_write(&request, &made, &error);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    assert_int_equal(status, PRIMER_OK);
    buffer_clear(said);
    buffer_clear(written);
    buffer_append(said, made.text.length == 0 ? "" : made.text.bytes, made.text.length, NULL);
    assert_int_equal(file_read(path, 1 << 20, written, NULL), PRIMER_OK);
    unlink(path);
    answer_free(&made);
    primer_free(ids);
    primer_sampler_free(sampler);
    primer_session_free(session);
    parameters_free(&parameters);
}

static void answer(primer_model *model, const primer_chat_format *format, const char *prompt,
                   enum parameters_think think, struct buffer *said, struct buffer *written)
{
    constrained(model, format, prompt, think, NULL, said, written);
}

static bool is_text(char c)
{
    return (unsigned char)c > ' ' && (unsigned char)c < 127;
}

/* Two bytes of the text, none of them white space, that stand there for the first time; so do the
 * bytes around them. */
static const char *piece_of(const char *text, char piece[3])
{
    for (const char *at = text + 2; strlen(at) > 4; at++) {
        memcpy(piece, at, 2);
        piece[2] = '\0';
        bool plain = true;
        for (size_t i = 0; i < 4; i++)
            plain = plain && is_text(at[(ptrdiff_t)i - 1]);
        if (plain && strstr(text, piece) == at)
            return at;
    }
    return NULL;
}

static void thinking_is_no_part_of_the_answer(void **state)
{
    (void)state;
    primer_model *const model = make_model();
    struct buffer said = {0}, written = {0}, whole = {0}, expected = {0};
    char close[3];
    const char *const prompt = "Why? <think>\n";
    const primer_chat_format plain = {.name = "test"};
    render_setup(RENDER_NEVER);
    answer(model, &plain, prompt, PARAMETERS_THINK_AUTO, &whole, &written);
    assert_true(whole.length > 20);
    assert_string_equal(written.bytes, whole.bytes);
    const char *const at = piece_of(whole.bytes, close);
    if (at == NULL)
        fail_msg("no plain text: %s", whole.bytes);
    const struct chat_thinking thinking = {"<think>", close};
    const primer_chat_format format = {.name = "test", .thinking = &thinking};
    const enum parameters_think hidden[] = {PARAMETERS_THINK_AUTO, PARAMETERS_THINK_HIDE};
    for (size_t i = 0; i < 2; i++) {
        answer(model, &format, prompt, hidden[i], &said, &written);
        assert_string_equal(said.bytes, at + strlen(close));
        assert_string_equal(written.bytes, said.bytes);
    }
    answer(model, &format, prompt, PARAMETERS_THINK_SHOW, &said, &written);
    const char *begin = whole.bytes;
    while (strchr(" \n\t\r", *begin) != NULL)
        begin++;
    buffer_append(&expected, begin, (size_t)(at - begin), NULL);
    buffer_format(&expected, NULL, "\n\n%s", said.bytes);
    assert_string_equal(written.bytes, expected.bytes);
    /* A prompt that doesn't open it: all is answer. */
    answer(model, &format, "Why?", PARAMETERS_THINK_HIDE, &said, &written);
    assert_string_equal(said.bytes, written.bytes);
    assert_true(said.length > 20);
    buffer_free(&said);
    buffer_free(&written);
    buffer_free(&whole);
    buffer_free(&expected);
    primer_model_free(model);
}

static bool is_number(const struct buffer *text)
{
    return text->length == 3 && strspn(text->bytes, "0123456789") == 3;
}

/* The model's first byte opens a thought here, a piece of its text ends it; then comes the form.
 * Behind a prompt that ends a thought it comes at once. */
static void a_form_comes_behind_what_the_model_begins(void **state)
{
    (void)state;
    static const char *const prompts[] = {"Why?", "How?", "Where?", "When?", "Who?", "What?"};
    primer_model *const model = make_model();
    primer_constraint *number = NULL;
    struct buffer said = {0}, written = {0}, whole = {0};
    char open[2] = "", close[3] = "", closed[32];
    const char *at = NULL;
    const primer_chat_format plain = {.name = "test"};
    size_t i = 0;
    render_setup(RENDER_NEVER);
    assert_int_equal(primer_constraint_regex("[0-9]{3}", 8, &number, NULL), PRIMER_OK);
    for (; i < sizeof prompts / sizeof prompts[0] && at == NULL; i++) {
        answer(model, &plain, prompts[i], PARAMETERS_THINK_AUTO, &whole, &written);
        at = is_text(whole.bytes[0]) ? piece_of(whole.bytes, close) : NULL;
    }
    assert_non_null(at);
    open[0] = whole.bytes[0];
    const struct chat_thinking thinking = {open, close};
    const primer_chat_format format = {.name = "test", .thinking = &thinking};
    constrained(model, &format, prompts[i - 1], PARAMETERS_THINK_HIDE, number, &said, &written);
    assert_true(is_number(&said));
    assert_string_equal(written.bytes, said.bytes);
    constrained(model, &format, prompts[i - 1], PARAMETERS_THINK_SHOW, number, &said, &written);
    assert_true(is_number(&said));
    const char *const behind = written.bytes + written.length - said.length;
    assert_true(written.length > said.length + 2);
    assert_string_equal(behind, said.bytes);
    assert_memory_equal(behind - 2, "\n\n", 2);
    assert_null(strstr(written.bytes, close));
    snprintf(closed, sizeof closed, "%s%s\n", prompts[i - 1], close);
    constrained(model, &format, closed, PARAMETERS_THINK_SHOW, number, &said, &written);
    assert_true(is_number(&said));
    assert_string_equal(written.bytes, said.bytes);
    primer_constraint_free(number);
    buffer_free(&said);
    buffer_free(&written);
    buffer_free(&whole);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_is_no_part_of_the_answer),
        cmocka_unit_test(a_form_comes_behind_what_the_model_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
