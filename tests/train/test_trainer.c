/* test_trainer.c - a run stopped after any step and gone on with ends with the bytes of one that
 * never stopped; what leaves the bits alone, what is refused, and what a plan leaves behind. */
#include "primer_train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "format/gguf.h"
#include "shard_maker.h"
#include "tokenizer/tokenizer.h"
#include "train/train_data.h"
#include "train/train_recipe.h"

#define STEPS 5

static uint64_t tokenizer_identity;
static size_t vocabulary;

/* ---- files ----------------------------------------------------------------------------------- */

#define must(call)                                                                                 \
    do {                                                                                           \
        primer_error must_error_ = {0};                                                            \
        primer_error *const error = &must_error_;                                                  \
        if ((call) != PRIMER_OK)                                                                   \
            fail_msg("%s: %s", #call, must_error_.message);                                        \
    } while (0)

static struct buffer bytes_of(const char *folder, const char *name)
{
    char path[256];
    struct buffer bytes = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(file_read(shard_path(path), 1 << 26, &bytes, error));
    return bytes;
}

static void same_file(const char *what, const char *a, const char *b, const char *name)
{
    struct buffer x = bytes_of(a, name), y = bytes_of(b, name);
    if (x.length != y.length || memcmp(x.bytes, y.bytes, x.length) != 0)
        fail_msg("%s: %s differs between %s and %s", what, name, a, b);
    buffer_free(&x);
    buffer_free(&y);
}

static void make_shard(const char *name, uint64_t seed, size_t documents, uint64_t tokenizer)
{
    struct train_shard_writer *writer = NULL;
    int32_t ids[64];
    must(train_shard_writer_create(&writer, shard_path(name), vocabulary, tokenizer, error));
    for (size_t i = 0; i < documents; i++) {
        const size_t count = 5 + (i * 7 + seed) % 40;
        for (size_t j = 0; j < count; j++)
            ids[j] = (int32_t)((j * (i % 3 + 1) + i + seed) % vocabulary);
        must(train_shard_write(writer, ids, NULL, count, count, error));
    }
    must(train_shard_writer_finish(writer, error));
    train_shard_writer_free(writer);
}

static int begin(void **state)
{
    (void)state;
    const char *const special[] = {"<|endoftext|>"};
    const primer_tokenizer_options options = {
        .characters = true, .special = special, .special_count = 1};
    shard_folder_make();
    FILE *const file = fopen(shard_path("text.txt"), "w");
    fputs("abcdefghijklmnopqrstuvwxyz", file);
    fclose(file);
    const char *text = shard_path("text.txt");
    must(primer_tokenizer_train(&text, 1, &options, shard_path("t.gguf"), NULL, error));
    struct gguf *gguf = NULL;
    struct tokenizer *tokenizer = NULL;
    must(gguf_open(&gguf, shard_path("t.gguf"), error));
    must(tokenizer_from_gguf(&tokenizer, gguf, error));
    tokenizer_identity = tokenizer_hash(tokenizer);
    vocabulary = tokenizer_vocabulary(tokenizer);
    tokenizer_free(tokenizer);
    gguf_free(gguf);
    make_shard("a.shard", 1, 9, tokenizer_identity);
    make_shard("b.shard", 2, 7, tokenizer_identity);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", shard_path(""));
    return system(command);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static const char common[] = "architecture = phi2\n"
                             "tokenizer = t.gguf\n"
                             "layers = 2\nembedding = 16\nheads = 2\nfeed-forward = 32\n"
                             "rotary = 4\ncontext = 32\nlength = 12\nbatch = 2\nwarm-up = 1\n"
                             "rate = 1e-2\nsteps = 5\nlog-every = 2\ncheckpoint-every = 0\n";

struct watch {
    uint64_t step, stop; /* after this step; 0: never */
};

static bool stop(void *context)
{
    struct watch *const watch = context;
    watch->step++;
    return watch->stop != 0 && watch->step >= watch->stop;
}

struct run {
    primer_recipe *recipe;
    primer_trainer *trainer;
};

static primer_status open_run(struct run *run, const char *folder, const char *more,
                              const primer_train_options *options, primer_error *problem)
{
    char text[2048];
    const primer_train_options usual = {.threads = 2};
    *run = (struct run){0};
    snprintf(text, sizeof text, "%sfolder = %s\n%s", common, folder, more);
    must(train_recipe_parse(text, strlen(text), shard_path("r.recipe"), NULL, 0, &run->recipe,
                            error));
    return primer_trainer_create(run->recipe, options != NULL ? options : &usual, &run->trainer,
                                 problem);
}

static void close_run(struct run *run)
{
    primer_trainer_free(run->trainer);
    primer_recipe_free(run->recipe);
}

/* Its status; `resumed`: the step that it must go on from. */
static primer_status run_until(const char *folder, const char *more, uint64_t resumed,
                               uint64_t last, primer_error *error)
{
    struct run run;
    struct watch watch = {resumed, last};
    const primer_train_callbacks callbacks = {.context = &watch, .stop = stop};
    primer_error found = {0};
    if (open_run(&run, folder, more, NULL, &found) != PRIMER_OK)
        fail_msg("%s", found.message);
    assert_int_equal(primer_trainer_resumed(run.trainer), resumed);
    const primer_status status = primer_trainer_run(run.trainer, &callbacks, error);
    close_run(&run);
    return status;
}

static void run_whole(const char *folder, const char *more)
{
    must(run_until(folder, more, 0, 0, error));
}

static void refused(const char *folder, const char *more, primer_status status, const char *text)
{
    struct run run;
    primer_error found = {0};
    assert_int_equal(open_run(&run, folder, more, NULL, &found), status);
    if (strstr(found.message, text) == NULL)
        fail_msg("\"%s\", expected \"%s\"", found.message, text);
    close_run(&run);
}

/* ---- going on -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *more;
} kinds[] = {
    {"plain", "data = a.shard\n"},
    {"clipped", "data = a.shard\nclip = 0.01\n"},
    {"accumulated", "data = a.shard\naccumulate = 3\ndropout = 0.2\n"},
    {"mixture", "data = a.shard 3\ndata = b.shard 1\ndropout = 0.1\n"},
    {"whole", "data = a.shard\nwhole = yes\n"},
    {"bf16", "data = a.shard\nprecision = bf16\nrecompute = yes\ndropout = 0.1\naccumulate = 2\n"},
    {"evaluated", "data = a.shard\nevaluate = b.shard\nevaluate-every = 1\n"},
    {"taught", "data = a.shard\nteacher = plain/model.gguf\nmix = 0.7\ntemperature = 2\n"},
    {"tuned", "data = b.shard\n"},
};

/* After every step, and after two of them. */
static void goes_on_from_any_step(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        char folder[64];
        run_whole(kinds[k].name, kinds[k].more);
        for (uint64_t last = 1; last < STEPS; last++) {
            primer_error found = {0};
            snprintf(folder, sizeof folder, "%s-%u", kinds[k].name, (unsigned)last);
            assert_int_equal(run_until(folder, kinds[k].more, 0, last, &found), PRIMER_ECANCELED);
            assert_non_null(strstr(found.message, "the same command goes on from there"));
            if (last + 1 < STEPS)
                assert_int_equal(run_until(folder, kinds[k].more, last, last + 1, &found),
                                 PRIMER_ECANCELED);
            must(run_until(folder, kinds[k].more, last + 1 < STEPS ? last + 1 : last, 0, error));
            same_file(kinds[k].name, kinds[k].name, folder, "model.gguf");
            same_file(kinds[k].name, kinds[k].name, folder, "checkpoint-00000005.gguf");
            same_file(kinds[k].name, kinds[k].name, folder, "checkpoint-00000005.state");
        }
    }
}

static void what_leaves_the_bits_alone(void **state)
{
    (void)state;
    run_whole("left", "data = a.shard\ndropout = 0.1\n");
    run_whole("right", "data = a.shard\ndropout = 0.1\nrecompute = yes\n");
    same_file("recompute", "left", "right", "model.gguf");
    run_whole("observed", "data = a.shard\ndropout = 0.1\nevaluate = b.shard\nevaluate-every = 1\n"
                          "evaluate-rows = 0\nkeep = 9\n");
    same_file("evaluation", "left", "observed", "model.gguf");
}

static void weights_of(const char *folder, float *out, size_t count)
{
    struct buffer bytes = bytes_of(folder, "model.gguf");
    assert_true(bytes.length > count * sizeof *out);
    memcpy(out, bytes.bytes + bytes.length - count * sizeof *out, count * sizeof *out);
    buffer_free(&bytes);
}

/* Batches that are added up give what one large batch gives, but for rounding. */
static void batches_add_up(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static float one[COUNT], more[COUNT];
    double largest = 0.0;
    run_whole("joined", "data = a.shard\nepsilon = 1e-3\noutput-type = F32\naccumulate = 2\n");
    struct run run;
    primer_error found = {0};
    char text[2048];
    snprintf(text, sizeof text,
             "%sfolder = parts\ndata = a.shard\nepsilon = 1e-3\noutput-type = F32\n", common);
    memcpy(strstr(text, "batch = 2"), "batch = 4", 9);
    must(train_recipe_parse(text, strlen(text), shard_path("r.recipe"), NULL, 0, &run.recipe,
                            error));
    assert_int_equal(primer_trainer_create(run.recipe, NULL, &run.trainer, &found), PRIMER_OK);
    assert_int_equal(primer_trainer_run(run.trainer, NULL, &found), PRIMER_OK);
    close_run(&run);
    weights_of("joined", one, COUNT);
    weights_of("parts", more, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        largest = fmax(largest, fabs((double)one[i] - (double)more[i]));
    if (largest > 1e-5)
        fail_msg("weights differ by %g", largest);
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* Measuring steps changes nothing of the run that follows. */
static void a_plan_is_undone(void **state)
{
    (void)state;
    struct run run;
    primer_train_plan plan;
    primer_error found = {0};
    run_whole("unplanned", "data = a.shard\ndropout = 0.1\n");
    if (open_run(&run, "planned", "data = a.shard\ndropout = 0.1\n", NULL, &found) != PRIMER_OK ||
        primer_trainer_plan(run.trainer, 0.02, &plan, &found) != PRIMER_OK ||
        primer_trainer_run(run.trainer, NULL, &found) != PRIMER_OK)
        fail_msg("%s", found.message);
    close_run(&run);
    same_file("a plan", "unplanned", "planned", "model.gguf");
    same_file("a plan", "unplanned", "planned", "checkpoint-00000005.state");
    assert_int_equal(plan.steps, STEPS);
    assert_int_equal(plan.tokens_per_step, 24);
    assert_int_equal(plan.tokens, 24 * STEPS);
    assert_true(plan.tokens_per_second > 0.0 && plan.operations_per_second > 0.0);
    assert_true(fabs(plan.seconds * plan.tokens_per_second / (double)plan.tokens - 1) < 1e-9);
    assert_true(plan.memory_bytes >= plan.weight_bytes + plan.gradient_bytes +
                                         plan.optimizer_bytes + plan.activation_bytes);
    assert_int_equal(plan.optimizer_bytes, 2 * plan.weight_bytes);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_has_changed_is_found(void **state)
{
    (void)state;
    make_shard("c.shard", 3, 8, tokenizer_identity);
    make_shard("held.shard", 4, 5, tokenizer_identity);
    run_whole("changing", "data = c.shard\nevaluate = held.shard\n");
    refused("changing", "data = c.shard\nevaluate = held.shard\nseed = 1\n", PRIMER_EINVAL,
            "its checkpoint at step 5 was made by another recipe");
    make_shard("held.shard", 5, 5, tokenizer_identity);
    must(run_until("changing", "data = c.shard\nevaluate = held.shard\n", STEPS, 0, error));
    make_shard("c.shard", 6, 8, tokenizer_identity);
    refused("changing", "data = c.shard\nevaluate = held.shard\n", PRIMER_EINVAL,
            "has changed since its checkpoint at step 5");
    make_shard("c.shard", 3, 8, tokenizer_identity);
    must(run_until("changing", "data = c.shard\nevaluate = held.shard\n", STEPS, 0, error));
}

static void shards_that_dont_fit(void **state)
{
    (void)state;
    make_shard("other.shard", 1, 9, tokenizer_identity + 1);
    refused("refused", "data = other.shard\n", PRIMER_EFORMAT, "made with another vocabulary");
    refused("refused", "data = a.shard\nevaluate = other.shard\n", PRIMER_EFORMAT,
            "other.shard: made with another vocabulary");
    vocabulary++;
    make_shard("other.shard", 1, 9, tokenizer_identity);
    vocabulary--;
    refused("refused", "data = other.shard\n", PRIMER_EFORMAT, "made with a vocabulary of");
    make_shard("short.shard", 1, 1, tokenizer_identity);
    refused("refused", "data = short.shard\n", PRIMER_EFORMAT,
            "found 6 tokens, expected at least 12");
    struct train_shard_writer *writer = NULL;
    const int32_t ids[20] = {1, 2, 3};
    const unsigned char nothing[20] = {0};
    must(train_shard_writer_create(&writer, shard_path("nothing.shard"), vocabulary,
                                   tokenizer_identity, error));
    must(train_shard_write(writer, ids, nothing, 20, 0, error));
    must(train_shard_writer_finish(writer, error));
    train_shard_writer_free(writer);
    refused("refused", "data = nothing.shard\n", PRIMER_EFORMAT,
            "nothing.shard: the loss asks for none of the 20 tokens");
}

static void explosions_are_told(void **state)
{
    (void)state;
    static const char more[] = "data = a.shard\nclip = 0\nkeep = 9\n";
    char text[2048];
    struct run run;
    primer_error found = {0};
    snprintf(text, sizeof text, "%sfolder = hot\n%s", common, more);
    memcpy(strstr(text, "rate = 1e-2"), "rate = 5000", 11);
    memcpy(strstr(text, "checkpoint-every = 0"), "checkpoint-every = 1", 20);
    must(train_recipe_parse(text, strlen(text), shard_path("r.recipe"), NULL, 0, &run.recipe,
                            error));
    must(primer_trainer_create(run.recipe, NULL, &run.trainer, error));
    assert_int_equal(primer_trainer_run(run.trainer, NULL, &found), PRIMER_ENUMERIC);
    close_run(&run);
    static const char *const words[] = {"step ", "(loss ", "norm the step before ",
                                        "learning rate ", "The checkpoint of step 1 is as it was"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(found.message, words[i]) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", found.message, words[i]);
    assert_true(access(shard_path("hot/checkpoint-00000001.state"), R_OK) == 0);
    assert_true(access(shard_path("hot/checkpoint-00000002.state"), R_OK) != 0);
}

/* The distance to a teacher counts T^2 times: what is large only for that is no explosion. */
static void a_warm_teacher_is_no_explosion(void **state)
{
    (void)state;
    static const char *const longer[] = {"steps=600"};
    char text[2048];
    struct run run;
    snprintf(text, sizeof text, "%sfolder = knowing\ndata = a.shard\n", common);
    must(train_recipe_parse(text, strlen(text), shard_path("r.recipe"), longer, 1, &run.recipe,
                            error));
    must(primer_trainer_create(run.recipe, NULL, &run.trainer, error));
    must(primer_trainer_run(run.trainer, NULL, error));
    close_run(&run);
    run_whole("learning",
              "data = a.shard\nteacher = knowing/model.gguf\nmix = 1\ntemperature = 3\n");
}

/* ---- one of several processes: `test_trainer plan` under mpirun (ranks.sh) ------------------- */

/* They take as many steps as the first, whatever each was asked for. */
static int plan_together(void)
{
    static const primer_train_options options = {.threads = 1};
    struct run run;
    primer_train_plan plan;
    primer_error found = {0};
    void *state = NULL;
    begin(&state);
    primer_status status =
        open_run(&run, "planned", "data = a.shard\naccumulate = 6\n", &options, &found);
    const bool first = status == PRIMER_OK && primer_trainer_reports(run.trainer);
    if (status == PRIMER_OK)
        status = primer_trainer_plan(run.trainer, first ? 0.02 : 0.5, &plan, &found);
    if (status == PRIMER_OK)
        status = primer_trainer_run(run.trainer, NULL, &found);
    if (status != PRIMER_OK)
        fprintf(stderr, "test_trainer: %s\n", found.message);
    else if (first)
        printf("%d processes\n", (int)plan.processes);
    close_run(&run);
    end(&state);
    return status == PRIMER_OK ? 0 : 1;
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "plan") == 0)
        return plan_together();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_from_any_step),
        cmocka_unit_test(what_leaves_the_bits_alone),
        cmocka_unit_test(batches_add_up),
        cmocka_unit_test(a_plan_is_undone),
        cmocka_unit_test(what_has_changed_is_found),
        cmocka_unit_test(shards_that_dont_fit),
        cmocka_unit_test(explosions_are_told),
        cmocka_unit_test(a_warm_teacher_is_no_explosion),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
