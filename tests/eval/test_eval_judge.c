/* test_eval_judge.c - hand-made answers and the verdicts that they have to get: right and wrong
 * ones, and programs that would rather not be judged. */
#include "eval/eval_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/eval_json.h"

#define FENCE(code) "Here it is:\n```python\n" code "\n```\nThat's all.\n"

struct example {
    const char *line, *answer;
    enum eval_verdict_kind kind;
    const char *why; /* stands in the reason */
};

#define ADD                                                                                        \
    "{\"request\":\"Write "                                                                        \
    "add.\",\"entry\":\"add\",\"calls\":[{\"arguments\":[2,3],\"expected\":5},"                    \
    "{\"arguments\":[10,-4],\"expected\":6}]}"
#define CALL(arguments, expected)                                                                  \
    "{\"request\":\"r\",\"calls\":[{\"arguments\":" arguments ",\"expected\":" expected "}]}"
#define HUMAN                                                                                      \
    "{\"task_id\":\"T/0\",\"prompt\":\"def f(x: List[int]) -> int:\\n\",\"entry_point\":\"f\","    \
    "\"test\":\"def check(candidate):\\n    assert candidate([1]) == 1\\n    assert "              \
    "candidate([1, 2]) == 2\\n\"}"
#define MBPP                                                                                       \
    "{\"text\":\"t\",\"code\":\"def g(a, b):\\r\\n  return a\",\"test_setup_code\":\"import "      \
    "math\",\"test_list\":[\"assert g(1, 2) == 1\",\"assert g(3, 4) == math.floor(3.5)\"]}"

static const struct example examples[] = {
    {ADD, FENCE("def add(a, b):\n    return a + b"), EVAL_PASSED, ""},
    {ADD, "def add(a, b):\n    return a + b\n", EVAL_PASSED, ""},
    {ADD, FENCE("def plus(a, b):\n    return a + b"), EVAL_PASSED, ""},
    {ADD, FENCE("def help(a): pass\ndef add(a, b):\n    return a + b"), EVAL_PASSED, ""},
    {ADD, FENCE("add = lambda a, b: float(a + b)"), EVAL_PASSED, ""},
    {ADD, FENCE("def add(a, b):\n    print('x')\n    return a + b\nadd(1, 2)"), EVAL_PASSED, ""},
    {ADD, FENCE("def add(a, b):\n    return a + b\nif __name__ == '__main__':\n    input()"),
     EVAL_PASSED, ""},
    {ADD, FENCE("def add(a, b):\n    return a - b"), EVAL_WRONG,
     "arguments [2,3]: found -1, expected 5"},
    {ADD, FENCE("def add(a, b):\n    return 5"), EVAL_WRONG, "arguments [10,-4]: found 5"},
    {ADD, FENCE("def add(a, b):\n    return str(a + b)"), EVAL_WRONG, "found \"5\""},
    {ADD, FENCE("def add(a, b):\n    return a // 0"), EVAL_EXCEPTION, "ZeroDivisionError"},
    {ADD, FENCE("def add(a):\n    return a"), EVAL_EXCEPTION, "TypeError"},
    {ADD, FENCE("import nothing_such"), EVAL_EXCEPTION, "ModuleNotFoundError"},
    {ADD, FENCE("def add(a, b:\n    return a"), EVAL_SYNTAX, "SyntaxError"},
    {ADD, "I am afraid I can't do that.", EVAL_SYNTAX, ""},
    {ADD, FENCE("x = 1"), EVAL_FUNCTION, ""},
    {ADD, " \n", EVAL_EMPTY, ""},
    /* Programs that don't wait for the judge, or speak in its name. */
    {ADD, FENCE("import os\nos._exit(0)"), EVAL_ENDED, ""},
    {ADD, FENCE("def add(a, b):\n    import os\n    os._exit(0)"), EVAL_ENDED, ""},
    {ADD, FENCE("import sys\nsys.exit(0)"), EVAL_EXCEPTION, "SystemExit"},
    {ADD, FENCE("def add(a, b):\n    exit()"), EVAL_EXCEPTION, "SystemExit"},
    {ADD,
     FENCE(
         "import os\nos.write(1, b'{\"results\": [{\"value\": 5}, {\"value\": 6}]}')\nos._exit(0)"),
     EVAL_ENDED, ""},
    {ADD,
     FENCE("import sys\nframe = sys._getframe()\nwhile 'token' not in frame.f_locals:\n    frame = "
           "frame.f_back\nimport os\nos.write(1, (frame.f_locals['token'] + '{\"results\": "
           "[]}').encode())\nos._exit(0)"),
     EVAL_ENDED, "asked to the end"},
    {ADD, FENCE("import json\njson.dumps = lambda value: 'x'\ndef add(a, b):\n    return a + b"),
     EVAL_PASSED, ""},
    {ADD, FENCE("def add(a, b):\n    raise MemoryError"), EVAL_MEMORY, ""},
    {ADD, FENCE("import os\nwhile True: os.write(1, b'x' * 4096)"), EVAL_OUTPUT, ""},
    {ADD, FENCE("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"), EVAL_ENDED, "signal 9"},
    {ADD, FENCE("def add(a, b):\n    while True: pass"), EVAL_TIMEOUT, ""},
    /* Values. */
    {CALL("[[3,1]]", "[1,3]"), FENCE("def f(x): return set(x)"), EVAL_PASSED, ""},
    {CALL("[[3,1]]", "[3,1]"), FENCE("def f(x): return tuple(x)"), EVAL_PASSED, ""},
    {CALL("[[3,1]]", "[3,1]"), FENCE("def f(x): return (a for a in x)"), EVAL_WRONG,
     "of type generator"},
    {CALL("[1]", "{\"1\":[true,null]}"), FENCE("def f(x): return {x: (True, None)}"), EVAL_PASSED,
     ""},
    {CALL("[1]", "1"), FENCE("def f(x): return True"), EVAL_WRONG, "found true"},
    {CALL("[1]", "true"), FENCE("def f(x): return 1"), EVAL_WRONG, "found 1"},
    {CALL("[3]", "0.333333"), FENCE("def f(x): return 1 / x"), EVAL_PASSED, ""},
    {CALL("[3]", "0.3333"), FENCE("def f(x): return 1 / x"), EVAL_WRONG, ""},
    {CALL("[100]", "1267650600228229401496703205376"), FENCE("def f(x): return 2 ** x"),
     EVAL_PASSED, ""},
    {CALL("[1267650600228229401496703205376]", "1267650600228229401496703205377"),
     FENCE("def f(x): return x + 1"), EVAL_PASSED, ""},
    {CALL("[100]", "1267650600228229401496703205377"), FENCE("def f(x): return 2 ** x"), EVAL_WRONG,
     ""},
    {CALL("[0]", "NaN"), FENCE("def f(x): return float('nan')"), EVAL_PASSED, ""},
    {CALL("[\"a\"]", "\"\xc3\xbc\""), FENCE("def f(x): return '\\u00fc'"), EVAL_PASSED, ""},
    {"{\"request\":\"r\",\"calls\":[{\"arguments\":[[1]],\"expected\":[1,1]},{\"arguments\":[[1]],"
     "\"expected\":[1,1]}]}",
     FENCE("kept = []\ndef f(x):\n    x.append(1)\n    return x"), EVAL_PASSED, ""},
    /* Texts that go on, and tests. */
    {"{\"prompt\":\"def sq(x: Any):\\n\",\"entry\":\"sq\",\"calls\":[{\"arguments\":[2],"
     "\"expected\":2.0}]}",
     "    return math.sqrt(x + 2)", EVAL_PASSED, ""},
    {HUMAN, "    return len(x)", EVAL_PASSED, ""},
    {HUMAN, "    return 1", EVAL_WRONG, "assert candidate([1, 2]) == 2"},
    {HUMAN, "    assert False", EVAL_EXCEPTION, "AssertionError"},
    {HUMAN, "    return y", EVAL_EXCEPTION, "NameError"},
    {HUMAN, "    import os; os._exit(0)", EVAL_ENDED, ""},
    {HUMAN, "    return len(x)\nimport os\nos._exit(0)", EVAL_ENDED, ""},
    {MBPP, FENCE("def g(a, b): return a"), EVAL_PASSED, ""},
    {MBPP, FENCE("def g(a, b): return 1"), EVAL_WRONG, "assert g(3, 4)"},
    {MBPP, FENCE("def h(a, b): return a"), EVAL_EXCEPTION, "NameError"},
    /* Word problems: what is printed last. */
    {"{\"problem\":\"p\",\"answer\":12}", FENCE("print('so')\nprint(12)\nprint()"), EVAL_PASSED,
     ""},
    {"{\"problem\":\"p\",\"answer\":12}", "print(12.0)", EVAL_PASSED, ""},
    {"{\"problem\":\"p\",\"answer\":12}", "print(12.004)", EVAL_WRONG, "printed 12.004"},
    {"{\"problem\":\"p\",\"answer\":2.5}", "print(2.504)", EVAL_PASSED, ""},
    {"{\"problem\":\"p\",\"answer\":2.5}", "print(2.51)", EVAL_WRONG, ""},
    {"{\"problem\":\"p\",\"answer\":12}", "print('12 apples')", EVAL_WRONG, ""},
    {"{\"problem\":\"p\",\"answer\":12}", "print('0xc')", EVAL_WRONG, ""},
    {"{\"problem\":\"p\",\"answer\":12}", "x = 12", EVAL_WRONG, "printed \"\""},
    {"{\"problem\":\"p\",\"answer\":12}", "print(12)\nraise ValueError('no')", EVAL_EXCEPTION,
     "ValueError: no"},
    {"{\"problem\":\"p\",\"answer\":12}", "The answer is 12.", EVAL_SYNTAX, ""},
    {"{\"problem\":\"p\",\"answer\":12}", "while True: pass", EVAL_TIMEOUT, ""},
};
/* Seconds of one program: on a machine that is busy with other tests, one is too little for some. */
enum { PATIENCE = 5 };
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

/* A file of all lines, so that items are read as they are from a person's. */
static void read_items(struct eval_items *items)
{
    char path[] = "/tmp/eval-judge-XXXXXX";
    primer_error error;
    size_t left_out = 0;
    const struct eval_choice choice = {0};
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *const file = fdopen(descriptor, "w");
    assert_non_null(file);
    for (size_t i = 0; i < EXAMPLES; i++)
        fprintf(file, "%s\n", examples[i].line);
    assert_int_equal(fclose(file), 0);
    const primer_status status = eval_item_read(items, path, 0, &choice, &left_out, &error);
    remove(path);
    if (status != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(items->count, EXAMPLES);
    assert_int_equal(left_out, 0);
}

static void verdicts_of_answers(void **state)
{
    (void)state;
    struct eval_judge *judge = NULL;
    struct eval_items items = {0};
    static struct eval_judge_case cases[EXAMPLES];
    static struct eval_judge_verdict verdicts[EXAMPLES];
    primer_error error;
    primer_status status = eval_judge_open(PATIENCE, 0, &judge, &error);
    if (status == PRIMER_EUNSUPPORTED) {
        print_message("%s\n", error.message);
        skip();
    }
    assert_int_equal(status, PRIMER_OK);
    read_items(&items);
    for (size_t i = 0; i < EXAMPLES; i++)
        cases[i] = (struct eval_judge_case){&items.items[i], examples[i].answer,
                                            strlen(examples[i].answer)};
    status = eval_judge_run(judge, cases, EXAMPLES, verdicts, &error);
    assert_int_equal(status, PRIMER_OK);
    for (size_t i = 0; i < EXAMPLES; i++)
        if (verdicts[i].kind != examples[i].kind ||
            strstr(verdicts[i].why, examples[i].why) == NULL)
            fail_msg("%s: %s (%s), expected %s (%s)", examples[i].answer,
                     eval_verdict_name(verdicts[i].kind), verdicts[i].why,
                     eval_verdict_name(examples[i].kind), examples[i].why);
    eval_item_free(&items);
    eval_judge_close(judge);
}

static void compares(const char *a, const char *b, bool same)
{
    json_t *left = NULL, *right = NULL;
    assert_int_equal(eval_json_read(a, strlen(a), &left, NULL), PRIMER_OK);
    assert_int_equal(eval_json_read(b, strlen(b), &right, NULL), PRIMER_OK);
    if (eval_json_same(left, right) != same)
        fail_msg("%s and %s: expected %s", a, b, same ? "the same" : "another");
    json_decref(left);
    json_decref(right);
}

static void values(void **state)
{
    (void)state;
    compares("1", "1", true);
    compares("1", "1.0", true);
    compares("1000000", "1000001", false);
    compares("1000000.0", "1000000.5", true);
    compares("0.0", "0.000002", false);
    compares("9223372036854775808", "9223372036854775808", true);
    compares("-9223372036854775809", "-9223372036854775808", false);
    compares("1e30", "1000000000000000000000000000000", true);
    compares("[1,[2,{}]]", "[1.0,[2,{}]]", true);
    compares("[1,2]", "[2,1]", false);
    compares("[1]", "[1,2]", false);
    compares("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true);
    compares("{\"a\":1}", "{\"b\":1}", false);
    compares("{\"a\":1}", "{\"a\":1,\"b\":1}", false);
    compares("NaN", "NaN", true);
    compares("-Infinity", "Infinity", false);
    compares("\"NaN 99999999999999999999 \\\" 1\"", "\"NaN 99999999999999999999 \\\" 1\"", true);
    compares("null", "false", false);
    json_t *value = NULL;
    assert_int_equal(eval_json_read("[1,", 3, &value, NULL), PRIMER_EFORMAT);
    assert_int_equal(eval_json_read("\"\\", 2, &value, NULL), PRIMER_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(verdicts_of_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
