/* train_recipe_fields.c - every field of a recipe, in the order of help and docs/recipes.md.
 *
 * A row's kind is text for people and states the bounds, which stand beside it as numbers;
 * tests/train/test_recipe.c tries them.
 */
#include "train/train_recipe.h"

#include <math.h>

#define STANDARD TRAIN_RECIPE_STANDARD
#define OPEN     TRAIN_RECIPE_OPEN
#define SAME     false /* the run's bits don't depend on it */
#define IDENTITY true

#define AT(field_) .offset = offsetof(primer_recipe, field_)
#define TEXT(name_, field_, need_, standard_, identity_, about_)                                   \
    {                                                                                              \
        .shown = {name_, "text", standard_, about_}, .kind = TRAIN_RECIPE_TEXT, .need = need_,     \
        .identity = identity_, AT(field_)                                                          \
    }
#define PATH(name_, field_, need_, standard_, identity_, about_)                                   \
    {                                                                                              \
        .shown = {name_, "path", standard_, about_}, .kind = TRAIN_RECIPE_PATH, .need = need_,     \
        .identity = identity_, AT(field_)                                                          \
    }
#define CHOICE(name_, field_, choices_, standard_, identity_, about_)                              \
    {                                                                                              \
        .shown = {name_, "one of " choices_, standard_, about_}, .kind = TRAIN_RECIPE_CHOICE,      \
        .need = STANDARD, .identity = identity_, AT(field_), .choices = choices_                   \
    }
#define WHOLE(kind_, name_, field_, least_, most_, need_, standard_, identity_, about_)            \
    {                                                                                              \
        .shown = {name_, "whole number from " #least_ " to " #most_, standard_, about_},           \
        .kind = kind_, .need = need_, .identity = identity_, AT(field_), .least = least_,          \
        .most = most_                                                                              \
    }
#define SIZE(...)  WHOLE(TRAIN_RECIPE_SIZE, __VA_ARGS__)
#define COUNT(...) WHOLE(TRAIN_RECIPE_COUNT, __VA_ARGS__)
#define REAL(name_, field_, kind_, low_, above_, high_, below_, need_, standard_, about_)          \
    {                                                                                              \
        .shown = {name_, kind_, standard_, about_}, .kind = TRAIN_RECIPE_REAL, .need = need_,      \
        .identity = IDENTITY, AT(field_), .low = low_, .above = above_, .high = high_,             \
        .below = below_                                                                            \
    }
#define ABOVE_ZERO(name_, field_, need_, standard_, about_)                                        \
    REAL(name_, field_, "number above 0", 0, true, HUGE_VAL, true, need_, standard_, about_)
#define FROM_ZERO(name_, field_, standard_, about_)                                                \
    REAL(name_, field_, "number from 0", 0, false, HUGE_VAL, true, STANDARD, standard_, about_)
#define BELOW_ONE(name_, field_, standard_, about_)                                                \
    REAL(name_, field_, "number from 0 to below 1", 0, false, 1, true, STANDARD, standard_, about_)
#define FLAG(name_, field_, standard_, identity_, about_)                                          \
    {                                                                                              \
        .shown = {name_, "yes or no", standard_, about_}, .kind = TRAIN_RECIPE_FLAG,               \
        .need = STANDARD, .identity = identity_, AT(field_)                                        \
    }
#define SOURCE(name_, field_, count_, need_, standard_, identity_, about_)                         \
    {                                                                                              \
        .shown = {name_, "path, weight", standard_, about_}, .kind = TRAIN_RECIPE_SOURCE,          \
        .need = need_, .identity = identity_, AT(field_),                                          \
        .count_offset = offsetof(primer_recipe, count_)                                            \
    }

static const struct train_recipe_field table[] = {
    PATH("model", model, OPEN, "none", IDENTITY,
         "a GGUF to go on from; without it a new model of the shape below is made"),
    CHOICE("architecture", architecture, "phi2, llama", "phi2", IDENTITY,
           "a new model's architecture"),
    PATH("tokenizer", tokenizer, OPEN, "the model's", IDENTITY,
         "a GGUF whose vocabulary a new model has; required without model"),
    SIZE("layers", layers, 1, 1024, STANDARD, "8", IDENTITY, "a new model's layers"),
    SIZE("embedding", embedding, 2, 65536, STANDARD, "256", IDENTITY,
         "width of the residual stream, a multiple of heads"),
    SIZE("heads", heads, 1, 1024, STANDARD, "8", IDENTITY, "attention heads of a layer"),
    SIZE("kv-heads", kv_heads, 1, 1024, OPEN, "as heads", IDENTITY,
         "heads of keys and values, each shared by heads / kv-heads heads"),
    SIZE("feed-forward", feed_forward, 1, 1000000, OPEN, "4 * embedding (phi2), 8/3 of it (llama)",
         IDENTITY, "width of the feed-forward part"),
    SIZE("rotary", rotary, 2, 65536, OPEN, "half a head (phi2), a head (llama)", IDENTITY,
         "dimensions of a head that positions rotate; even, at most embedding / heads"),
    SIZE("context", context, 2, 1000000, STANDARD, "512", IDENTITY,
         "tokens of context that the model's file promises"),
    FLAG("tied", tied, "no", IDENTITY, "the output matrix is the embedding (llama alone)"),
    ABOVE_ZERO("initial-deviation", initial_deviation, STANDARD, "0.02",
               "standard deviation of a new model's weights"),

    SOURCE("data", sources, source_count, TRAIN_RECIPE_REQUIRED, "required", IDENTITY,
           "a shard, a text (.txt) or conversations (.jsonl), and its share of the tokens (1); may "
           "come again"),
    SOURCE("evaluate", evaluation, evaluation_count, OPEN, "none", SAME,
           "what the loss is measured on beside training; may come again"),
    TEXT("template", template_name, OPEN, "the model's", IDENTITY,
         "format of conversations: own, phi-qa, phi-chat, llama2, mistral, chatml, plain"),
    FLAG("whole", whole, "no", IDENTITY,
         "a document that doesn't fit what is left of a row begins the next one"),

    SIZE("batch", batch, 1, 65536, STANDARD, "16", IDENTITY, "rows that are computed at once"),
    SIZE("accumulate", accumulate, 1, 65536, STANDARD, "1", IDENTITY, "batches of a step"),
    SIZE("length", length, 2, 1000000, OPEN, "as context; 512 with model", IDENTITY,
         "tokens of a row"),
    COUNT("steps", steps, 1, 1000000000, STANDARD, "1000", IDENTITY, "steps to take"),
    COUNT("seed", seed, 0, 9223372036854775807, STANDARD, "0", IDENTITY,
          "of everything random: weights, order of documents, dropout"),
    ABOVE_ZERO("rate", rate, OPEN, "0.001; 0.00002 with model, 0.0002 with adapters",
               "the highest learning rate"),
    REAL("final-rate", final_rate, "number from 0", 0, false, HUGE_VAL, true, OPEN,
         "a tenth of rate", "the learning rate of the last step"),
    CHOICE("schedule", schedule, "cosine, linear, constant, stable", "cosine", IDENTITY,
           "how the rate falls after warm-up; stable: only in the last decay-steps"),
    COUNT("warm-up", warm_up, 0, 1000000000, OPEN, "a twentieth of steps, at most 1000", IDENTITY,
          "steps over which the rate rises from 0"),
    COUNT("decay-steps", decay_steps, 1, 1000000000, OPEN, "a tenth of steps", IDENTITY,
          "last steps of the schedule stable, over which the rate falls"),
    BELOW_ONE("beta-1", beta_1, "0.9", "AdamW: memory of the gradient's mean"),
    BELOW_ONE("beta-2", beta_2, "0.95", "AdamW: memory of the gradient's square"),
    ABOVE_ZERO("epsilon", epsilon, STANDARD, "1e-8", "AdamW: added to the root of the square"),
    FROM_ZERO("decay", decay, "0.1", "AdamW: weight decay of matrices"),
    FROM_ZERO("clip", clip, "1", "longest gradient of a step; 0: any"),
    BELOW_ONE("dropout", dropout, "0", "share of activations that a step leaves out"),
    CHOICE("precision", precision, "f32, bf16", "f32", IDENTITY,
           "what matrices and activations are rounded to before they multiply"),
    FLAG("recompute", recompute, "no", SAME,
         "compute activations again instead of keeping them: less memory, a third more work"),

    PATH("teacher", teacher, OPEN, "none", IDENTITY,
         "a GGUF with the same vocabulary, whose predictions are learned too"),
    REAL("temperature", temperature, "number above 0, at most 1000", 0, true, 1000, false, STANDARD,
         "1", "of the teacher's and own predictions"),
    REAL("mix", mix, "number from 0 to 1", 0, false, 1, false, STANDARD, "0.5",
         "the teacher's share of the loss"),

    SIZE("lora-rank", lora_rank, 0, 4096, STANDARD, "0", IDENTITY,
         "adapters of this rank are trained instead of the model's weights; 0: none"),
    ABOVE_ZERO("lora-alpha", lora_alpha, OPEN, "twice lora-rank",
               "adapters count alpha / rank times"),
    BELOW_ONE("lora-dropout", lora_dropout, "0", "share of an adapter's input that is left out"),
    TEXT("lora-targets", lora_targets, STANDARD, "all", IDENTITY,
         "matrices that get adapters, by commas: attn_q,attn_v; all"),

    PATH("folder", folder, TRAIN_RECIPE_REQUIRED, "required", SAME, "for checkpoints and the log"),
    PATH("output", output, OPEN, "FOLDER/model.gguf", SAME,
         "the trained model; of adapters FOLDER/adapter.gguf, or without .gguf a folder of PEFT"),
    CHOICE("output-type", output_type, "F32, F16, BF16", "F16", SAME,
           "how the trained model's matrices are kept"),
    COUNT("log-every", log_every, 1, 1000000000, STANDARD, "10", SAME,
          "steps between lines of the log"),
    COUNT("evaluate-every", evaluate_every, 0, 1000000000, STANDARD, "250", SAME,
          "steps between evaluations; 0: none"),
    COUNT("checkpoint-every", checkpoint_every, 0, 1000000000, STANDARD, "500", SAME,
          "steps between checkpoints; 0: only at the end"),
    COUNT("sample-every", sample_every, 0, 1000000000, STANDARD, "0", SAME,
          "steps between samples of text; 0: none"),
    SIZE("evaluate-rows", evaluate_rows, 0, 1000000000, STANDARD, "64", SAME,
         "rows of an evaluation; 0: all"),
    SIZE("keep", keep, 1, 1000000, STANDARD, "2", SAME, "newest checkpoints that are kept"),
    TEXT("sample-prompt", sample_prompt, STANDARD, "Once upon a time", SAME,
         "the prompt of samples"),
    SIZE("sample-tokens", sample_tokens, 1, 1000000, STANDARD, "100", SAME, "length of a sample"),
};
enum { FIELDS = sizeof table / sizeof table[0] };
_Static_assert(FIELDS <= TRAIN_RECIPE_FIELDS_MOST, "a draft has a place for each field");

const struct train_recipe_field *train_recipe_field_at(size_t index)
{
    return index < FIELDS ? &table[index] : NULL;
}

size_t train_recipe_field_of(size_t offset)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (table[i].offset == offset)
            return i;
    return SIZE_MAX;
}

const primer_recipe_field *primer_recipe_field_at(size_t index)
{
    return index < FIELDS ? &table[index].shown : NULL;
}
