/* peft_config.c - see peft_config.h. Names and meanings are those of peft/tuners/lora/config.py. */
#include "format/peft_config.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#define TEXT_MOST ((size_t)16 << 20) /* bytes */
#define SHOWN     96

struct peft_config {
    char *path;
    json_t *object;
};

static primer_status refuse(const struct peft_config *config, const char *key, const char *why,
                            primer_error *error)
{
    return error_set(error, PRIMER_EUNSUPPORTED, "%s: key %s: %s", config->path, key, why);
}

/* null, false, "", {} and []. */
static bool is_nothing(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Starting points whose training leaves a changed base model behind. */
static bool changes_base(const char *start)
{
    static const char *const names[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (begins_with(start, names[i]))
            return true;
    return false;
}

static primer_status check_kind(const struct peft_config *c, primer_error *error)
{
    static const struct {
        const char *key, *why;
    } refused[] = {
        {"use_dora", "DoRA is not supported: it scales whole weights, not only B A"},
        {"modules_to_save", "modules that were trained as a whole are not supported"},
        {"fan_in_fan_out", "transposed weights are not supported"},
        {"layer_replication", "repeated layers are not supported"},
        {"lora_bias", "biases of adapters are not supported"},
        {"trainable_token_indices", "trained rows of the token embedding are not supported"},
        {"target_parameters", "adapters of single parameters are not supported"},
        {"megatron_config", "Megatron's layers are not supported"},
        {"alora_invocation_tokens", "adapters that tokens switch on are not supported"},
        {"use_qalora", "QALoRA is not supported"},
        {"arrow_config", "adapters that are routed to are not supported"}};
    const char *const kind = json_string_value(json_object_get(c->object, "peft_type"));
    const char *const bias = json_string_value(json_object_get(c->object, "bias"));
    const char *const start = json_string_value(json_object_get(c->object, "init_lora_weights"));
    char shown[SHOWN];
    if (kind == NULL || strcmp(kind, "LORA") != 0)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: key peft_type is \"%s\", expected \"LORA\"", c->path,
                         kind == NULL ? "" : error_printable(kind, strlen(kind), shown, SHOWN));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!is_nothing(json_object_get(c->object, refused[i].key)))
            return refuse(c, refused[i].key, refused[i].why, error);
    if (bias != NULL && strcmp(bias, "none") != 0)
        return refuse(c, "bias", "trained biases are not supported", error);
    if (start != NULL && changes_base(start))
        return refuse(c, "init_lora_weights",
                      "this start changed the base model's weights; convert the adapter first "
                      "(PEFT's path_initial_model_for_weight_conversion)",
                      error);
    return PRIMER_OK;
}

/* PEFT takes patterns as regular expressions; names with dots are all that is understood here. */
static primer_status check_patterns(const struct peft_config *c, const char *key,
                                    primer_error *error)
{
    const char *pattern;
    json_t *value, *const object = json_object_get(c->object, key);
    if (is_nothing(object))
        return PRIMER_OK;
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "%s: key %s is no object", c->path, key);
    json_object_foreach(object, pattern, value)
    {
        char shown[SHOWN];
        const size_t length = strlen(pattern);
        if (strspn(pattern, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
            length)
            return error_set(error, PRIMER_EUNSUPPORTED,
                             "%s: key %s: the pattern \"%s\" is more than a module's name", c->path,
                             key, error_printable(pattern, length, shown, SHOWN));
        if (!json_is_number(value) || !(json_number_value(value) > 0))
            return error_set(error, PRIMER_EFORMAT, "%s: key %s: \"%s\" is no positive number",
                             c->path, key, error_printable(pattern, length, shown, SHOWN));
    }
    return PRIMER_OK;
}

static primer_status check_numbers(const struct peft_config *c, primer_error *error)
{
    static const char *const keys[] = {"r", "lora_alpha"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *const value = json_object_get(c->object, keys[i]);
        if (!json_is_number(value) || !(json_number_value(value) > 0))
            return error_set(error, PRIMER_EFORMAT, "%s: key %s is no positive number", c->path,
                             keys[i]);
    }
    FORWARD(check_patterns(c, "rank_pattern", error));
    return check_patterns(c, "alpha_pattern", error);
}

primer_status peft_config_read_text(struct peft_config **config, const char *text, size_t length,
                                    const char *name, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_error_t problem;
    struct peft_config *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "an adapter's configuration", sizeof *made);
    made->path = memory_copy_text(name);
    if (made->path == NULL)
        FAIL(PRIMER_ENOMEM, "%s: no memory for its path", name);
    made->object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(made->object))
        FAIL(PRIMER_EFORMAT, "%s: no JSON object: %s", name,
             made->object == NULL ? problem.text : "something else");
    TRY(check_kind(made, error));
    TRY(check_numbers(made, error));
    *config = made;
    made = NULL;
cleanup:
    peft_config_free(made);
    return status;
}

primer_status peft_config_read(struct peft_config **config, const char *path, primer_error *error)
{
    struct buffer text = {0};
    primer_status status = file_read(path, TEXT_MOST, &text, error);
    if (status == PRIMER_OK)
        status = peft_config_read_text(config, text.length > 0 ? text.bytes : "", text.length, path,
                                       error);
    buffer_free(&text);
    return status;
}

void peft_config_free(struct peft_config *config)
{
    if (config == NULL)
        return;
    json_decref(config->object);
    memory_free(config->path);
    memory_free(config);
}

/* The value of the first pattern that is the module's name or its end; else the file's. */
static double value_of(const struct peft_config *c, const char *patterns, const char *key,
                       const char *module)
{
    const char *pattern;
    json_t *value;
    const size_t length = strlen(module);
    json_object_foreach(json_object_get(c->object, patterns), pattern, value)
    {
        const size_t tail = strlen(pattern);
        if (tail <= length && strcmp(module + length - tail, pattern) == 0 &&
            (tail == length || module[length - tail - 1] == '.'))
            return json_number_value(value);
    }
    return json_number_value(json_object_get(c->object, key));
}

primer_status peft_config_factor(const struct peft_config *config, const char *module, size_t rank,
                                 double *factor, primer_error *error)
{
    const double r = value_of(config, "rank_pattern", "r", module),
                 alpha = value_of(config, "alpha_pattern", "lora_alpha", module);
    if (r != (double)rank)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: module %s has tensors of rank %zu, expected %g as the file says",
                         config->path, module, rank, r);
    *factor =
        json_is_true(json_object_get(config->object, "use_rslora")) ? alpha / sqrt(r) : alpha / r;
    return PRIMER_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int append(const char *bytes, size_t length, void *context)
{
    return buffer_append(context, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
                                                       : json_real(value);
}

static bool lists(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

static json_t *make_object(const struct peft_config_module *modules, size_t count, const char *base)
{
    json_t *const ranks = json_object(), *const alphas = json_object(),
                  *const targets = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *const dot = strrchr(modules[i].name, '.');
        const char *const last = dot == NULL ? modules[i].name : dot + 1;
        if (modules[i].rank != modules[0].rank)
            json_object_set_new(ranks, modules[i].name, json_integer((json_int_t)modules[i].rank));
        if (modules[i].alpha != modules[0].alpha)
            json_object_set_new(alphas, modules[i].name, number(modules[i].alpha));
        if (!lists(targets, last))
            json_array_append_new(targets, json_string(last));
    }
    return json_pack("{s:s, s:s, s:s?, s:I, s:o, s:f, s:s, s:b, s:b, s:o, s:o, s:o, s:n, s:b}",
                     "peft_type", "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path", base,
                     "r", (json_int_t)modules[0].rank, "lora_alpha", number(modules[0].alpha),
                     "lora_dropout", 0.0, "bias", "none", "use_rslora", 0, "use_dora", 0,
                     "rank_pattern", ranks, "alpha_pattern", alphas, "target_modules", targets,
                     "modules_to_save", "inference_mode", 1);
}

primer_status peft_config_write(const char *path, const struct peft_config_module *modules,
                                size_t count, const char *base, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    struct buffer text = {0};
    json_t *const object = make_object(modules, count, base);
    if (object == NULL || json_dump_callback(object, append, &text, JSON_INDENT(2)) != 0)
        FAIL(PRIMER_ENOMEM, "%s: no memory for an adapter's configuration", path);
    TRY(buffer_text(&text, "\n", error));
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, text.bytes, text.length, error));
    TRY(file_writer_commit(&writer, error));
cleanup:
    file_writer_abandon(&writer);
    json_decref(object);
    buffer_free(&text);
    return status;
}
