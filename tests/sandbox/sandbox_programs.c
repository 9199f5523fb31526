/* sandbox_programs.c - runs the programs of tests/sandbox/programs and holds them against their
 * comments. */
#include "sandbox_programs.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define FOLDER "tests/sandbox/programs"

/* Bare bubblewrap, as a user who isn't root, without anything of ours. */
static bool machine_allows(void)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(65533, 65533, 65533) != 0 ||
                               setresuid(65533, 65533, 65533) != 0))
            _exit(1);
        execl("/usr/bin/bwrap", "bwrap", "--unshare-all", "--ro-bind", "/", "/", "/usr/bin/python3",
              "-S", "-c", "", (char *)NULL);
        _exit(1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct sandbox *sandbox_programs_open(const struct sandbox_options *options)
{
    struct sandbox *sandbox = NULL;
    primer_error error;
    const primer_status status = sandbox_open(options, &sandbox, &error);
    if (status == PRIMER_EUNSUPPORTED && !machine_allows()) {
        print_message("%s\n", error.message);
        skip();
    }
    if (status != PRIMER_OK)
        fail_msg("%s", error.message);
    return sandbox;
}

struct sandbox_result sandbox_programs_run(struct sandbox *sandbox, const char *source,
                                           const char *input)
{
    const struct sandbox_program program = {source, strlen(source), input,
                                            input != NULL ? strlen(input) : 0};
    struct sandbox_result result;
    primer_error error;
    if (sandbox_run(sandbox, &program, 1, &result, NULL, NULL, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return result;
}

void sandbox_programs_ordinary(struct sandbox *sandbox, const char *after)
{
    struct sandbox_result result =
        sandbox_programs_run(sandbox, "import os; print(int(input()) * 7, os.listdir())", "6\n");
    if (result.end != SANDBOX_FINISHED || result.output.bytes == NULL ||
        strcmp(result.output.bytes, "42 []\n") != 0)
        fail_msg("after %s an ordinary program ends as %s with \"%s\", \"%s\"", after,
                 sandbox_end_name(result.end), result.output.bytes, result.problem.bytes);
    sandbox_results_free(&result, 1);
}

/* The words behind `mark` in each line that begins with it, joined by newlines. */
static char *comments(const char *source, const char *mark)
{
    char *text = calloc(1, strlen(source) + 1);
    assert_non_null(text);
    for (const char *line = source; *line != '\0';
         line += strcspn(line, "\n"), line += *line != '\0')
        if (strncmp(line, mark, strlen(mark)) == 0) {
            const char *begin = line + strlen(mark);
            strncat(text, begin, strcspn(begin, "\n"));
            strcat(text, "\n");
        }
    return text;
}

static const char *last_line(char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    const char *const line = text != NULL ? strrchr(text, '\n') : NULL;
    return line != NULL ? line + 1 : text != NULL ? text : "";
}

static void judge(const char *name, const char *source, struct sandbox_result *result)
{
    char *const end = comments(source, "# end: "), *const code = comments(source, "# code: ");
    char *const output = comments(source, "# > "), *const problem = comments(source, "# problem: ");
    const char *const seen = result->output.bytes != NULL ? result->output.bytes : "";
    problem[strcspn(problem, "\n")] = '\0';
    if (strstr(end, sandbox_end_name(result->end)) == NULL)
        fail_msg("%s ends as %s, not as %s%s\n%s", name, sandbox_end_name(result->end), end, seen,
                 result->problem.bytes);
    if (*code != '\0' && atoi(code) != result->exit_code)
        fail_msg("%s has the exit code %d, not %s", name, result->exit_code, code);
    if (*output != '\0' && strcmp(output, seen) != 0)
        fail_msg("%s says\n%s, not\n%s", name, seen, output);
    if (strstr(last_line(result->problem.bytes), problem) == NULL)
        fail_msg("%s has the problem %s, not %s", name, result->problem.bytes, problem);
    free(end);
    free(code);
    free(output);
    free(problem);
}

static bool belongs(const char *source, const char *sandbox)
{
    char *const named = comments(source, "# sandbox: ");
    named[strcspn(named, "\n")] = '\0';
    const bool is = strcmp(*named != '\0' ? named : "plain", sandbox) == 0;
    free(named);
    return is;
}

size_t sandbox_programs_folder(struct sandbox *sandbox, const char *name, const char *input)
{
    struct dirent **entries;
    size_t ran = 0;
    const int count = scandir(FOLDER, &entries, NULL, alphasort);
    assert_true(count > 2);
    for (int i = 0; i < count; i++) {
        char path[512];
        struct buffer source = {NULL, 0, 0};
        snprintf(path, sizeof path, "%s/%s", FOLDER, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && file_read(path, 1 << 20, &source, NULL) == PRIMER_OK &&
            belongs(source.bytes, name)) {
            struct sandbox_result result = sandbox_programs_run(sandbox, source.bytes, input);
            judge(entries[i]->d_name, source.bytes, &result);
            sandbox_results_free(&result, 1);
            sandbox_programs_ordinary(sandbox, entries[i]->d_name);
            ran++;
        }
        buffer_free(&source);
        free(entries[i]);
    }
    free(entries);
    return ran;
}
