/* test_synth_function.c - functions put together: parts that fit, what they need and avoid,
 * variations, arguments and their names; and the functions of the curricula that come with primer.
 */
#include "data/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/curriculum.h"
#include "synth_helper.h"

static struct synth_helper helper;

static const struct curriculum_block *block(const char *kind, const char *name)
{
    const struct curriculum_block *const found =
        curriculum_find(helper.curriculum, kind, name, strlen(name));
    if (found == NULL)
        fail_msg("there is no %s %s", kind, name);
    return found;
}

static bool make(const char *kind, const char *name, uint64_t seed)
{
    synth_helper_seed(&helper, seed);
    const enum synth_said said = synth_function_make(&helper.synth, block(kind, name));
    if (said == SYNTH_FAILED)
        fail_msg("%s", helper.error.message);
    return said == SYNTH_SAID;
}

static const char *part(const struct synth_function *function, const char *slot)
{
    for (size_t i = 0; i < function->slot_count; i++)
        if (strcmp(function->slots[i], slot) == 0)
            return function->parts[i]->name;
    return "";
}

static bool is_one_of(const char *name, const char *names)
{
    char padded[64];
    snprintf(padded, sizeof padded, " %.60s ", name);
    return strstr(names, padded) != NULL;
}

/* Two sources of different types, and parts that take one of them, or any. */
static const char parts[] =
    "type list\n  name numbers | values | xs\n  hint list[int]\n  a a list( {name}|)\n"
    "  the the list\n  make [1, 2]\n"
    "type word\n  name text | s\n  a a text\n  the the text\n  make 'ab'\n"
    "type count\n  name n | k | limit\n  a a number( {name}|)\n  the the number {name}\n  make 3\n"
    "source list : -> number\n  arg numbers list\n  each $numbers\n"
    "source text : -> char\n  arg text word\n  each $text\n"
    "keep even : number\n  test $x % 2 == 0\n  group parity\n  name even\n"
    "keep odd : number\n  test $x % 2 == 1\n  group parity\n  name odd\n"
    "keep above : number\n  param k count 2..9\n  test $x > $k\n  name above\n"
    "keep below : number\n  param k count 2..9\n  test $x < $k\n  avoid above\n  name below\n"
    "keep vowel : char\n  test $x in 'aeiou'\n  name vowels\n"
    "keep rare : any\n  needs list\n  test rare($x)\n  name rare\n"
    "map square : number -> number\n  expr $x * $x\n  name squares\n"
    "map code : char -> number\n  expr ord($x)\n  name codes\n"
    "fold sum : number -> number\n  call sum($list)\n  value the sum\n  name sum\n"
    "fold total : number -> number\n  start values = $list\n  call sum(values)\n  name total\n"
    "fold join : char -> char\n  call ''.join($list)\n  name join\n"
    "fold count : any -> number\n  call len($list)\n  name count\n"
    "shape all\n  slot source | fold\n  name {fold.name}_all\n  x x\n  list $source.each\n"
    "  code\n      $fold.start\n      return $fold.call\n"
    "shape kept\n  slot source | keep | fold\n  name {fold.name}_{keep.name}\n  x x\n"
    "  list [$x for $x in $source.each if $keep.test]\n  code\n      $fold.start\n"
    "      return $fold.call\n"
    "shape twice\n  slot source | keep | keep2 | fold\n  name "
    "{fold.name}_{keep.name}_{keep2.name}\n"
    "  x x\n  list [$x for $x in $source.each if $keep.test and $keep2.test]\n"
    "  code\n      $fold.start\n      return $fold.call\n"
    "shape mapped\n  slot source | map | fold\n  name {fold.name}_{map.name}\n  x x\n"
    "  list [$map.expr for $x in $source.each]\n  code\n      $fold.start\n"
    "      return $fold.call\n";

static void parts_fit(void **state)
{
    (void)state;
    synth_helper_open(&helper, parts);
    const struct synth_function *const function = &helper.synth.functions[0];
    size_t mapped = 0, kept = 0;
    for (uint64_t seed = 0; seed < 600; seed++) {
        if (make("shape", "mapped", seed)) {
            const bool text = strcmp(part(function, "source"), "text") == 0;
            assert_string_equal(part(function, "map"), text ? "code" : "square");
            assert_true(is_one_of(part(function, "fold"), " sum total count "));
            mapped++;
        }
        if (make("shape", "kept", seed)) {
            const bool text = strcmp(part(function, "source"), "text") == 0;
            assert_true(is_one_of(part(function, "keep"),
                                  text ? " vowel " : " even odd above below rare "));
            assert_true(
                is_one_of(part(function, "fold"), text ? " join count " : " sum total count "));
            kept++;
        }
    }
    assert_true(mapped > 500 && kept > 500);
    synth_helper_close(&helper);
}

static void parts_need_and_avoid(void **state)
{
    (void)state;
    synth_helper_open(&helper, parts);
    const struct synth_function *const function = &helper.synth.functions[0];
    size_t made = 0, rare = 0, both = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        if (!make("shape", "twice", seed))
            continue;
        const char *const one = part(function, "keep"), *const other = part(function, "keep2");
        assert_string_not_equal(one, other);
        assert_false(is_one_of(one, " even odd ") && is_one_of(other, " even odd "));
        assert_false(strcmp(one, "above") == 0 && strcmp(other, "below") == 0);
        both += strcmp(one, "below") == 0 && strcmp(other, "above") == 0 ? 1 : 0;
        if (strcmp(one, "rare") == 0 || strcmp(other, "rare") == 0) {
            assert_string_equal(part(function, "source"), "list");
            rare++;
        }
        made++;
    }
    assert_true(made > 500 && rare > 50);
    assert_int_equal(both, 0); /* "may not be in the function too", wherever it stands */
    synth_helper_close(&helper);
}

/* A number of a part is in the code, or one more argument, half of the time each. */
static void numbers_may_be_arguments(void **state)
{
    (void)state;
    synth_helper_open(&helper, parts);
    const struct synth_function *const function = &helper.synth.functions[0];
    size_t numbers = 0, arguments = 0;
    for (uint64_t seed = 0; seed < 1200; seed++) {
        if (!make("shape", "kept", seed) || strcmp(part(function, "keep"), "above") != 0)
            continue;
        struct buffer code = {0};
        char expected[80];
        assert_int_equal(synth_code_body(&helper.synth, NULL, 0, &code), SYNTH_SAID);
        const char *const sign = strstr(code.bytes, "x > ");
        assert_non_null(sign);
        if (function->argument_count == 2) {
            snprintf(expected, sizeof expected, "x > %s]", function->arguments[1].name);
            assert_non_null(strstr(code.bytes, expected));
            assert_non_null(strstr(function->arguments[1].make, "randint(2, 9)"));
            arguments++;
        } else {
            assert_int_equal(function->argument_count, 1);
            const int number = atoi(sign + 4);
            assert_true(number >= 2 && number <= 9);
            numbers++;
        }
        buffer_free(&code);
    }
    assert_true(numbers > 30 && arguments > 30);
    assert_true(numbers < 2 * arguments && arguments < 2 * numbers);
    synth_helper_close(&helper);
}

/* Arguments have names of their own, and none that the code uses itself. */
static void names_do_not_clash(void **state)
{
    (void)state;
    synth_helper_open(&helper,
                      "type list\n  name x | total | numbers | values | other\n  a a\n  the the\n"
                      "idea two\n  name f | total\n  arg a list\n  arg b list\n"
                      "  code\n      for x in $a:\n          print(x, $b)\n"
                      "idea many\n  name f\n  arg a list\n  arg b list\n  arg c list\n"
                      "  code\n      return $a + $b + $c\n");
    const struct synth_function *const function = &helper.synth.functions[0];
    for (uint64_t seed = 0; seed < 200; seed++) {
        assert_true(make("idea", "two", seed));
        const char *const a = function->arguments[0].name, *const b = function->arguments[1].name;
        assert_string_not_equal(a, b);
        assert_string_not_equal(a, "x");
        assert_string_not_equal(b, "x");
        assert_string_not_equal(a, function->name);
        assert_string_not_equal(b, function->name);
        synth_function_settle(&helper.synth.functions[0]);
        assert_string_not_equal(function->arguments[0].name, function->arguments[1].name);
    }
    assert_true(make("idea", "many", 1));
    synth_helper_close(&helper);
}

/* A variation differs in one part, and keeps name and arguments of what stays. */
static void variations_differ_in_one_part(void **state)
{
    (void)state;
    synth_helper_open(&helper, parts);
    struct synth *const synth = &helper.synth;
    size_t exchanged = 0, added = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        if (!make("shape", seed % 2 == 0 ? "kept" : "all", seed) ||
            synth_function_vary(synth) != SYNTH_SAID)
            continue;
        const struct synth_function *const one = &synth->functions[0], *const other =
                                                                           &synth->functions[1];
        size_t different = 0;
        for (size_t i = 0; i < other->slot_count; i++)
            if (strcmp(part(one, other->slots[i]), other->parts[i]->name) != 0) {
                assert_string_equal(other->changed, other->slots[i]);
                different++;
            }
        assert_int_equal(different, 1);
        assert_int_equal(other->slot_count, one->slot_count + (other->added ? 1 : 0));
        assert_string_equal(part(one, "source"), part(other, "source"));
        for (size_t i = 0; i < one->argument_count; i++) /* a name that was said holds */
            synth->functions[0].arguments[i].told = seed % 3 != 0;
        synth_function_settle(&synth->functions[0]);
        synth_function_follow(&synth->functions[1], one);
        assert_string_equal(one->name, other->name);
        for (size_t i = 0; i < other->argument_count; i++) {
            for (size_t j = 0; j < one->argument_count; j++)
                if (other->arguments[i].owner == one->arguments[j].owner)
                    assert_string_equal(other->arguments[i].name, one->arguments[j].name);
            /* fold total has a local name "values". */
            if (strcmp(part(other, "fold"), "total") == 0)
                assert_string_not_equal(other->arguments[i].name, "values");
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(other->arguments[i].name, other->arguments[j].name);
        }
        exchanged += other->added ? 0 : 1;
        added += other->added ? 1 : 0;
    }
    assert_true(exchanged > 200 && added > 100);
    synth_helper_close(&helper);
}

/* ---- the curricula that come with primer ---- */

static void real_functions_are_sound(void **state)
{
    (void)state;
    static const char *const folders[] = {"curriculum/python"};
    primer_error error = {0};
    size_t made = 0;
    helper = (struct synth_helper){0};
    if (curriculum_read(folders, 1, &helper.curriculum, &error) != PRIMER_OK) {
        if (error.status == PRIMER_EIO)
            skip();
        fail_msg("%s", error.message);
    }
    assert_int_equal(arena_create(&helper.synth.arena, (size_t)256 << 10, &error), PRIMER_OK);
    for (uint64_t seed = 0; seed < 20000; seed++) {
        synth_helper_seed(&helper, seed);
        const enum synth_said said = synth_function_choose(&helper.synth, NULL);
        if (said == SYNTH_FAILED)
            fail_msg("seed %d: %s", (int)seed, helper.error.message);
        if (said != SYNTH_SAID)
            continue;
        struct synth_function *const function = &helper.synth.functions[0];
        for (int settled = 0; settled < 2; settled++) {
            for (size_t i = 0; i < function->argument_count; i++) {
                const char *const name = function->arguments[i].name;
                if (strcmp(name, function->name) == 0)
                    fail_msg("seed %d: %s: an argument of this name", (int)seed, name);
                for (size_t j = 0; j < i; j++)
                    if (strcmp(name, function->arguments[j].name) == 0)
                        fail_msg("seed %d: %s: two arguments %s", (int)seed, function->name, name);
            }
            struct buffer code = {0};
            if (synth_code_body(&helper.synth, NULL, 4, &code) != SYNTH_SAID || code.length == 0)
                fail_msg("seed %d: %s: no code", (int)seed, function->name);
            assert_null(strchr(code.bytes, '$'));
            buffer_free(&code);
            synth_function_settle(function);
        }
        made++;
    }
    assert_true(made > 15000);
    synth_helper_close(&helper);
}

static void a_name_of_nothing_is_an_error(void **state)
{
    (void)state;
    synth_helper_open(&helper, "type list\n  name numbers | \n  a a list\n  the the list\n"
                               "idea i\n  name i\n  arg n list\n  code\n      return $n\n");
    synth_helper_seed(&helper, 1);
    assert_int_equal(synth_function_make(&helper.synth, block("idea", "i")), SYNTH_FAILED);
    assert_non_null(strstr(helper.error.message, "a.txt:1: type list: name \"numbers |\": found "
                                                 "nothing between two |, expected a name"));
    synth_helper_close(&helper);
}

#define CASE(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, synth_helper_setup, synth_helper_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(parts_fit),
        CASE(parts_need_and_avoid),
        CASE(numbers_may_be_arguments),
        CASE(names_do_not_clash),
        CASE(variations_differ_in_one_part),
        CASE(a_name_of_nothing_is_an_error),
        CASE(real_functions_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
