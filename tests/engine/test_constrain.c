/* Answers under a constraint: they are what the constraint says, at any temperature, with guesses ahead
 * and without, from the first token or behind a text; and what can't be is an error. */
#include "fixture.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "primer_chat.h"

static const struct model_maker_options shape = {
    .architecture = "phi2", .type = "Q4_0", .context = 256};

struct written {
    char text[4096];
    size_t length, tokens;
    primer_generation_result result;
};

static bool keep(void *context, const primer_generated *g)
{
    struct written *w = context;
    assert_true(w->length + g->length < sizeof w->text);
    memcpy(w->text + w->length, g->text, g->length);
    w->length += g->length;
    w->text[w->length] = '\0';
    w->tokens += g->id >= 0;
    return true;
}

/* The status of one answer of at most `most` tokens. */
static primer_status answer(primer_model *model, primer_generation how, primer_sampling sampling,
                            size_t most, struct written *w, primer_error *problem)
{
    primer_session *session = NULL;
    int32_t ids[40];
    fixture_ids(ids, 40, 30, 6);
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_sync(session, ids, 40, NULL, NULL, error));
    *w = (struct written){.length = 0};
    how.sampling = &sampling;
    how.max_tokens = most;
    how.callback = keep;
    how.context = w;
    const primer_status status = primer_generate(session, &how, &w->result, problem);
    primer_session_free(session);
    return status;
}

static primer_sampling hot(uint64_t seed)
{
    primer_sampling sampling = primer_sampling_default();
    sampling.temperature = 1.5f;
    sampling.top_k = 0;
    sampling.top_p = 1;
    sampling.min_p = 0;
    sampling.seed = seed;
    return sampling;
}

static void one_of_the_choices_is_written(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    const char *const choices[] = {"yes", "no", "nobody knows"};
    bool met[3] = {false, false, false};
    (void)state;
    must(primer_constraint_choice(choices, 3, &constraint, error));
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct written w;
        must(
            answer(model, (primer_generation){.constraint = constraint}, hot(seed), 64, &w, error));
        assert_int_equal(w.result.reason, PRIMER_STOP_END);
        size_t i = 0;
        while (i < 3 && strcmp(w.text, choices[i]) != 0)
            i++;
        assert_true(i < 3);
        met[i] = true;
    }
    assert_true(met[0] && (met[1] || met[2]));
    primer_constraint_free(constraint);
    primer_model_free(model);
}

static bool is_date(const char *text, size_t length)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < length; i++)
        if (i >= sizeof form - 1 ||
            (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != '-'))
            return false;
    return true;
}

static void guesses_change_nothing(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    (void)state;
    must(primer_constraint_regex("([0-9]{4}-[0-9]{2}-[0-9]{2} )+", 31, &constraint, error));
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct written with, without;
        must(answer(model, (primer_generation){.constraint = constraint}, hot(seed), 60, &with,
                    error));
        must(answer(model, (primer_generation){.constraint = constraint, .no_speculation = true},
                    hot(seed), 60, &without, error));
        assert_string_equal(with.text, without.text);
        assert_true(with.length > 0 && is_date(with.text, with.length < 10 ? with.length : 10));
    }
    primer_constraint_free(constraint);
    primer_model_free(model);
}

static void it_begins_behind_a_text(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    size_t begun = 0;
    (void)state;
    must(primer_constraint_regex("[0-9]+", 6, &constraint, error));
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct written w;
        must(answer(model, (primer_generation){.constraint = constraint, .constraint_after = "e"},
                    hot(seed), 40, &w, error));
        const char *const e = strchr(w.text, 'e');
        if (e == NULL)
            continue;
        begun++;
        for (const char *at = e + 1; *at != '\0'; at++)
            assert_true(isdigit((unsigned char)*at));
    }
    assert_true(begun > 0);
    primer_constraint_free(constraint);
    primer_model_free(model);
}

static void the_most_probable_is_the_most_probable_of_those_allowed(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    primer_sampling greedy = primer_sampling_default();
    struct written a, b;
    (void)state;
    greedy.temperature = 0;
    must(primer_constraint_regex("[a-m]{5}", 8, &constraint, error));
    must(answer(model, (primer_generation){.constraint = constraint}, greedy, 20, &a, error));
    must(answer(model, (primer_generation){.constraint = constraint}, greedy, 20, &b, error));
    assert_string_equal(a.text, b.text);
    assert_int_equal(a.length, 5);
    for (size_t i = 0; i < 5; i++)
        assert_in_range(a.text[i], 'a', 'm');
    primer_constraint_free(constraint);
    primer_model_free(model);
}

static void what_cannot_be_is_an_error(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    const char *const choice[] = {"x"};
    struct written w;
    primer_error problem = {0};
    (void)state;
    must(primer_constraint_choice(choice, 1, &constraint, error));
    assert_int_equal(answer(model,
                            (primer_generation){.constraint = constraint, .ignore_end = true},
                            hot(0), 8, &w, &problem),
                     PRIMER_EINVAL);
    assert_non_null(strstr(problem.message, "ignore_end"));

    primer_sampling forbids = hot(0);
    const primer_logit_bias bias = {primer_token_find(model, "x", 1), -INFINITY};
    assert_true(bias.id >= 0);
    forbids.bias = &bias;
    forbids.bias_count = 1;
    assert_int_equal(
        answer(model, (primer_generation){.constraint = constraint}, forbids, 8, &w, &problem),
        PRIMER_EINVAL);
    assert_non_null(strstr(problem.message, "nothing is left to choose"));
    primer_constraint_free(constraint);
    primer_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_the_choices_is_written),
        cmocka_unit_test(guesses_change_nothing),
        cmocka_unit_test(it_begins_behind_a_text),
        cmocka_unit_test(the_most_probable_is_the_most_probable_of_those_allowed),
        cmocka_unit_test(what_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
