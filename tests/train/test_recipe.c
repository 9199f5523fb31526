/* test_recipe.c - recipes: what is read, what follows, what is refused and how; docs/recipes.md
 * against the table; the identity of a run. */
#include "train/train_recipe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#define LEAST "data = d.bin\nfolder = out\ntokenizer = t.gguf\n"

static primer_recipe *recipe_with(const char *text, const char *const *overrides, size_t count)
{
    primer_recipe *recipe = NULL;
    primer_error error = {0};
    if (train_recipe_parse(text, strlen(text), "kitchen/x.recipe", overrides, count, &recipe,
                           &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return recipe;
}

static primer_recipe *recipe_of(const char *text)
{
    return recipe_with(text, NULL, 0);
}

static void refuses_with(const char *text, const char *const *overrides, size_t count,
                         const char *message)
{
    primer_recipe *recipe = NULL;
    primer_error error = {0};
    assert_int_not_equal(train_recipe_parse(text, strlen(text), "kitchen/x.recipe", overrides,
                                            count, &recipe, &error),
                         PRIMER_OK);
    assert_null(recipe);
    if (strstr(error.message, message) == NULL)
        fail_msg("found \"%s\", expected \"%s\"", error.message, message);
}

static void refuses(const char *text, const char *message)
{
    refuses_with(text, NULL, 0, message);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void values_are_read(void **state)
{
    (void)state;
    primer_recipe *r =
        recipe_of("\xEF\xBB\xBF# a recipe\r\n\n"
                  "  tokenizer=/abs/tok.gguf   # where\r\n"
                  "data = a.bin\ndata = \"b c.txt\" 0.25 # a quarter\n\tdata = sub/c.jsonl 3e-2\n"
                  "evaluate = e.bin\nfolder = ~/run\n"
                  "architecture = llama\ntied = true\nwhole = yes\nrecompute = false\n"
                  "steps = 1.5M\nseed = 9223372036854775807\ncontext = 2k\nwarm-up = 0\n"
                  "rate = 6e-4\nfinal-rate = 0\ndropout = 0.125\nschedule = linear\n"
                  "sample-prompt = \"Say \\\"#1\\\"\\n\\tthen \\\\\"\nlog-every = 7 \n");
    assert_string_equal(r->tokenizer, "/abs/tok.gguf");
    assert_int_equal(r->source_count, 3);
    assert_string_equal(r->sources[0].path, "kitchen/a.bin");
    assert_string_equal(r->sources[1].path, "kitchen/b c.txt");
    assert_string_equal(r->sources[2].path, "kitchen/sub/c.jsonl");
    assert_true(r->sources[0].weight == 1 && r->sources[1].weight == 0.25 &&
                r->sources[2].weight == 0.03);
    assert_int_equal(r->evaluation_count, 1);
    assert_string_equal(r->evaluation[0].path, "kitchen/e.bin");
    assert_string_equal(r->folder, "kitchen/~/run");
    assert_string_equal(r->architecture, "llama");
    assert_true(r->tied && r->whole && !r->recompute);
    assert_true(r->steps == 1500000 && r->seed == INT64_MAX && r->warm_up == 0);
    assert_int_equal(r->context, 2000);
    assert_true(r->rate == 6e-4 && r->final_rate == 0 && r->dropout == 0.125);
    assert_string_equal(r->schedule, "linear");
    assert_string_equal(r->sample_prompt, "Say \"#1\"\n\tthen \\");
    assert_true(r->log_every == 7);
    primer_recipe_free(r);
}

static void comments_begin_after_a_blank(void **state)
{
    (void)state;
    primer_recipe *r = recipe_of(LEAST "sample-prompt = C# and F# # languages\noutput = a#b.gguf\n"
                                       "template = # none\n");
    assert_string_equal(r->sample_prompt, "C# and F#");
    assert_string_equal(r->output, "kitchen/a#b.gguf");
    assert_null(r->template_name);
    primer_recipe_free(r);
}

static void paths_without_a_folder_stay(void **state)
{
    (void)state;
    primer_recipe *r = NULL;
    assert_int_equal(train_recipe_parse(LEAST, strlen(LEAST), "x.recipe", NULL, 0, &r, NULL),
                     PRIMER_OK);
    assert_string_equal(r->folder, "out");
    assert_string_equal(r->sources[0].path, "d.bin");
    primer_recipe_free(r);
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void standards_follow(void **state)
{
    (void)state;
    primer_recipe *r = recipe_of(LEAST);
    assert_string_equal(r->architecture, "phi2");
    assert_true(r->layers == 8 && r->embedding == 256 && r->heads == 8 && r->kv_heads == 8);
    assert_true(r->feed_forward == 1024 && r->rotary == 16 && r->length == 512);
    assert_true(r->steps == 1000 && r->warm_up == 50 && r->decay_steps == 0);
    assert_true(r->rate == 1e-3 && fabs(r->final_rate - 1e-4) < 1e-18);
    assert_true(r->lora_alpha == 0);
    assert_null(r->output);
    assert_string_equal(r->output_type, "F16");
    primer_recipe_free(r);

    r = recipe_of(LEAST "architecture = llama\nembedding = 288\nheads = 6\nkv-heads = 2\n"
                        "schedule = stable\nsteps = 50k\n");
    assert_true(r->feed_forward == 768 && r->rotary == 48 && r->kv_heads == 2);
    assert_true(r->warm_up == 1000 && r->decay_steps == 5000);
    primer_recipe_free(r);

    r = recipe_of("model = m.gguf\ndata = d.bin\nfolder = f\nlora-rank = 8\nschedule = constant\n");
    assert_null(r->architecture);
    assert_null(r->tokenizer);
    assert_true(r->layers == 0 && r->embedding == 0 && r->context == 0 && r->length == 512);
    assert_true(r->rate == 2e-4 && r->final_rate == 2e-4 && r->lora_alpha == 16);
    assert_string_equal(r->lora_targets, "all");
    primer_recipe_free(r);

    r = recipe_of("model = m.gguf\ndata = d.bin\nfolder = f\n");
    assert_true(r->rate == 2e-5);
    primer_recipe_free(r);
}

static void overrides_replace_lines(void **state)
{
    (void)state;
    static const char *const overrides[] = {"steps=20",  "data = x.bin 2", "data=y.bin",
                                            "kv-heads=", "evaluate=",      "output=\"o p\""};
    primer_recipe *r = recipe_with(
        LEAST "steps = 10\ndata = e.bin\nkv-heads = 2\nevaluate = v.bin\n", overrides, 6);
    assert_true(r->steps == 20 && r->kv_heads == 8);
    assert_int_equal(r->source_count, 2);
    assert_string_equal(r->sources[0].path, "kitchen/x.bin");
    assert_true(r->sources[0].weight == 2);
    assert_string_equal(r->sources[1].path, "kitchen/y.bin");
    assert_int_equal(r->evaluation_count, 0);
    assert_string_equal(r->output, "kitchen/o p");
    primer_recipe_free(r);

    static const char *const twice[] = {"steps=20", "steps=30"}, *const bad[] = {"seed=1",
                                                                                 "step=2"};
    refuses_with(LEAST, twice, 2, "kitchen/x.recipe, override 2: steps: found a second time");
    refuses_with(
        LEAST, bad, 2,
        "kitchen/x.recipe, override 2: found the name \"step\", expected a recipe's field; "
        "did you mean steps?");
    static const char *const bare[] = {"steps"};
    refuses_with(LEAST, bare, 1, "override 1: found \"steps\", expected name = value");
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void lines_are_named(void **state)
{
    (void)state;
    refuses(LEAST "steps = abc\n", "kitchen/x.recipe:4: steps: found \"abc\", expected a whole "
                                   "number from 1 to 1000000000");
    refuses(LEAST "\n\nstep = 5",
            "kitchen/x.recipe:6: found the name \"step\", expected a recipe's "
            "field; did you mean steps?");
    refuses(LEAST "kv_heads = 5", "did you mean kv-heads?");
    refuses(LEAST "xyzzyplugh = 5", "found the name \"xyzzyplugh\", expected a recipe's field");
    refuses(LEAST "nothing here", ":4: found \"nothing here\", expected name = value");
    refuses(LEAST "steps = 5\nsteps = 5", ":5: steps: found a second time, expected once (it is in "
                                          "line 4)");
    refuses(LEAST "sample-prompt = \"a", ":4: found no closing \"");
    refuses(LEAST "sample-prompt = \"a\\x\"", ":4: found an unknown escape");
    refuses(LEAST "sample-prompt = \"a\" b", ":4: found \"b\" after the closing \"");
    refuses(LEAST "sample-prompt = \xFF", ":4: found bytes that are no UTF-8");
    refuses(LEAST "sample-prompt = \x01", ":4: found the control character 0x01");
    refuses(LEAST "data = a b.bin", ":4: data: found weight \"b.bin\", expected a number above 0");
    refuses(LEAST "data = a 0", ":4: data: found weight \"0\"");
    refuses(LEAST "data =", ":4: data: found nothing, expected a path");
    refuses(LEAST "schedule = cosin", ":4: schedule: found \"cosin\", expected one of cosine, "
                                      "linear, constant, stable");
    refuses(LEAST "schedule =", ":4: schedule: found nothing, expected one of cosine");
    refuses(LEAST "tied = 1", ":4: tied: found \"1\", expected yes or no");
}

static void required_fields_are_named(void **state)
{
    (void)state;
    refuses("", "kitchen/x.recipe: data: found nothing");
    refuses("data = a", "kitchen/x.recipe: folder: found nothing, expected a line folder = path");
    refuses("data = a\nfolder =", "kitchen/x.recipe:2: folder: found nothing, expected a path");
    refuses("data = a\nfolder = f", "tokenizer: found nothing, expected a path");
}

static void numbers_are_exact(void **state)
{
    (void)state;
    static const char *const wrong[] = {"1.5",
                                        "k",
                                        "-1",
                                        "+1",
                                        "0x10",
                                        "1e3",
                                        "1 0",
                                        "1.2345k",
                                        "1,000",
                                        "1.k",
                                        ".5k",
                                        "1kk",
                                        "1m",
                                        "1.0",
                                        "18446744073709551621",
                                        "18446744073709551615G",
                                        ""};
    static const struct {
        const char *text;
        uint64_t value;
    } right[] = {{"1", 1},           {"007", 7},          {"1k", 1000},
                 {"1.25k", 1250},    {"1.2340k", 1234},   {"0.001M", 1000},
                 {"1G", 1000000000}, {"0.5G", 500000000}, {"12.345M", 12345000}};
    char text[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, LEAST "steps = %s\n", wrong[i]);
        refuses(text, "expected a whole number from 1 to 1000000000");
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        snprintf(text, sizeof text, LEAST "steps = %s\n", right[i].text);
        primer_recipe *r = recipe_of(text);
        assert_true(r->steps == right[i].value);
        primer_recipe_free(r);
    }
    static const char *const reals[] = {"nan", "inf",   "1e999", "1.", ".5",
                                        "1e",  "0x1p3", "1k",    "--1"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        snprintf(text, sizeof text, LEAST "decay = %s\n", reals[i]);
        refuses(text, "expected a number from 0");
    }
}

/* Tries `value` in the field alone, so that only its own bounds speak. */
static bool within(const struct train_recipe_field *field, const char *value)
{
    char text[256];
    primer_recipe *recipe = NULL;
    primer_error error = {0};
    snprintf(text, sizeof text, "%s = %s\n", field->shown.name, value);
    assert_int_not_equal(train_recipe_parse(text, strlen(text), "r", NULL, 0, &recipe, &error),
                         PRIMER_OK);
    return strstr(error.message, field->shown.kind) == NULL;
}

/* The bounds that a kind states are those that hold. */
static void kinds_state_their_bounds(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++) {
        const struct train_recipe_field *f = train_recipe_field_at(i);
        unsigned long long least, most;
        char value[64];
        if (sscanf(f->shown.kind, "whole number from %llu to %llu", &least, &most) == 2) {
            snprintf(value, sizeof value, "%llu", least);
            assert_true(within(f, value));
            snprintf(value, sizeof value, "%llu", most);
            assert_true(within(f, value));
            snprintf(value, sizeof value, "%llu", most + 1);
            assert_false(within(f, value));
            if (least > 0) {
                snprintf(value, sizeof value, "%llu", least - 1);
                assert_false(within(f, value));
            }
        } else if (f->kind == TRAIN_RECIPE_REAL) {
            const bool most_1000 = strcmp(f->shown.kind, "number above 0, at most 1000") == 0;
            const bool above = strcmp(f->shown.kind, "number above 0") == 0 || most_1000;
            const bool to = strcmp(f->shown.kind, "number from 0 to 1") == 0;
            const bool below = strcmp(f->shown.kind, "number from 0 to below 1") == 0;
            assert_true(above || to || below || strcmp(f->shown.kind, "number from 0") == 0);
            assert_int_equal(within(f, "0"), !above);
            assert_int_equal(within(f, "1"), !below);
            assert_int_equal(within(f, "1.5"), !below && !to);
            assert_int_equal(within(f, "1000"), !below && !to);
            assert_int_equal(within(f, "1001"), !below && !to && !most_1000);
            assert_false(within(f, "-1"));
        } else {
            continue;
        }
        tried++;
    }
    assert_true(tried > 30);
}

static void fields_are_held_against_each_other(void **state)
{
    (void)state;
#define MODEL "data = d\nfolder = f\nmodel = m\n"
    refuses(LEAST "heads = 7", ":4: heads: found 7, expected a divisor of embedding, 256");
    refuses(LEAST "kv-heads = 3", ":4: kv-heads: found 3, expected a divisor of heads, 8");
    refuses(LEAST "rotary = 3", ":4: rotary: found 3, expected an even number up to");
    refuses(LEAST "rotary = 34", "expected an even number up to embedding / heads, 32");
    refuses(LEAST "warm-up = 1000", "warm-up: found 1000, expected less than steps, 1000");
    refuses(LEAST "schedule = stable\ndecay-steps = 1001",
            "decay-steps: found 1001, expected at most steps, 1000");
    refuses(LEAST "schedule = stable\ndecay-steps = 900\nwarm-up = 101",
            "warm-up: found 101, expected at most steps - decay-steps, 100");
    refuses(LEAST "decay-steps = 5", "decay-steps: found it without schedule = stable");
    refuses(LEAST "schedule = constant\nfinal-rate = 0", "final-rate: found it beside schedule");
    refuses(LEAST "rate = 1e-4\nfinal-rate = 1e-3",
            "final-rate: found 0.001, expected at most rate");
    refuses(LEAST "length = 513", "length: found 513, expected at most context, 512");
    refuses(LEAST "tied = yes", "tied: found yes with architecture phi2, expected llama");
    refuses(LEAST "mix = 0.5", "mix: found it without teacher");
    refuses(LEAST "temperature = 2", "temperature: found it without teacher");
    refuses(LEAST "lora-alpha = 2", "lora-alpha: found it without lora-rank");
    refuses(LEAST "lora-rank = 2", "lora-rank: found 2 without model");
    refuses(MODEL "lora-rank = 2\nlora-targets = a,,b", "lora-targets: found \"a,,b\"");
    refuses(MODEL "layers = 2", ":4: layers: found it beside model");
    refuses(MODEL "tokenizer = t", ":4: tokenizer: found it beside model");
    refuses(MODEL "lora-rank = 2\noutput-type = F32", ":5: output-type: found it beside lora-rank");
    refuses(LEAST "batch = 65536\ncontext = 1M\nlength = 1025", "batch: found 67174400 tokens of");
    refuses(LEAST "batch = 65536\naccumulate = 129",
            "accumulate: found 4328521728 tokens of batch * length * accumulate");
    primer_recipe *r = recipe_of(MODEL "teacher = t\nmix = 1\ntemperature = 2\nlora-rank = 4\n"
                                       "lora-alpha = 3\nlora-targets = attn_q,attn_v\n");
    assert_true(r->mix == 1 && r->temperature == 2 && r->lora_rank == 4 && r->lora_alpha == 3);
    primer_recipe_free(r);
}

static void too_many_sources_are_refused(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "folder = f\ntokenizer = t\n", NULL);
    for (size_t i = 0; i < PRIMER_RECIPE_SOURCES_MOST; i++)
        buffer_format(&text, NULL, "data = d%zu\n", i);
    primer_recipe *r = recipe_of(text.bytes);
    assert_int_equal(r->source_count, PRIMER_RECIPE_SOURCES_MOST);
    assert_string_equal(r->sources[63].path, "kitchen/d63");
    primer_recipe_free(r);
    buffer_text(&text, "data = one-more\n", NULL);
    refuses(text.bytes, ":67: data: found one more, expected at most 64");
    buffer_free(&text);
}

static void memory_runs_out(void **state)
{
    (void)state;
    static const char text[] = LEAST "evaluate = e\noutput = \"o\"\nmodel =\n";
    static const char *const overrides[] = {"data=x", "sample-prompt=y"};
    size_t failures = 0;
    for (size_t n = 0;; n++) {
        primer_recipe *recipe = NULL;
        primer_error error = {0};
        memory_fail_at(n);
        const primer_status status =
            train_recipe_parse(text, strlen(text), "k/r", overrides, 2, &recipe, &error);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK) {
            primer_recipe_free(recipe);
            break;
        }
        assert_int_equal(status, PRIMER_ENOMEM);
        assert_null(recipe);
        failures++;
    }
    assert_true(failures > 10);
}

static void files_are_read(void **state)
{
    (void)state;
    char path[] = "/tmp/test_recipe_XXXXXX", expected[64];
    primer_recipe *r = NULL;
    primer_error error = {0};
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, LEAST, strlen(LEAST)), strlen(LEAST));
    close(descriptor);
    assert_int_equal(primer_recipe_read(path, NULL, 0, &r, &error), PRIMER_OK);
    assert_string_equal(r->folder, "/tmp/out");
    primer_recipe_free(r);
    r = NULL;
    unlink(path);
    assert_int_equal(primer_recipe_read(path, NULL, 0, &r, &error), PRIMER_EIO);
    snprintf(expected, sizeof expected, "%s", path);
    assert_non_null(strstr(error.message, expected));
    assert_null(r);
}

/* ---- identity -------------------------------------------------------------------------------- */

static uint64_t hash_with(const char *text, const char *override)
{
    primer_recipe *recipe = recipe_with(text, &override, override != NULL ? 1 : 0);
    const uint64_t hash = train_recipe_hash(recipe);
    primer_recipe_free(recipe);
    return hash;
}

/* Every field says whether it changes the bits; the hash follows each. */
static void identity_follows_the_bits(void **state)
{
    (void)state;
    static const char tuned[] = "model = m\nteacher = t\nlora-rank = 2\ndata = d\nfolder = f\n"
                                "schedule = stable\n";
    static const char *const same[] = {
        "folder=other",       "output=o.gguf",   "log-every=3",     "evaluate-every=3",
        "checkpoint-every=3", "sample-every=3",  "evaluate-rows=3", "keep=3",
        "sample-prompt=x",    "sample-tokens=3", "evaluate=e.bin",  "recompute=yes",
        "data=elsewhere/d 1", "mix=0.50"};
    static const char *const other[] = {"data=e",
                                        "data=d 2",
                                        "model=n",
                                        "teacher=u",
                                        "template=chatml",
                                        "whole=yes",
                                        "batch=8",
                                        "accumulate=2",
                                        "length=256",
                                        "steps=2000",
                                        "seed=1",
                                        "rate=1e-4",
                                        "final-rate=0",
                                        "schedule=cosine",
                                        "warm-up=1",
                                        "decay-steps=2",
                                        "beta-1=0.8",
                                        "beta-2=0.9",
                                        "epsilon=1e-7",
                                        "decay=0",
                                        "clip=0",
                                        "dropout=0.1",
                                        "precision=bf16",
                                        "temperature=2",
                                        "mix=0.25",
                                        "lora-rank=3",
                                        "lora-alpha=1",
                                        "lora-dropout=0.1",
                                        "lora-targets=attn_q"};
    static const char *const shape[] = {"architecture=llama",
                                        "layers=9",
                                        "embedding=512",
                                        "heads=4",
                                        "kv-heads=4",
                                        "feed-forward=999",
                                        "rotary=8",
                                        "context=1k",
                                        "initial-deviation=0.1",
                                        "tokenizer=u"};
    const uint64_t mine = hash_with(tuned, NULL), fresh = hash_with(LEAST, NULL);
    size_t changing = 0;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (hash_with(tuned, same[i]) != mine)
            fail_msg("%s changed the identity", same[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (hash_with(tuned, other[i]) == mine)
            fail_msg("%s left the identity", other[i]);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (hash_with(LEAST, shape[i]) == fresh)
            fail_msg("%s left the identity", shape[i]);
    assert_true(hash_with(LEAST, "output-type=F32") == fresh);
    assert_true(hash_with(LEAST "architecture = llama\n", "tied=yes") !=
                hash_with(LEAST "architecture = llama\n", NULL));
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++)
        changing += train_recipe_field_at(i)->identity;
    /* Each identity field was tried once: tied, and data of `other` twice. */
    assert_int_equal(changing, sizeof other / sizeof *other - 1 + sizeof shape / sizeof *shape + 1);

    /* What has no last step can go on. */
    assert_true(hash_with(LEAST "schedule = constant\nwarm-up = 5\n", "steps=2k") ==
                hash_with(LEAST "schedule = constant\nwarm-up = 5\n", NULL));
}

/* ---- the table, the document ----------------------------------------------------------------- */

static void the_table_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; primer_recipe_field_at(i) != NULL; i++) {
        const primer_recipe_field *f = primer_recipe_field_at(i);
        const struct train_recipe_field *row = train_recipe_field_at(i);
        assert_true(*f->name != '\0' && *f->kind != '\0' && *f->standard != '\0' &&
                    *f->about != '\0');
        assert_int_equal(strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(f->name));
        assert_int_equal(train_recipe_field_of(row->offset), i);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(f->name, primer_recipe_field_at(j)->name);
    }
    assert_true(train_recipe_field_of(sizeof(primer_recipe)) == SIZE_MAX);
}

/* docs/recipes.md has each field's row, and no other. */
static void the_document_has_every_field(void **state)
{
    (void)state;
    struct buffer text = {0}, row = {0}, missing = {0};
    size_t fields = 0, rows = 0;
    assert_int_equal(file_read("docs/recipes.md", 1 << 20, &text, NULL), PRIMER_OK);
    for (; primer_recipe_field_at(fields) != NULL; fields++) {
        const primer_recipe_field *f = primer_recipe_field_at(fields);
        buffer_clear(&row);
        buffer_format(&row, NULL, "| `%s` | %s | %s | %s |\n", f->name, f->kind, f->standard,
                      f->about);
        if (strstr(text.bytes, row.bytes) == NULL)
            buffer_text(&missing, row.bytes, NULL);
    }
    for (const char *at = text.bytes; (at = strstr(at, "\n| `")) != NULL; at++)
        rows++;
    if (missing.length > 0)
        fail_msg("docs/recipes.md lacks:\n%s", missing.bytes);
    assert_int_equal(rows, fields);
    buffer_free(&text);
    buffer_free(&row);
    buffer_free(&missing);
}

/* Each example of the document is a recipe. */
static void the_documents_examples_are_read(void **state)
{
    (void)state;
    static const char begin[] = "```recipe\n", end[] = "```";
    struct buffer text = {0};
    size_t examples = 0;
    assert_int_equal(file_read("docs/recipes.md", 1 << 20, &text, NULL), PRIMER_OK);
    for (const char *at = text.bytes; (at = strstr(at, begin)) != NULL; examples++) {
        at += strlen(begin);
        primer_recipe *recipe = NULL;
        primer_error error = {0};
        if (train_recipe_parse(at, (size_t)(strstr(at, end) - at), "docs/x", NULL, 0, &recipe,
                               &error) != PRIMER_OK)
            fail_msg("example %zu: %s", examples + 1, error.message);
        primer_recipe_free(recipe);
    }
    assert_true(examples >= 3);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(comments_begin_after_a_blank),
        cmocka_unit_test(paths_without_a_folder_stay),
        cmocka_unit_test(standards_follow),
        cmocka_unit_test(overrides_replace_lines),
        cmocka_unit_test(lines_are_named),
        cmocka_unit_test(required_fields_are_named),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(kinds_state_their_bounds),
        cmocka_unit_test(fields_are_held_against_each_other),
        cmocka_unit_test(too_many_sources_are_refused),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(identity_follows_the_bits),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(the_document_has_every_field),
        cmocka_unit_test(the_documents_examples_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
