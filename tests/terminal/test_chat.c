/* test_chat.c - the chat of `primer run` on a pseudo-terminal, with a small random model.
 *
 * What the model says is noise; what is tested is everything around it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "pty.h"
#include "tools/model_maker.h"

#define PROMPT ">>>"
enum { ARGUMENTS = 24, PATH_BYTES = 256 };

static char folder[PATH_BYTES], model[PATH_BYTES], home[PATH_BYTES];

static const char *program(void)
{
    const char *path = getenv("PRIMER");
    return path == NULL ? "build/primer" : path;
}

static int set_up(void **state)
{
    (void)state;
    primer_error error = {0};
    snprintf(folder, sizeof folder, "/tmp/primer-terminal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(model, sizeof model, "%.200s/model.gguf", folder);
    snprintf(home, sizeof home, "PRIMER_HOME=%.200s/home", folder);
    struct model_maker_options options = {.architecture = "phi2", .seed = 3};
    assert_int_equal(model_maker_shape(&options, "tiny", &error), PRIMER_OK);
    assert_int_equal(model_maker_write(&options, model, &error), PRIMER_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A chat with these options after the model, at its first prompt. */
static void start(struct pty *pty, const char *const *options, const char *environment)
{
    const char *arguments[ARGUMENTS] = {program(), "run", model, "--temp", "0", "-n", "8"};
    size_t count = 7;
    for (; options != NULL && *options != NULL && count + 1 < ARGUMENTS; options++)
        arguments[count++] = *options;
    const char *const variables[] = {home, "TERM=xterm", "LC_ALL=C.UTF-8", environment, NULL};
    assert_true(pty_start(pty, arguments, variables));
    assert_true(pty_expect(pty, "/help lists commands"));
    assert_true(pty_expect(pty, PROMPT));
}

/* Types a line and waits for words of the reply, then for the next prompt. */
static void say(struct pty *pty, const char *line, const char *words)
{
    pty_type(pty, line);
    pty_type(pty, "\r");
    if (words != NULL)
        assert_true(pty_expect(pty, words));
    assert_true(pty_expect(pty, PROMPT));
}

static void leave(struct pty *pty)
{
    pty_type(pty, "/bye\r");
    assert_int_equal(pty_finish(pty), 0);
}

static void answers_and_leaves_at_ctrl_d(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    say(&pty, "Hello there", "\n");
    say(&pty, "/show conversation", "user\033[0m Hello there");
    say(&pty, "/stats", "stopped by");
    pty_type(&pty, "\004");
    assert_int_equal(pty_finish(&pty), 0);
}

static void ctrl_c_stops_the_answer_only(void **state)
{
    (void)state;
    static const char *const options[] = {"-n", "-1", "--ignore-eos", "--drop-oldest", NULL};
    struct pty pty;
    start(&pty, options, NULL);
    pty_type(&pty, "Go on\r");
    assert_true(pty_expect(&pty, "Go on\r\n"));
    assert_true(pty_expect_bytes(&pty, 2000)); /* it would never end */
    pty_type(&pty, "\003");
    assert_true(pty_expect(&pty, "(stopped)"));
    assert_true(pty_expect(&pty, PROMPT));
    say(&pty, "/set parameter num_predict 3", "num_predict is set");
    say(&pty, "again", "\n"); /* the chat goes on */
    leave(&pty);
}

static void ctrl_c_clears_the_line(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    pty_type(&pty, "half a line\003");
    assert_true(pty_expect(&pty, "Ctrl-D or /bye leaves"));
    assert_true(pty_expect(&pty, PROMPT));
    say(&pty, "/show conversation", "nothing was said yet");
    leave(&pty);
}

static void takes_texts_of_several_lines(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    pty_type(&pty, "\"\"\"first\r");
    assert_true(pty_expect(&pty, "... "));
    pty_type(&pty, "/second\r");
    assert_true(pty_expect(&pty, "... "));
    say(&pty, "third\"\"\"", "\n");
    say(&pty, "/show conversation", "user\033[0m first\r\n/second\r\nthird\r\n");
    pty_type(&pty, "\"\"\"never ended\r");
    assert_true(pty_expect(&pty, "... "));
    pty_type(&pty, "\003");
    assert_true(pty_expect(&pty, PROMPT));
    pty_type(&pty, "/set system \"\"\"Be\r");
    assert_true(pty_expect(&pty, "... "));
    say(&pty, "kind.\"\"\"", "the system message is set");
    say(&pty, "/show system", "\nBe\r\nkind.\r\n");
    leave(&pty);
}

static void sets_and_shows(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    say(&pty, "/set parameter top_k 17", "top_k is set");
    say(&pty, "/set min_p 0.125", "min_p is set");
    say(&pty, "/show parameters", "top_k              17");
    say(&pty, "/set parameter top_k many", "found \"many\", expected a whole number");
    say(&pty, "/set parameter topk 3", "did you mean top_k");
    say(&pty, "/set parameter num_ctx 128", "num_ctx is set");
    say(&pty, "/show info", "context     128 tokens");
    say(&pty, "/set system \"Be kind.\"", "the system message is set");
    say(&pty, "/show system", "\nBe kind.");
    say(&pty, "/set template chatml", "the template is chatml");
    say(&pty, "/show template", "* chatml");
    say(&pty, "/set template gpt", "expected one of the above");
    say(&pty, "/sohw", "did you mean /show");
    say(&pty, "/stats on", "statistics after each answer: on");
    say(&pty, "Hi", "first token");
    say(&pty, "/help", "/regen");
    say(&pty, "/?", "/undo");
    leave(&pty);
}

static void saves_and_loads(void **state)
{
    (void)state;
    struct pty pty;
    char path[PATH_BYTES + 64];
    start(&pty, NULL, NULL);
    say(&pty, "/load nothing", "nothing.json");
    say(&pty, "/set parameter top_k 9", "is set");
    say(&pty, "What is kept?", "\n");
    say(&pty, "/save kept", "chats/kept.json");
    leave(&pty);
    snprintf(path, sizeof path, "%.200s/home/chats/kept.session", folder);
    assert_true(file_exists(path));

    start(&pty, NULL, NULL);
    say(&pty, "/load kept", "loaded: 2 messages, with the model's cache");
    say(&pty, "/show conversation", "What is kept?");
    say(&pty, "/show parameters", "top_k              9");
    unlink(path);
    say(&pty, "/load kept", "reads them anew");
    say(&pty, "/save", "a name is needed");
    leave(&pty);
}

static void refuses_broken_files(void **state)
{
    (void)state;
    static const char *const broken[][2] = {
        {"{", "is not JSON"},
        {"[]", "field \"primer_chat\" is missing"},
        {"{\"primer_chat\":2}", "version 2"},
        {"{\"primer_chat\":1,\"system\":\"\",\"template\":\"x\",\"dropped\":0}",
         "template \"x\" is unknown"},
        {"{\"primer_chat\":1,\"system\":\"\",\"template\":\"plain\",\"dropped\":5,\"messages\":[]}",
         "is 5, expected 0"},
        {"{\"primer_chat\":1,\"system\":\"\",\"template\":\"plain\",\"dropped\":0,\"messages\":[{"
         "\"role\":\"x\","
         "\"content\":\"\"}]}",
         "role \"x\""},
        {"{\"primer_chat\":1,\"system\":\"\",\"template\":\"plain\",\"dropped\":0,\"messages\":[],"
         "\"parameters\":{\"top_k\":[\"x\"]}}",
         "found \"x\""},
        {"{\"primer_chat\":1,\"system\":\"\",\"template\":\"plain\",\"dropped\":0,\"messages\":[],"
         "\"parameters\":{\"magic\":[]}}",
         "\"magic\" is unknown"},
    };
    struct pty pty;
    char path[PATH_BYTES + 64], line[PATH_BYTES + 96];
    start(&pty, NULL, NULL);
    say(&pty, "A question", "\n");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        snprintf(path, sizeof path, "%.200s/broken%zu.json", folder, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(broken[i][0], file);
        fclose(file);
        snprintf(line, sizeof line, "/load %s", path);
        say(&pty, line, broken[i][1]);
    }
    say(&pty, "/show conversation", "A question"); /* nothing was replaced */
    leave(&pty);
}

static void undoes_and_answers_again(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    say(&pty, "/undo", "nothing was said yet");
    say(&pty, "/regen", "nothing was asked yet");
    say(&pty, "One", "\n");
    say(&pty, "Two", "\n");
    say(&pty, "/undo", "taken back");
    say(&pty, "/show conversation", "One");
    pty_type(&pty, "/show conversation\r");
    assert_true(pty_expect(&pty, "assistant"));
    assert_true(pty_expect(&pty, PROMPT));
    say(&pty, "/regen", "\n");
    say(&pty, "/show conversation", "assistant");
    say(&pty, "/clear", "begins anew");
    say(&pty, "/show conversation", "nothing was said yet");
    leave(&pty);
}

static void a_full_context_is_refused_with_both_numbers(void **state)
{
    (void)state;
    static const char *const options[] = {"-c", "40", NULL};
    struct pty pty;
    char line[512];
    start(&pty, options, NULL);
    memset(line, 'z', 400);
    line[400] = '\0';
    say(&pty, line, "no room in the context of 40");
    say(&pty, "/show conversation", "nothing was said yet");
    say(&pty, "/set parameter drop_oldest on", "is set");
    for (int i = 0; i < 3; i++)
        say(&pty, "abcdefgh", "\n");
    say(&pty, "/show conversation", "(left out)");
    leave(&pty);
}

static void remembers_lines(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    say(&pty, "/stats on", "answer: on");
    say(&pty, "/stats off", "answer: off");
    pty_type(&pty, "\033[A\033[A"); /* up, up */
    say(&pty, "", "answer: on");
    leave(&pty);
    start(&pty, NULL, NULL); /* and in the next chat */
    pty_type(&pty, "\033[A\033[A");
    say(&pty, "", "answer: on");
    leave(&pty);
}

/* Two chats on one folder keep each other's lines, also where one of them is killed; and the
 * terminal is as it was. */
static void keeps_lines_and_terminal_when_killed(void **state)
{
    (void)state;
    struct pty first, second;
    struct termios attributes;
    start(&first, NULL, NULL);
    start(&second, NULL, NULL);
    say(&first, "/set parameter seed 1 \\ \xc3\xa9", "expected");
    say(&second, "/stats on", "answer: on");
    const int slave = open(ptsname(second.terminal), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(tcgetattr(slave, &attributes), 0);
    assert_int_equal(attributes.c_lflag & ICANON, 0);
    leave(&first);
    assert_int_equal(kill(second.process, SIGTERM), 0);
    int status = 0;
    assert_int_equal(waitpid(second.process, &status, 0), second.process);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(tcgetattr(slave, &attributes), 0);
    assert_int_equal(attributes.c_lflag & (ICANON | ECHO), ICANON | ECHO);
    close(slave);
    close(second.terminal);
    buffer_free(&second.seen);
    start(&first, NULL, NULL);
    pty_type(&first, "\033[A\033[A"); /* /bye, /stats on */
    say(&first, "", "answer: on");
    pty_type(&first, "\033[A\033[A\033[A\033[A");
    say(&first, "", "seed: found \"1 \\ \xc3\xa9\"");
    leave(&first);
}

static void pastes_several_lines_as_one_text(void **state)
{
    (void)state;
    struct pty pty;
    start(&pty, NULL, NULL);
    pty_type(&pty, "Look: \033[200~first\rsecond\n\xc3\xa4 third\r\033[201~");
    assert_true(pty_expect(&pty, "third"));
    say(&pty, " end", "\n");
    say(&pty, "/show conversation",
        "user\033[0m Look: first\r\nsecond\r\n\xc3\xa4 third end\r\n");
    leave(&pty);
}

/* As a shell does it: the job stops, the terminal gets other modes, the job goes on. */
static void draws_the_line_again_after_a_stop(void **state)
{
    (void)state;
    static const int signals[] = {SIGSTOP, SIGTSTP};
    for (size_t i = 0; i < 2; i++) {
        struct pty pty;
        struct termios modes;
        int status = 0;
        start(&pty, NULL, NULL);
        pty_type(&pty, "/show templa");
        assert_true(pty_expect(&pty, "templa"));
        kill(pty.process, signals[i]);
        if (signals[i] == SIGSTOP) { /* SIGTSTP stops no session's leader, but it gets the signal */
            assert_int_equal(waitpid(pty.process, &status, WUNTRACED), pty.process);
            assert_true(WIFSTOPPED(status));
            assert_int_equal(tcgetattr(pty.terminal, &modes), 0);
            modes.c_lflag |= ICANON | ECHO;
            assert_int_equal(tcsetattr(pty.terminal, TCSANOW, &modes), 0);
            kill(pty.process, SIGCONT);
        }
        assert_true(pty_expect(&pty, PROMPT));
        assert_true(pty_expect(&pty, "/show templa"));
        assert_int_equal(tcgetattr(pty.terminal, &modes), 0);
        assert_int_equal(modes.c_lflag & ICANON, 0);
        say(&pty, "te", "plain      no marks");
        leave(&pty);
    }
}

static void no_colour_where_none_is_wanted(void **state)
{
    (void)state;
    static const char *const always[] = {"--color", "never", NULL};
    struct pty pty;
    for (int i = 0; i < 3; i++) {
        start(&pty, i == 2 ? always : NULL, i == 0 ? "NO_COLOR=1" : i == 1 ? "TERM=dumb" : NULL);
        pty_type(&pty, "/sohw\r");
        assert_true(pty_expect(&pty, "sohw"));
        assert_true(pty_expect_bytes(&pty, 20));
        const char *color = strstr(pty.seen.bytes, "\033[33m");
        assert_true(color == NULL);
        assert_true(pty_expect(&pty, PROMPT));
        leave(&pty);
    }
    start(&pty, NULL, NULL);
    pty_type(&pty, "/sohw\r");
    assert_true(pty_expect(&pty, "\033[33m"));
    assert_true(pty_expect(&pty, "\033[36m>>>\033[0m ")); /* and no colour past the prompt */
    leave(&pty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_leaves_at_ctrl_d),
        cmocka_unit_test(ctrl_c_stops_the_answer_only),
        cmocka_unit_test(ctrl_c_clears_the_line),
        cmocka_unit_test(takes_texts_of_several_lines),
        cmocka_unit_test(sets_and_shows),
        cmocka_unit_test(saves_and_loads),
        cmocka_unit_test(refuses_broken_files),
        cmocka_unit_test(undoes_and_answers_again),
        cmocka_unit_test(a_full_context_is_refused_with_both_numbers),
        cmocka_unit_test(remembers_lines),
        cmocka_unit_test(keeps_lines_and_terminal_when_killed),
        cmocka_unit_test(pastes_several_lines_as_one_text),
        cmocka_unit_test(draws_the_line_again_after_a_stop),
        cmocka_unit_test(no_colour_where_none_is_wanted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
