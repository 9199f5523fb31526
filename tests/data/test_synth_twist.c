/* test_synth_twist.c - twists: which ideas they go with, and the code that comes of it. */
#include "data/synth.h"

#include <stdio.h>
#include <string.h>

#include "synth_helper.h"

#define TYPES                                                                                      \
    "type list\n  name numbers | values\n  hint list[int]\n  a a list\n  the the list\n"           \
    "  make [1, 2]\n"                                                                              \
    "type word\n  name text | s\n  hint str\n  a a text\n  the the text\n  make 'ab'\n"            \
    "type count\n  name n | k\n  hint int\n  a a number\n  the the number\n  make 3\n"

#define EMPTY                                                                                      \
    "twist empty\n  on list[int]\n  on str\n  with , or None if {the target} is empty\n"           \
    "  before\n      if not $target:\n          return None\n  expect None\n"
#define SORTED                                                                                     \
    "twist sorted\n  gives numbers\n  with , sorted\n  expr sorted($value)\n  expect "             \
    "sorted(given)\n"

#define FIRST                                                                                      \
    "idea first\n  name first\n  value the first of {numbers}\n  arg numbers list\n"               \
    "  code\n      return $numbers[0]\n"

static struct synth_helper helper;

/* The body of a function of the idea with a twist; "(none)": none goes with it. Static. */
static const char *twisted(const char *curriculum)
{
    static char text[4096];
    struct buffer body = {0};
    synth_helper_open(&helper, curriculum);
    synth_helper_seed(&helper, 3);
    struct synth *const synth = &helper.synth;
    enum synth_said said = synth_function_choose(synth, "twist");
    if (said == SYNTH_FAILED)
        fail_msg("%s", helper.error.message);
    if (said == SYNTH_SAID) {
        synth_function_settle(synth->function);
        said = synth_code_body(synth, NULL, 4, &body);
    }
    snprintf(text, sizeof text, "%s", said == SYNTH_SAID ? body.bytes : "(none)");
    buffer_free(&body);
    synth_helper_close(&helper);
    return text;
}

static void stands_before_the_body(void **state)
{
    (void)state;
    assert_string_equal(twisted(TYPES EMPTY FIRST),
                        "    if not numbers:\n        return None\n    return numbers[0]");
    assert_string_equal(
        twisted(TYPES EMPTY "idea a\n  name a\n  arg text word\n  code\n      for c in $text:\n"
                            "          if c == 'a':\n              return 1\n      return 0\n"),
        "    if not text:\n        return None\n    for c in text:\n        if c == 'a':\n"
        "            return 1\n    return 0");
}

static void stands_around_what_is_returned(void **state)
{
    (void)state;
    assert_string_equal(twisted(TYPES SORTED
                                "idea doubled\n  name doubled\n  arg numbers list\n  code\n"
                                "      result = []\n      for x in $numbers:\n"
                                "          result.append(x * 2)\n      return result\n"
                                "  example [3, 1] -> [6, 2]\n"),
                        "    result = []\n    for x in numbers:\n        result.append(x * 2)\n"
                        "    return sorted(result)");
}

/* In brackets only where what follows binds closer than what is inside. */
static void brackets_stand_where_needed(void **state)
{
    static const struct {
        const char *value, *expr, *expected;
    } cases[] = {
        {"$text[1:]", "$value.upper()", "text[1:].upper()"},
        {"$text + 'a'", "$value.upper()", "(text + 'a').upper()"},
        {"', '.join($text)", "$value + '!'", "', '.join(text) + '!'"},
        {"$text + 'a'", "len($value)", "len(text + 'a')"},
        {"$text == 'a'", "'yes' if $value else 'no'", "'yes' if text == 'a' else 'no'"},
        {"1 if $text else 0", "'yes' if $value else 'no'", "'yes' if (1 if text else 0) else 'no'"},
        {"$text * 2", "$value[::-1]", "(text * 2)[::-1]"},
        {"$text + 'a'", "len(1 - $value)", "len(1 - (text + 'a'))"},
        {"'\\'' + $text", "$value.upper()", "('\\'' + text).upper()"},
        {"$text, 1", "len($value)", "len((text, 1))"},
        {"$text + '$text'", "len($value)", "len(text + 'text')"},
        {"$text", "$value + $values", "(missing)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char curriculum[1024], expected[256];
        snprintf(curriculum, sizeof curriculum,
                 TYPES "twist t\n  expr %s\n  expect 1\n"
                       "idea i\n  name i\n  arg text word\n  code\n      return %s\n",
                 cases[i].expr, cases[i].value);
        snprintf(expected, sizeof expected,
                 strcmp(cases[i].expected, "(missing)") == 0 ? "(none)" : "    return %s",
                 cases[i].expected);
        assert_string_equal(twisted(curriculum), expected);
    }
}

static void goes_with_what_it_fits(void **state)
{
    static const char *const none[] = {
        /* no argument of that hint, or more than one */
        TYPES EMPTY "idea i\n  name i\n  arg n count\n  code\n      return $n\n",
        TYPES EMPTY "idea i\n  name i\n  arg a list\n  arg b list\n  code\n      return $a\n",
        /* a list that isn't the first argument */
        TYPES EMPTY "idea i\n  name i\n  arg n count\n  arg a list\n  code\n      return $a\n",
        /* examples that come to something else, or to nothing that shows it */
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      return $a\n  example [] -> 1\n",
        TYPES SORTED
        "idea i\n  name i\n  arg a list\n  code\n      return $a\n  example [] -> []\n",
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      return $a\n",
        /* two places that return, one of them last; a body that calls itself */
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      if $a:\n          return $a\n"
                     "      return [1]\n  example [] -> [1]\n",
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      return $a and $f($a[1:])\n"
                     "  example [] -> [1]\n",
        /* one place that returns, deeper than the body, or with lines behind it */
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      for x in $a:\n"
                     "          return [x]\n  example [] -> [1]\n",
        TYPES SORTED "idea i\n  name i\n  arg a list\n  code\n      return [\n"
                     "          $a\n      ]\n  example [] -> [1]\n",
        /* a word that the idea mustn't have */
        TYPES "twist t\n  without sort\n  expr sorted($value)\n"
              "idea i\n  name i\n  arg a list\n  value {a} in sorted order\n"
              "  code\n      return $a\n",
        /* the twist's code has a name of its own that the argument has */
        TYPES "twist t\n  on int\n  before\n      k = [n for n in range($target)]\n"
              "idea i\n  name i\n  arg n count\n  code\n      return $n\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (strcmp(twisted(none[i]), "(none)") != 0)
            fail_msg("case %zu: found %s", i, twisted(none[i]));
    assert_string_not_equal(
        twisted(TYPES "twist t\n  on list[int] + int\n  before\n      $target2 += len($target)\n"
                      "idea i\n  name i\n  arg a list\n  arg n count\n  code\n      return $n\n"),
        "(none)");
    assert_string_equal(
        twisted(TYPES SORTED
                "idea i\n  name i\n  arg a list\n  code\n      return $a\n  example [] -> []\n"
                "  example [2] -> [2]\n"),
        "    return sorted(numbers)");
}

/* $flag is no call of the function itself. */
static void a_name_that_begins_so_is_no_call(void **state)
{
    (void)state;
    assert_string_equal(
        twisted("type flag\n  name flag\n  hint bool\n  a a flag\n  the the flag\n  make True\n"
                "twist t\n  local k 3..3\n  expr $value * $k\n  expect 1\n"
                "idea i\n  name i\n  arg flag flag\n  code\n      return $flag\n"),
        "    return flag * 3");
}

static void is_asked_of_the_check(void **state)
{
    static const char frame[] = TYPES EMPTY FIRST "frame f\n  function twist\n"
                                                  "  user {value} {twist.with}\n"
                                                  "  assistant {code}\n";
    struct synth_helper_lessons lessons;
    (void)state;
    synth_helper_lessons_open(&lessons, frame, NULL);
    assert_true(synth_helper_lesson(&lessons, 1));
    const char *const request = lessons.lesson.request.bytes;
    assert_non_null(strstr(request, "\"twist\":{\"plain\":[\"def first(numbers):\\n"
                                    "    return numbers[0]\"],\"expect\":\"None\","
                                    "\"make\":\"\",\"when\":[],\"targets\":[0]}"));
    assert_non_null(strstr(request, "\"codes\":[\"def first(numbers):\\n    if not numbers:\\n"));
    synth_helper_lessons_close(&lessons);
}

/* And of what has a twist already there is no variation. */
static void a_change_has_it_in_the_second_function_alone(void **state)
{
    static const char frames[] = TYPES EMPTY FIRST
        "frame f\n  function idea\n  vary twist\n  user {value}\n  assistant {code}\n"
        "  user2 now{next.twist.with}\n  assistant2 {next.code}\n"
        "frame g\n  function twist\n  vary twist\n  user {value}\n  assistant {code}\n";
    struct synth_helper_lessons lessons;
    (void)state;
    synth_helper_lessons_open(&lessons, frames, "f");
    assert_true(synth_helper_lesson(&lessons, 1));
    const struct synth_turn *const turns = lessons.lesson.turns;
    assert_int_equal(lessons.lesson.turn_count, 4);
    assert_null(strstr(turns[1].text.bytes, "if not"));
    assert_non_null(strstr(turns[2].text.bytes, "or None if"));
    assert_non_null(strstr(turns[3].text.bytes, "    if not numbers:\n        return None\n"));
    synth_helper_lessons_close(&lessons);
    synth_helper_lessons_open(&lessons, frames, "g");
    assert_false(synth_helper_lesson(&lessons, 1));
    synth_helper_lessons_close(&lessons);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_before_the_body),
        cmocka_unit_test(stands_around_what_is_returned),
        cmocka_unit_test(brackets_stand_where_needed),
        cmocka_unit_test(goes_with_what_it_fits),
        cmocka_unit_test(a_name_that_begins_so_is_no_call),
        cmocka_unit_test(is_asked_of_the_check),
        cmocka_unit_test(a_change_has_it_in_the_second_function_alone),
    };
    return cmocka_run_group_tests(tests, synth_helper_setup, synth_helper_teardown);
}
