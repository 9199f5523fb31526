/* bpe_train_pattern.c - the cut of a trained tokenizer, and its names. See bpe_train_pattern.h. */
#include "tokenizer/bpe_train_pattern.h"

#include <string.h>
#include "base/memory.h"

/* Llama-3's expression, and Qwen-2's, around how many digits are a piece. */
#define MODERN_LEFT  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define MODERN_RIGHT "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const char llama3[] = MODERN_LEFT "\\p{N}{1,3}" MODERN_RIGHT;
static const char qwen2[] = MODERN_LEFT "\\p{N}" MODERN_RIGHT;

/* A name is of lower-case letters, digits and hyphens; no expression that cuts words is. */
static bool is_name(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static enum bpe_train_family family_of(const struct pattern *pattern)
{
    const struct pattern_stage *const stages = pattern->stages;
    if (pattern->count == 1 && stages[0].scan == scan_gpt2)
        return BPE_TRAIN_GPT2;
    if (pattern->count == 2 && stages[0].scan == scan_numbers && stages[1].scan == scan_gpt2)
        return BPE_TRAIN_GPT2_DIGITS;
    if (pattern->count == 1 && stages[0].scan == scan_llama3)
        return BPE_TRAIN_LLAMA3;
    if (pattern->count == 1 && stages[0].scan == scan_qwen2)
        return BPE_TRAIN_LLAMA3_DIGIT;
    return BPE_TRAIN_NAMED;
}

static primer_status take_name(struct bpe_train_pattern *made, const char *name,
                               primer_error *error)
{
    struct pattern_habits habits;
    pattern_free(&made->pattern);
    FORWARD(pattern_named(&made->pattern, name, strlen(name), &habits, error));
    made->family = family_of(&made->pattern);
    if (strlen(name) >= sizeof made->name)
        return error_set(error, PRIMER_ELIMIT, "pattern: the name '%s' is too long", name);
    memcpy(made->name, name, strlen(name) + 1);
    return PRIMER_OK;
}

static primer_status take_expression(struct bpe_train_pattern *made, const char *expression,
                                     bool split_digits, primer_error *error)
{
    static const char *const names[] = {[BPE_TRAIN_GPT2] = "gpt-2",
                                        [BPE_TRAIN_GPT2_DIGITS] = "starcoder",
                                        [BPE_TRAIN_LLAMA3] = "llama-bpe",
                                        [BPE_TRAIN_LLAMA3_DIGIT] = "qwen2"};
    if (split_digits)
        FORWARD(pattern_add_scan(&made->pattern, scan_numbers, error));
    FORWARD(pattern_add_expression(&made->pattern, expression, strlen(expression), error));
    const enum bpe_train_family family = family_of(&made->pattern);
    if (family != BPE_TRAIN_NAMED)
        return take_name(made, names[family], error);
    made->family = BPE_TRAIN_EXPRESSION;
    made->expression = expression;
    made->split_digits = split_digits;
    return PRIMER_OK;
}

primer_status bpe_train_pattern_create(struct bpe_train_pattern *made, const char *wanted,
                                       bool split_digits, primer_error *error)
{
    if (wanted == NULL)
        wanted = "gpt-2";
    if (*wanted == '\0')
        return error_set(error, PRIMER_EINVAL,
                         "pattern: found \"\", expected a name or an expression");
    if (!is_name(wanted)) {
        FORWARD(take_expression(made, wanted, split_digits, error));
        made->parts = made->family != BPE_TRAIN_EXPRESSION;
        return PRIMER_OK;
    }
    FORWARD(take_name(made, wanted, error));
    made->parts = true;
    const bool splits = made->family == BPE_TRAIN_GPT2_DIGITS ||
                        made->family == BPE_TRAIN_LLAMA3_DIGIT || strcmp(wanted, "tekken") == 0;
    if (!split_digits || splits)
        return PRIMER_OK;
    if (made->family == BPE_TRAIN_NAMED)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "pattern '%s' has no name with each digit alone; gpt-2 and llama-bpe "
                         "(starcoder and qwen2) have",
                         wanted);
    return take_name(made, made->family == BPE_TRAIN_GPT2 ? "starcoder" : "qwen2", error);
}

void bpe_train_pattern_free(struct bpe_train_pattern *made)
{
    pattern_free(&made->pattern);
    *made = (struct bpe_train_pattern){0};
}

primer_status bpe_train_pattern_check(const struct bpe_train_pattern *made, bool json,
                                      primer_error *error)
{
    if (json && made->family == BPE_TRAIN_NAMED)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "pattern '%s' can be written to a GGUF alone (a file named .gguf): a "
                         "tokenizer.json takes an expression",
                         made->name);
    if (!json && made->family == BPE_TRAIN_EXPRESSION)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "an expression of one's own can be written to a tokenizer.json alone (a "
                         "file named .json): a GGUF takes a name, such as gpt-2 or llama-bpe");
    return PRIMER_OK;
}

static primer_status write_split(struct buffer *out, const char *expression, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"type\":\"Split\",\"pattern\":{\"Regex\":", error));
    FORWARD(buffer_json_string(out, expression, strlen(expression), error));
    return buffer_text(out, "},\"behavior\":\"Isolated\",\"invert\":false},", error);
}

primer_status bpe_train_pattern_json(const struct bpe_train_pattern *made, struct buffer *out,
                                     primer_error *error)
{
    static const char bytes[] = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                                "\"trim_offsets\":true,\"use_regex\":%s}";
    if (made->family == BPE_TRAIN_GPT2)
        return buffer_format(out, error, bytes, "true");
    FORWARD(buffer_text(out, "{\"type\":\"Sequence\",\"pretokenizers\":[", error));
    if (made->family == BPE_TRAIN_GPT2_DIGITS || made->split_digits)
        FORWARD(buffer_text(out, "{\"type\":\"Digits\",\"individual_digits\":true},", error));
    if (made->family == BPE_TRAIN_LLAMA3 || made->family == BPE_TRAIN_LLAMA3_DIGIT)
        FORWARD(write_split(out, made->family == BPE_TRAIN_LLAMA3 ? llama3 : qwen2, error));
    if (made->family == BPE_TRAIN_EXPRESSION)
        FORWARD(write_split(out, made->expression, error));
    FORWARD(
        buffer_format(out, error, bytes, made->family == BPE_TRAIN_GPT2_DIGITS ? "true" : "false"));
    return buffer_text(out, "]}", error);
}
