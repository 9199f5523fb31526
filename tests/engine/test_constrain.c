/* Answers under a constraint: they are what the constraint says, at any temperature, with guesses
 * ahead and without, from the first token, behind a text, or behind a thought that may come first;
 * and what can't be, or can't be told, is an error. */
#include "fixture.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "constraint/constraint_internal.h"
#include "engine/constrain.h"
#include "primer_chat.h"

static const struct model_maker_options shape = {
    .architecture = "phi2", .type = "Q4_0", .context = 256};
static const struct model_maker_options llama = {
    .architecture = "llama", .type = "Q8_0", .tokenizer = "spm"};

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
        const char *at = e + 1;
        at += strspn(at, " \n\t\r");
        assert_in_range(at - e, 1, 5);
        for (; *at != '\0'; at++)
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
    assert_int_equal(
        answer(model, (primer_generation){.constraint = constraint, .constraint_opening = "<t>"},
               hot(0), 8, &w, &problem),
        PRIMER_EINVAL);
    assert_non_null(strstr(problem.message, "constraint_opening \"<t>\""));

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

/* ---- thoughts -------------------------------------------------------------------------------- */

static primer_constraint *digits(const char *pattern)
{
    primer_constraint *constraint = NULL;
    must(primer_constraint_regex(pattern, strlen(pattern), &constraint, error));
    return constraint;
}

/* Chooses with a bias that is stronger than all: the token, or another one where it isn't allowed.
 * */
static int32_t choose(struct constrain *constrain, primer_session *session, int32_t wanted)
{
    const primer_logit_bias bias = {wanted, 1e9f};
    primer_sampling sampling = primer_sampling_default();
    primer_sampler *sampler = NULL;
    int32_t id = -1;
    sampling.temperature = 0;
    sampling.bias = &bias;
    sampling.bias_count = 1;
    must(primer_sampler_create(primer_session_model(session), &sampling, &sampler, error));
    must(constrain_next(constrain, sampler, session, &id, error));
    primer_sampler_free(sampler);
    return id;
}

/* Whether the text can be written token by token, `step` bytes at a time (0: all of it) made
 * tokens, and may then end. */
static bool takes(primer_session *session, const primer_generation *how, const char *text,
                  size_t step)
{
    primer_model *const model = primer_session_model(session);
    struct constrain constrain;
    bool taken = true;
    must(constrain_open(&constrain, session, how, error));
    for (size_t at = 0, length = strlen(text); at < length && taken; at += step) {
        int32_t *ids = NULL;
        size_t count = 0;
        step = step == 0 ? length : step;
        must(primer_tokenize(model, text + at, length - at < step ? length - at : step,
                             PRIMER_TEXT_SPECIAL | PRIMER_TEXT_CONTINUE, &ids, &count, error));
        for (size_t i = 0; i < count && taken; i++) {
            taken = choose(&constrain, session, ids[i]) == ids[i];
            if (taken)
                constrain_take(&constrain, ids[i]);
        }
        primer_free(ids);
    }
    const int32_t end = primer_token_eos(model);
    taken = taken && (constrain_finished(&constrain) || choose(&constrain, session, end) == end);
    constrain_close(&constrain);
    return taken;
}

/* Each text begins with + (taken) or - (not). */
static void expect(primer_session *session, primer_constraint *constraint, const char *opening,
                   const char *after, const char *const *texts)
{
    const primer_generation how = {
        .constraint = constraint, .constraint_opening = opening, .constraint_after = after};
    for (; *texts != NULL; texts++)
        for (size_t step = 0; step < 4; step++)
            if (takes(session, &how, *texts + 1, step) != (**texts == '+'))
                fail_msg("\"%s\", %zu bytes at a time, is %s", *texts + 1, step,
                         **texts == '+' ? "refused" : "taken");
    primer_constraint_free(constraint);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static primer_session *open_session(primer_model *model)
{
    primer_session *session = NULL;
    int32_t ids[8];
    fixture_ids(ids, 8, 30, 6);
    must(primer_session_create(model, NULL, &session, error));
    must(primer_session_sync(session, ids, 8, NULL, NULL, error));
    return session;
}

static void a_thought_may_come_first(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_session *const session = open_session(model);
    primer_constraint *choice = NULL;
    (void)state;
    expect(session, digits("[0-9]+"), "<t>", "</t>",
           TEXTS("+12", "+<t>hm, 1 </t>12", "+<t>hm</t>\n\n12", "+<t></t>\t\r 1", "+<t></</t>1",
                 "+<t>a <t> b</t>1", "-", "-<t", "-<t>", "-<t>hm", "-<t>hm</t>", "-<t>hm</t>\n",
                 "-<t>hm</t>     1", "-<t>hm</t>a", "-<t>hm</t>1 ", "-<t>hm</t><t>1", "- 1",
                 "- <t></t>1", "-<t 1", "-x</t>1", "-1</t>2", "-1<t></t>"));
    must(primer_constraint_choice(TEXTS("<b>", "<tag>", " x"), 3, &choice, error));
    expect(session, choice, "<t>", "</t>",
           TEXTS("+<b>", "+<tag>", "+ x", "+<t>so</t><b>", "+<t>so</t><tag>", "+<t>so</t> x",
                 "+<t>so</t>\n x", "-<t>so</t>  x", "-<t>", "-<tag", "-<tb>", "-<ta<t></t><b>"));
    must(primer_constraint_choice(TEXTS("<t>", "<"), 2, &choice, error));
    expect(session, choice, "<t>", "</t>",
           TEXTS("+<", "-<t>", "+<t></t><t>", "+<t></t><", "-<t></t><t></t><"));
    must(primer_constraint_regex("a?", 2, &choice, error));
    expect(session, choice, "<t>", "</t>", TEXTS("+", "+a", "-<", "-<t>", "+<t></t>", "+<t></t>a"));
    primer_session_free(session);
    primer_model_free(model);
}

static void a_thought_that_the_prompt_began(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_session *const session = open_session(model);
    (void)state;
    expect(session, digits("[0-9]+"), NULL, "</t>",
           TEXTS("+hm</t>12", "+</t>1", "+hm</t>\n\n1", "+<t>hm</t>1", "-12", "-", "-hm</t>",
                 "-hm</t>     1", "-hm</t>a"));
    expect(session, digits("[0-9]+"), NULL, NULL, TEXTS("+12", "-<t>hm</t>1", "-\n1", "-<"));
    expect(session, digits("( |\n)?[0-9]+"), NULL, "</t>",
           TEXTS("+</t>1", "+</t> 1", "+</t>\t\t\t\t 1", "-</t>\n 1"));
    primer_session_free(session);
    primer_model_free(model);
}

/* A control token is a mark; so is its text. */
static void marks_may_be_control_tokens(void **state)
{
    primer_model *const model = fixture_open(&llama, 1);
    primer_session *const session = open_session(model);
    (void)state;
    assert_int_equal(primer_token_find(model, "<s>", 3), 1);
    expect(session, digits("[0-9]+"), "<s>", "</t>",
           TEXTS("+12", "+<s>hm</t>12", "-<s>hm", "-<s>", "-1<s>", "-<s>hm</t><s>1"));
    expect(session, digits("[0-9]+"), "<t>", "<s>",
           TEXTS("+12", "+<t>hm<s>12", "-<t>hm", "-<s>1", "-<t>hm<s><s>1"));
    primer_session_free(session);
    primer_model_free(model);
}

/* A token of three plain letters or more. */
static int32_t long_token(const primer_model *model, char *text, size_t capacity)
{
    for (int32_t id = 0;; id++) {
        size_t length = 0, letters = 0;
        const char *const bytes = primer_token_bytes(model, id, &length);
        assert_non_null(bytes);
        while (letters < length && islower((unsigned char)bytes[letters]))
            letters++;
        if (length < 3 || letters < length || length >= capacity || bytes[0] == bytes[1])
            continue;
        memcpy(text, bytes, length);
        text[length] = '\0';
        return id;
    }
}

/* A token that has all of a thought in it, and what the constraint doesn't begin with: as a text
 * that begins with the mark it is no answer without a thought either. */
static void a_token_may_hold_a_whole_thought(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_session *const session = open_session(model);
    primer_constraint *choice = NULL;
    char text[64], whole[66], behind[70];
    (void)state;
    const int32_t id = long_token(model, text, sizeof text);
    const char opening[] = {text[0], '\0'}, after[] = {text[1], '\0'};
    snprintf(whole, sizeof whole, "-%s", text);
    snprintf(behind, sizeof behind, "+%s%s%s", opening, after, text);
    must(primer_constraint_choice(TEXTS(text), 1, &choice, error));
    const primer_generation how = {
        .constraint = choice, .constraint_opening = opening, .constraint_after = after};
    struct constrain constrain;
    must(constrain_open(&constrain, session, &how, error));
    assert_int_not_equal(choose(&constrain, session, id), id);
    constrain_close(&constrain);
    expect(session, choice, opening, after, TEXTS(whole, behind));
    primer_session_free(session);
    primer_model_free(model);
}

/* Whether what was written is a thought and digits, or digits at once, as far as it goes. */
static bool is_answer(const struct written *w, const char *opening, const char *after,
                      bool *thought)
{
    const char *rest = w->text;
    const bool ended = w->result.reason == PRIMER_STOP_END;
    if (strncmp(rest, opening, w->length < strlen(opening) ? w->length : strlen(opening)) == 0) {
        *thought = true;
        rest = w->length < strlen(opening) ? NULL : strstr(rest + strlen(opening), after);
        if (rest == NULL)
            return !ended;
        rest += strlen(after);
        rest += strspn(rest, " \n\t\r");
    }
    const size_t count = strspn(rest, "0123456789");
    return rest[count] == '\0' && (ended ? count == 3 : count < 3);
}

static void thoughts_are_free_and_guesses_change_nothing(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_session *const draft = open_session(model);
    primer_constraint *const constraint = digits("[0-9]{3}");
    primer_generation how = {
        .constraint = constraint, .constraint_opening = "th", .constraint_after = "e"};
    size_t thoughts = 0, ended = 0;
    enum { SEEDS = 60 };
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct written plain, guessed, drafted;
        bool thought = false;
        how.no_speculation = true;
        how.draft = NULL;
        must(answer(model, how, hot(seed), 60, &plain, error));
        how.no_speculation = false;
        must(answer(model, how, hot(seed), 60, &guessed, error));
        how.draft = draft;
        must(answer(model, how, hot(seed), 60, &drafted, error));
        if (!is_answer(&plain, "th", "e", &thought))
            fail_msg("seed %d: %s", (int)seed, plain.text);
        assert_string_equal(plain.text, guessed.text);
        assert_string_equal(plain.text, drafted.text);
        thoughts += thought;
        ended += thought && plain.result.reason == PRIMER_STOP_END;
    }
    assert_in_range(thoughts, 1, SEEDS - 1);
    assert_true(ended > 0);
    primer_constraint_free(constraint);
    primer_session_free(draft);
    primer_model_free(model);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* What the constraint can't say of the bytes behind the text where it begins, is told: the token
 * isn't refused for it. */
static void a_limit_is_told_where_the_constraint_begins(void **state)
{
    primer_model *const model = fixture_open(&shape, 1);
    primer_constraint *constraint = NULL;
    char text[64];
    primer_error problem = {0};
    struct written w;
    (void)state;
    const int32_t id = long_token(model, text, sizeof text);
    const char after[] = {text[0], '\0'};
    const char *const rest[] = {text + 1};
    const primer_logit_bias digit = {primer_token_find(model, "7", 1), 1e9f}, wanted = {id, 1e9f};
    primer_sampling greedy = primer_sampling_default();
    greedy.temperature = 0;
    greedy.bias_count = 1;
    must(primer_constraint_choice(rest, 1, &constraint, error));
    const primer_generation how = {.constraint = constraint, .constraint_after = after};
    greedy.bias = &digit; /* the first steps of the constraint are known then */
    must(answer(model, how, greedy, 1, &w, error));
    assert_string_equal(w.text, "7");
    const size_t steps = constraint->steps_most;
    constraint->steps_most = 0;
    greedy.bias = &wanted;
    assert_int_equal(answer(model, how, greedy, 8, &w, &problem), PRIMER_ELIMIT);
    assert_non_null(strstr(problem.message, "ambiguous"));
    constraint->steps_most = steps;
    must(answer(model, how, greedy, 8, &w, error));
    assert_string_equal(w.text, text);
    assert_int_equal(w.result.reason, PRIMER_STOP_END);
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
        cmocka_unit_test(a_thought_may_come_first),
        cmocka_unit_test(a_thought_that_the_prompt_began),
        cmocka_unit_test(marks_may_be_control_tokens),
        cmocka_unit_test(a_token_may_hold_a_whole_thought),
        cmocka_unit_test(thoughts_are_free_and_guesses_change_nothing),
        cmocka_unit_test(a_limit_is_told_where_the_constraint_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
