/* pattern.c - patterns by name, their stages, and the run over a text. See pattern.h.
 *
 *   name (tokenizer.ggml.pre) -> row -> recipe: up to four stages
 *
 * The expressions are those of the models' tokenizer.json ("default", what a GGUF without a name
 * means, is llama.cpp's); white space is spelled out as Unicode's
 * White_Space, which PCRE2's \s isn't quite (it has U+180E).
 */
#include "tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include "base/memory.h"

#define WHITE "\\t-\\r \\x{85}\\p{Z}" /* inside [] */
#define REST  "[" WHITE "]+(?![^" WHITE "])|[" WHITE "]+"
#define CASED "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
#define SHORT "(?:'[sStTmMdD]|'[rR][eE]|'[vV][eE]|'[lL][lL])?"
#define LEAD  "[^\\r\\n\\p{L}\\p{N}]?"

struct step {
    scan_function *scan;
    const char *expression;
};

struct recipe {
    struct step steps[PATTERN_STAGES];
};

static const struct recipe gpt2 = {{{scan_gpt2, NULL}}};
static const struct recipe llama3 = {{{scan_llama3, NULL}}};
static const struct recipe qwen2 = {{{scan_qwen2, NULL}}};
static const struct recipe starcoder = {{{scan_numbers, NULL}, {scan_gpt2, NULL}}};
static const struct recipe falcon = {
    {{NULL, "[\\p{P}$+<=>^~|`]+"}, {scan_gpt2, NULL}, {NULL, "[0-9][0-9][0-9]"}}};
static const struct recipe fallback = {
    {{NULL, "[\\p{P}$+<=>^~|]+"}, {scan_gpt2, NULL}, {NULL, "\\p{N}+"}, {NULL, "[0-9][0-9][0-9]"}}};
static const struct recipe gpt4o = {
    {{NULL, LEAD CASED SHORT "|" LEAD UPPER SHORT "|\\p{N}{1,3}| ?[^" WHITE
                             "\\p{L}\\p{N}]+[\\r\\n/]*|[" WHITE "]*[\\r\\n]+|" REST}}};
static const struct recipe tekken = {
    {{NULL, LEAD CASED "|" LEAD UPPER "|\\p{N}| ?[^" WHITE "\\p{L}\\p{N}]+[\\r\\n/]*|[" WHITE
                       "]*[\\r\\n]+|" REST}}};

struct row {
    const char *name;
    const struct recipe *recipe;
    struct pattern_habits habits;
};

static const struct row rows[] = {
    {"gpt-2", &gpt2, {false, false}},
    {"phi-2", &gpt2, {false, false}},
    {"mpt", &gpt2, {false, false}},
    {"olmo", &gpt2, {false, false}},
    {"jais", &gpt2, {false, false}},
    {"exaone4", &gpt2, {false, false}},
    {"trillion", &gpt2, {false, false}},
    {"mellum", &gpt2, {false, false}},
    {"granite-docling", &gpt2, {false, false}},
    {"modern-bert", &gpt2, {false, false}},
    {"roberta-bpe", &gpt2, {false, false}},
    {"starcoder", &starcoder, {false, false}},
    {"refact", &starcoder, {false, false}},
    {"command-r", &starcoder, {false, false}},
    {"smollm", &starcoder, {false, false}},
    {"codeshell", &starcoder, {false, false}},
    {"exaone", &starcoder, {false, false}},
    {"minerva-7b", &starcoder, {false, false}},
    {"llama-bpe", &llama3, {true, true}},
    {"llama3", &llama3, {true, true}},
    {"llama-v3", &llama3, {true, true}},
    {"falcon3", &llama3, {true, true}},
    {"falcon-h1", &llama3, {true, true}},
    {"pixtral", &llama3, {true, true}},
    {"lfm2", &llama3, {true, true}},
    {"dbrx", &llama3, {false, false}},
    {"smaug-bpe", &llama3, {false, false}},
    {"chatglm-bpe", &llama3, {false, false}},
    {"glm4", &llama3, {false, false}},
    {"qwen2", &qwen2, {false, false}},
    {"deepseek-r1-qwen", &qwen2, {false, false}},
    {"stablelm2", &qwen2, {false, false}},
    {"megrez", &qwen2, {false, false}},
    {"hunyuan", &qwen2, {false, false}},
    {"falcon", &falcon, {false, false}},
    {"gpt-4o", &gpt4o, {false, false}},
    {"llama4", &gpt4o, {false, false}},
    {"kanana2", &gpt4o, {false, false}},
    {"tekken", &tekken, {true, true}},
    {"default", &fallback, {false, false}},
};

/* Expressions as tokenizer.json files write them, and the scanner that does the same. */
static const struct step known[] = {
    {scan_gpt2,
     "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {scan_gpt2, "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {scan_llama3, "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    {scan_qwen2, "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                 "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    {scan_numbers, "\\p{N}"},
};

/* ---- making ---- */

static void *pcre_allocate(size_t size, void *context)
{
    (void)context;
    return memory_allocate(1, size);
}

static void pcre_free(void *block, void *context)
{
    (void)context;
    memory_free(block);
}

static primer_status add_stage(struct pattern *pattern, struct pattern_stage stage,
                               primer_error *error)
{
    if (pattern->count == PATTERN_STAGES)
        return error_set(error, PRIMER_EUNSUPPORTED, "a pattern of more than %d stages",
                         PATTERN_STAGES);
    pattern->stages[pattern->count++] = stage;
    return PRIMER_OK;
}

primer_status pattern_add_scan(struct pattern *pattern, scan_function *scan, primer_error *error)
{
    return add_stage(pattern, (struct pattern_stage){scan, NULL}, error);
}

static primer_status compile(struct pattern *pattern, const char *expression, size_t length,
                             primer_error *error)
{
    if (pattern->memory == NULL)
        pattern->memory = pcre2_general_context_create(pcre_allocate, pcre_free, NULL);
    pcre2_compile_context *const context =
        pattern->memory == NULL ? NULL : pcre2_compile_context_create(pattern->memory);
    if (context == NULL)
        return memory_failure(error, "a pattern", length);
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_set_parens_nest_limit(context, 50);
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)expression, length,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    pcre2_compile_context_free(context);
    if (compiled == NULL) {
        char reason[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        const primer_status status =
            code == PCRE2_ERROR_HEAP_FAILED ? PRIMER_ENOMEM : PRIMER_EFORMAT;
        return error_set(error, status, "pattern, offset %zu: %s", (size_t)at, reason);
    }
    /* Where the system forbids made code the interpreter runs instead. */
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    const primer_status status = add_stage(pattern, (struct pattern_stage){NULL, compiled}, error);
    if (status != PRIMER_OK)
        pcre2_code_free(compiled);
    return status;
}

primer_status pattern_add_expression(struct pattern *pattern, const char *expression, size_t length,
                                     primer_error *error)
{
    if (length > PATTERN_LENGTH_MOST)
        return error_set(error, PRIMER_ELIMIT, "a pattern of %zu bytes: at most %d", length,
                         PATTERN_LENGTH_MOST);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].expression) == length &&
            memcmp(known[i].expression, expression, length) == 0)
            return pattern_add_scan(pattern, known[i].scan, error);
    }
    return compile(pattern, expression, length, error);
}

primer_status pattern_named(struct pattern *pattern, const char *name, size_t length,
                            struct pattern_habits *habits, primer_error *error)
{
    const struct row *row = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            row = &rows[i];
    }
    if (row == NULL) {
        char shown[64];
        return error_set(error, PRIMER_EUNSUPPORTED, "unknown pre-tokenizer '%s'",
                         error_printable(name, length, shown, sizeof shown));
    }
    for (size_t i = 0; i < PATTERN_STAGES; i++) {
        const struct step *const step = &row->recipe->steps[i];
        if (step->scan != NULL)
            FORWARD(pattern_add_scan(pattern, step->scan, error));
        else if (step->expression != NULL)
            FORWARD(compile(pattern, step->expression, strlen(step->expression), error));
    }
    *habits = row->habits;
    return PRIMER_OK;
}

void pattern_free(struct pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        pcre2_code_free(pattern->stages[i].expression);
    pcre2_general_context_free(pattern->memory);
    *pattern = (struct pattern){0};
}

/* ---- cutting ---- */

enum { JIT_STACK_LEAST = 32 * 1024, JIT_STACK_MOST = 1024 * 1024, MATCH_STEPS = 1000000 };

struct run {
    const struct pattern *pattern;
    const struct unicode_class_map *map;
    const char *text_end;
    pattern_piece *piece;
    void *context;
    pcre2_match_data *match;
    pcre2_match_context *match_context;
    pcre2_jit_stack *stack;
};

static primer_status cut(struct run *run, size_t stage, const char *text, size_t length,
                         primer_error *error);

/* The end of the run of well-formed (or not) characters that starts at text[at]. */
static size_t run_end(const char *text, size_t length, size_t at, bool *valid)
{
    uint32_t code_point;
    size_t taken = utf8_decode(text + at, length - at, &code_point);
    *valid = taken > 0;
    while (at < length && (taken > 0) == *valid) {
        at += taken > 0 ? taken : 1;
        taken = utf8_decode(text + at, length - at, &code_point);
    }
    return at;
}

/* The next non-empty match in text[at..): *begin == length where there is none. */
static primer_status next_match(struct run *run, const pcre2_code *code, const char *text,
                                size_t length, size_t at, size_t *begin, size_t *end,
                                primer_error *error)
{
    *begin = *end = length;
    if (at >= length)
        return PRIMER_OK;
    const int found =
        pcre2_match(code, (PCRE2_SPTR)text, length, at, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
                    run->match, run->match_context);
    if (found == PCRE2_ERROR_NOMATCH)
        return PRIMER_OK;
    if (found < 0) {
        char reason[128];
        pcre2_get_error_message(found, (PCRE2_UCHAR *)reason, sizeof reason);
        return error_set(error, PRIMER_ELIMIT, "the tokenizer's pattern gave up on this text: %s",
                         reason);
    }
    const PCRE2_SIZE *const bounds = pcre2_get_ovector_pointer(run->match);
    if (bounds[0] < at || bounds[1] <= bounds[0] || bounds[1] > length) /* \K can do that */
        return error_set(error, PRIMER_EUNSUPPORTED, "the tokenizer's pattern moves backwards");
    *begin = bounds[0];
    *end = bounds[1];
    return PRIMER_OK;
}

static primer_status cut_by_expression(struct run *run, size_t stage, const char *text,
                                       size_t length, primer_error *error)
{
    const pcre2_code *const code = run->pattern->stages[stage].expression;
    for (size_t start = 0; start < length;) {
        bool valid;
        const size_t stop = run_end(text, length, start, &valid);
        if (!valid) {
            FORWARD(cut(run, stage + 1, text + start, stop - start, error));
            start = stop;
            continue;
        }
        for (size_t at = start; at < stop;) {
            size_t begin, end;
            FORWARD(
                next_match(run, code, text + start, stop - start, at - start, &begin, &end, error));
            if (start + begin > at)
                FORWARD(cut(run, stage + 1, text + at, start + begin - at, error));
            if (end > begin)
                FORWARD(cut(run, stage + 1, text + start + begin, end - begin, error));
            at = start + end;
        }
        start = stop;
    }
    return PRIMER_OK;
}

static primer_status cut(struct run *run, size_t stage, const char *text, size_t length,
                         primer_error *error)
{
    if (stage == run->pattern->count)
        return run->piece(run->context, text, length, (size_t)(run->text_end - text), error);
    scan_function *const scan = run->pattern->stages[stage].scan;
    if (scan == NULL)
        return cut_by_expression(run, stage, text, length, error);
    for (size_t at = 0; at < length;) {
        const size_t end = scan(run->map, text, length, at);
        FORWARD(cut(run, stage + 1, text + at, end - at, error));
        at = end;
    }
    return PRIMER_OK;
}

static primer_status prepare(struct run *run, primer_error *error)
{
    pcre2_general_context *const memory = run->pattern->memory;
    if (memory == NULL)
        return PRIMER_OK;
    run->match = pcre2_match_data_create(1, memory);
    run->match_context = pcre2_match_context_create(memory);
    run->stack = pcre2_jit_stack_create(JIT_STACK_LEAST, JIT_STACK_MOST, memory);
    if (run->match == NULL || run->match_context == NULL || run->stack == NULL)
        return memory_failure(error, "matching a pattern", JIT_STACK_LEAST);
    pcre2_jit_stack_assign(run->match_context, NULL, run->stack);
    pcre2_set_match_limit(run->match_context, MATCH_STEPS);
    return PRIMER_OK;
}

primer_status pattern_split(const struct pattern *pattern, const struct unicode_class_map *map,
                            const char *text, size_t length, pattern_piece *piece, void *context,
                            primer_error *error)
{
    struct run run = {.pattern = pattern,
                      .map = map,
                      .text_end = text + length,
                      .piece = piece,
                      .context = context};
    primer_status status = prepare(&run, error);
    if (status == PRIMER_OK)
        status = cut(&run, 0, text, length, error);
    pcre2_jit_stack_free(run.stack);
    pcre2_match_context_free(run.match_context);
    pcre2_match_data_free(run.match);
    return status;
}
