/* make_model.c - the generator of random models as a program; options as in model_maker.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_adapter.h"
#include "model_maker.h"
#include "model_set.h"

static const char USAGE[] =
    "usage: make-model OUT [options]    writes one GGUF with random weights\n"
    "       make-model --all DIR        one small model of every architecture, RoPE kind and type\n"
    "       make-model --adapter MODEL OUT RANK SEED    a random LoRA adapter for a model\n"
    "\n"
    "  --shape phi2|phi1|tiny   sizes of a known model, before the options that follow\n"
    "  --arch phi2|llama  --type Q4_0|...  --output-type T  --mix (type is a target, as Q4_K_M)\n"
    "  --layers N --dim N --heads N --kv-heads N --head-dim N --ffn N --vocab N --context N\n"
    "  --rotary N --rope neox|norm|linear:F|factors --window N --tied --bias\n"
    "  --split-qkv | --fused-qkv  --tokenizer bpe|spm|PATH.gguf  --seed N\n";

struct flag {
    const char *name;
    size_t offset; /* into the options */
    enum { TEXT, SIZE, SEED, YES, NO } kind;
};

#define AT(field) offsetof(struct model_maker_options, field)
static const struct flag FLAGS[] = {
    {"--arch", AT(architecture), TEXT},
    {"--type", AT(type), TEXT},
    {"--output-type", AT(output_type), TEXT},
    {"--mix", AT(mix), YES},
    {"--layers", AT(layers), SIZE},
    {"--dim", AT(dimension), SIZE},
    {"--heads", AT(heads), SIZE},
    {"--kv-heads", AT(kv_heads), SIZE},
    {"--head-dim", AT(head_dimension), SIZE},
    {"--ffn", AT(ffn), SIZE},
    {"--vocab", AT(vocabulary), SIZE},
    {"--context", AT(context), SIZE},
    {"--rotary", AT(rotary), SIZE},
    {"--rope", AT(rope), TEXT},
    {"--window", AT(window), SIZE},
    {"--tied", AT(tied), YES},
    {"--bias", AT(bias), YES},
    {"--split-qkv", AT(split_qkv), YES},
    {"--fused-qkv", AT(split_qkv), NO},
    {"--tokenizer", AT(tokenizer), TEXT},
    {"--seed", AT(seed), SEED},
};

static int usage(const char *complaint, const char *what)
{
    if (complaint)
        fprintf(stderr, "make-model: %s '%s'\n\n", complaint, what);
    fputs(USAGE, stderr);
    return 2;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *value = strtoull(text, &end, 10);
    return *end == '\0' && *value <= UINT32_MAX;
}

/* Sets one option; *used is how many arguments it took. */
static bool apply(struct model_maker_options *options, char **arguments, int left, int *used)
{
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        void *field = (char *)options + FLAGS[i].offset;
        if (strcmp(FLAGS[i].name, arguments[0]) != 0)
            continue;
        bool takes = FLAGS[i].kind != YES && FLAGS[i].kind != NO;
        *used = takes ? 2 : 1;
        if (takes && left < 2)
            return false;
        if ((FLAGS[i].kind == SIZE || FLAGS[i].kind == SEED) && !number(arguments[1], &value))
            return false;
        switch (FLAGS[i].kind) {
        case YES: *(bool *)field = true; return true;
        case NO: *(bool *)field = false; return true;
        case TEXT: *(const char **)field = arguments[1]; return true;
        case SIZE: *(size_t *)field = (size_t)value; return true;
        case SEED: *(uint64_t *)field = value; return true;
        }
    }
    return false;
}

/* MODEL OUT RANK SEED */
static int make_adapter(char **arguments)
{
    primer_error error = {0};
    uint64_t rank = 0, seed = 0;
    if (!number(arguments[2], &rank) || rank == 0 || !number(arguments[3], &seed))
        return usage("no good rank or seed:", arguments[2]);
    if (model_adapter_write(arguments[0], arguments[1], (size_t)rank, seed, &error) == PRIMER_OK)
        return 0;
    fprintf(stderr, "make-model: %s\n", error.message);
    return 1;
}

static void say(void *context, const char *path)
{
    (void)context;
    puts(path);
}

static int failed(const primer_error *error)
{
    fprintf(stderr, "make-model: %s\n", error->message);
    return 1;
}

int main(int count, char **arguments)
{
    struct model_maker_options options = {.seed = 1};
    primer_error error = {0};
    const char *out = NULL;
    if (count == 3 && strcmp(arguments[1], "--all") == 0)
        return model_set_write(arguments[2], say, NULL, &error) == PRIMER_OK ? 0 : failed(&error);
    if (count == 6 && strcmp(arguments[1], "--adapter") == 0)
        return make_adapter(arguments + 2);
    for (int i = 1, used = 1; i < count; i += used) {
        used = 1;
        if (arguments[i][0] != '-') {
            if (out)
                return usage("a second file", arguments[i]);
            out = arguments[i];
        } else if (strcmp(arguments[i], "--shape") == 0 && i + 1 < count) {
            used = 2;
            if (model_maker_shape(&options, arguments[i + 1], &error) != PRIMER_OK)
                return failed(&error);
        } else if (!apply(&options, arguments + i, count - i, &used)) {
            return usage("no such option, or no good value for it:", arguments[i]);
        }
    }
    if (!out)
        return usage(NULL, NULL);
    return model_maker_write(&options, out, &error) == PRIMER_OK ? 0 : failed(&error);
}
