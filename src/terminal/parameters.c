/* parameters.c - the table of parameters, and a reader and a writer for each kind of value.
 *
 * The names are those that Ollama's and llama.cpp's users know; where the two mean different things
 * by a number (repeat_last_n: 0 none, -1 everything) theirs is what counts here.
 */
#include "terminal/parameters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

#define SAMPLING(field) offsetof(struct parameters, sampling.field)
#define SESSION(field)  offsetof(struct parameters, session.field)
#define MOST_TOKENS     ((double)INT32_MAX)

static const struct parameter table[] = {
    {"temperature", "X", "randomness; 0: always the most probable token", PARAMETER_FLOAT,
     SAMPLING(temperature), 0, 100, false},
    {"top_k", "N", "only the N most probable tokens; 0: all", PARAMETER_SIZE, SAMPLING(top_k), 0,
     MOST_TOKENS, false},
    {"top_p", "X", "the most probable tokens that together have X; 1: all", PARAMETER_FLOAT,
     SAMPLING(top_p), 0, 1, false},
    {"min_p", "X", "tokens at least X times as probable as the best; 0: all", PARAMETER_FLOAT,
     SAMPLING(min_p), 0, 1, false},
    {"typical_p", "X", "locally typical tokens that together have X; 1: off", PARAMETER_FLOAT,
     SAMPLING(typical_p), 0, 1, false},
    {"repeat_penalty", "X", "divides the logits of tokens seen; 1: off", PARAMETER_FLOAT,
     SAMPLING(repeat_penalty), 0.01, 100, false},
    {"presence_penalty", "X", "subtracted once from the logits of tokens seen", PARAMETER_FLOAT,
     SAMPLING(presence_penalty), -100, 100, false},
    {"frequency_penalty", "X", "subtracted for every time a token was seen", PARAMETER_FLOAT,
     SAMPLING(frequency_penalty), -100, 100, false},
    {"repeat_last_n", "N", "last tokens that count as seen; 0: none, -1: all", PARAMETER_SIGNED,
     offsetof(struct parameters, penalty_last), -1, MOST_TOKENS, false},
    {"seed", "N", "the same seed gives the same text; -1: a new one each time", PARAMETER_SEED, 0,
     -1, 0, false},
    {"samplers", "ORDER", "order of the sampling steps, by commas", PARAMETER_ORDER, 0, 0, 0,
     false},
    {"logit_bias", "ID\xc2\xb1N", "makes a token likelier or rarer: 15+2, 15-inf", PARAMETER_BIAS,
     0, 0, 0, false},
    {"stop", "TEXT", "ends the answer where it appears; may be given again", PARAMETER_STOP, 0, 0,
     0, false},
    {"num_predict", "N", "most tokens of an answer; -1: no limit", PARAMETER_SIGNED,
     offsetof(struct parameters, max_tokens), -1, MOST_TOKENS, false},
    {"ignore_eos", "on|off", "go on past the model's end token", PARAMETER_SWITCH,
     offsetof(struct parameters, ignore_end), 0, 0, false},
    {"speculation", "on|off", "guess tokens ahead where that pays; the text is the same",
     PARAMETER_SWITCH, offsetof(struct parameters, speculation), 0, 0, false},
    {"think", "WHEN", "what the model thinks: show, hide, auto (on a screen)", PARAMETER_THINK,
     offsetof(struct parameters, think), 0, 0, false},
    {"num_ctx", "N", "context in tokens; 0: what the model was trained with", PARAMETER_SIZE,
     SESSION(context), 0, MOST_TOKENS, true},
    {"drop_oldest", "on|off", "when the context is full, drop its oldest quarter", PARAMETER_SWITCH,
     SESSION(drop_oldest), 0, 0, true},
    {"num_keep", "N", "with drop_oldest: first tokens that stay", PARAMETER_SIZE, SESSION(keep), 0,
     MOST_TOKENS, true},
    {"kv", "TYPE", "how keys and values are kept: f16, f32, bf16, q8_0", PARAMETER_KV,
     SESSION(kv_format), 0, 0, true},
    {"self_extend", "G,W", "Self-Extend: groups of G beyond a window of W; 1,0: off",
     PARAMETER_EXTEND, 0, 0, 0, true},
    {"rope_freq_base", "X", "base of the rotary positions; 0: the file's", PARAMETER_DOUBLE,
     SESSION(rope_base), 1e-3, 1e12, true},
    {"rope_scale", "X", "positions are divided by X; 0: the file's", PARAMETER_DOUBLE,
     SESSION(rope_scale), 1e-3, 1e6, true},
};
enum { ROWS = sizeof table / sizeof table[0] };

static const char *const kv_names[] = {[PRIMER_KV_F16] = "f16",
                                       [PRIMER_KV_F32] = "f32",
                                       [PRIMER_KV_BF16] = "bf16",
                                       [PRIMER_KV_Q8_0] = "q8_0"};

static const char *const think_names[] = {[PARAMETERS_THINK_AUTO] = "auto",
                                          [PARAMETERS_THINK_SHOW] = "show",
                                          [PARAMETERS_THINK_HIDE] = "hide"};

/* ---- reading values -------------------------------------------------------------------------- */

/* Where a value is being set. */
struct setting {
    struct parameters *parameters;
    const struct parameter *row;
    const char *label, *text;
};

static void *place(const struct setting *setting)
{
    return (char *)setting->parameters + setting->row->offset;
}

static primer_status unexpected(const struct setting *setting, primer_error *error,
                                const char *expected)
{
    char shown[128];
    return error_set(error, PRIMER_EINVAL, "%s: found \"%s\", expected %s", setting->label,
                     error_printable(setting->text, strlen(setting->text), shown, sizeof shown),
                     expected);
}

static primer_status read_number(const struct setting *setting, double *value, primer_error *error)
{
    char expected[96], *end = NULL;
    *value = strtod(setting->text, &end);
    if (end != setting->text && *end == '\0' && *value >= setting->row->least &&
        *value <= setting->row->most)
        return PRIMER_OK;
    snprintf(expected, sizeof expected, "a number from %g to %g", setting->row->least,
             setting->row->most);
    return unexpected(setting, error, expected);
}

static bool read_integer_text(const char *text, int64_t *value, const char **end)
{
    char *stop = NULL;
    errno = 0;
    const long long number = strtoll(text, &stop, 10);
    *value = number;
    *end = stop;
    return stop != text && errno == 0;
}

static primer_status read_integer(const struct setting *setting, int64_t *value,
                                  primer_error *error)
{
    char expected[96];
    const char *end = NULL;
    if (read_integer_text(setting->text, value, &end) && *end == '\0' &&
        (double)*value >= setting->row->least && (double)*value <= setting->row->most)
        return PRIMER_OK;
    snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f", setting->row->least,
             setting->row->most);
    return unexpected(setting, error, expected);
}

static primer_status set_float(const struct setting *setting, primer_error *error)
{
    double value = 0;
    FORWARD(read_number(setting, &value, error));
    *(float *)place(setting) = (float)value;
    if (place(setting) == (void *)&setting->parameters->sampling.temperature)
        setting->parameters->temperature_given = true;
    return PRIMER_OK;
}

static primer_status set_double(const struct setting *setting, primer_error *error)
{
    char expected[96], *end = NULL;
    const double value = strtod(setting->text, &end), least = setting->row->least,
                 most = setting->row->most;
    if (end == setting->text || *end != '\0' ||
        !(value == 0 || (value >= least && value <= most))) {
        snprintf(expected, sizeof expected, "0 or a number from %g to %g", least, most);
        return unexpected(setting, error, expected);
    }
    *(double *)place(setting) = value;
    return PRIMER_OK;
}

static primer_status set_size(const struct setting *setting, primer_error *error)
{
    int64_t value = 0;
    FORWARD(read_integer(setting, &value, error));
    *(size_t *)place(setting) = (size_t)value;
    return PRIMER_OK;
}

static primer_status set_signed(const struct setting *setting, primer_error *error)
{
    int64_t value = 0;
    FORWARD(read_integer(setting, &value, error));
    *(int64_t *)place(setting) = value;
    return PRIMER_OK;
}

static primer_status set_seed(const struct setting *setting, primer_error *error)
{
    char *end = NULL;
    errno = 0;
    const bool drawn = strcmp(setting->text, "-1") == 0;
    const unsigned long long seed = strtoull(setting->text, &end, 10);
    if (!drawn &&
        (end == setting->text || *end != '\0' || errno != 0 || strchr(setting->text, '-') != NULL))
        return unexpected(setting, error, "a whole number from 0 to 18446744073709551615, or -1");
    setting->parameters->seeded = !drawn;
    if (!drawn)
        setting->parameters->sampling.seed = seed;
    return PRIMER_OK;
}

static primer_status set_switch(const struct setting *setting, primer_error *error)
{
    static const char *const yes[] = {"on", "true", "yes", "1"}, *const no[] = {"off", "false",
                                                                                "no", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        const bool on = strcmp(setting->text, yes[i]) == 0;
        if (on || strcmp(setting->text, no[i]) == 0) {
            *(bool *)place(setting) = on;
            return PRIMER_OK;
        }
    }
    return unexpected(setting, error, "on or off");
}

static primer_status set_kv(const struct setting *setting, primer_error *error)
{
    for (size_t i = 0; i < sizeof kv_names / sizeof kv_names[0]; i++)
        if (strcmp(kv_names[i], setting->text) == 0) {
            *(primer_kv_format *)place(setting) = (primer_kv_format)i;
            setting->parameters->kv_given = true;
            return PRIMER_OK;
        }
    return unexpected(setting, error, "f16, f32, bf16 or q8_0");
}

static primer_status set_think(const struct setting *setting, primer_error *error)
{
    for (size_t i = 0; i < sizeof think_names / sizeof think_names[0]; i++)
        if (strcmp(think_names[i], setting->text) == 0) {
            *(enum parameters_think *)place(setting) = (enum parameters_think)i;
            return PRIMER_OK;
        }
    return unexpected(setting, error, "show, hide or auto");
}

static primer_status set_extend(const struct setting *setting, primer_error *error)
{
    int64_t group = 0, window = 0;
    const char *end = NULL;
    const bool valid = read_integer_text(setting->text, &group, &end) && *end == ',' &&
                       read_integer_text(end + 1, &window, &end) && *end == '\0' && group >= 1 &&
                       window >= 0 && group <= INT32_MAX && window <= INT32_MAX &&
                       window % group == 0;
    if (!valid)
        return unexpected(setting, error,
                          "G,W: the group and the window, W a multiple of G (as in 4,128)");
    setting->parameters->session.self_extend_group = (size_t)group;
    setting->parameters->session.self_extend_window = (size_t)window;
    return PRIMER_OK;
}

/* ---- reading lists --------------------------------------------------------------------------- */

/* The steps by our name, then by the names that llama.cpp gives them. */
static const char *const steps[][4] = {
    {"penalties"},           {"bias", "logit_bias"},
    {"top_k", "top-k"},      {"typical_p", "typ_p", "typical", "typical-p"},
    {"top_p", "top-p"},      {"min_p", "min-p"},
    {"temperature", "temp"},
};
#define STEPS_TEXT "penalties, bias, top_k, typical_p, top_p, min_p, temperature, by commas"

static const char *step_named(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        for (size_t j = 0; j < 4 && steps[i][j] != NULL; j++)
            if (strlen(steps[i][j]) == length && strncmp(steps[i][j], text, length) == 0)
                return steps[i][0];
    return NULL;
}

static primer_status set_order(const struct setting *setting, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer order = {0};
    for (const char *text = setting->text; *text != '\0';) {
        const size_t length = strcspn(text, ",;");
        const char *name = step_named(text, length);
        if (name == NULL) {
            status = unexpected(setting, error, STEPS_TEXT);
            goto cleanup;
        }
        TRY(buffer_format(&order, error, "%s%s", order.length > 0 ? "," : "", name));
        text += length + (text[length] != '\0');
    }
    memory_free(setting->parameters->order);
    setting->parameters->order = order.length > 0 ? order.bytes : NULL;
    if (order.length > 0)
        order = (struct buffer){0};

cleanup:
    buffer_free(&order);
    return status;
}

static primer_status set_bias(const struct setting *setting, primer_error *error)
{
    struct parameters *parameters = setting->parameters;
    if (*setting->text == '\0') {
        parameters->bias_count = 0;
        return PRIMER_OK;
    }
    int64_t id = 0;
    const char *sign = NULL;
    char *end = NULL;
    const bool has_id = *setting->text >= '0' && *setting->text <= '9' &&
                        read_integer_text(setting->text, &id, &sign) && id <= INT32_MAX &&
                        (*sign == '+' || *sign == '-');
    const double bias = has_id ? strtod(sign, &end) : 0;
    if (!has_id || end == sign || *end != '\0' || isnan(bias) || bias > 1e6)
        return unexpected(setting, error,
                          "a token's id and a number with its sign, as in 15+2.5 or 15-inf");
    primer_logit_bias *grown =
        memory_resize(parameters->bias, parameters->bias_count + 1, sizeof *grown);
    if (grown == NULL)
        return memory_failure(error, "a logit bias", sizeof *grown);
    parameters->bias = grown;
    grown[parameters->bias_count++] = (primer_logit_bias){(int32_t)id, (float)bias};
    return PRIMER_OK;
}

/* \n, \t and \\ as they are written on a command line. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in == '\\' && (in[1] == 'n' || in[1] == 't' || in[1] == '\\')) {
            in++;
            *out++ = *in == 'n' ? '\n' : *in == 't' ? '\t' : '\\';
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static void clear_stops(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->stop_count; i++)
        memory_free(parameters->stops[i]);
    parameters->stop_count = 0;
}

static primer_status set_stop(const struct setting *setting, primer_error *error)
{
    struct parameters *parameters = setting->parameters;
    if (*setting->text == '\0') {
        clear_stops(parameters);
        return PRIMER_OK;
    }
    char **grown = memory_resize(parameters->stops, parameters->stop_count + 1, sizeof *grown);
    if (grown == NULL)
        return memory_failure(error, "a stop text", sizeof *grown);
    parameters->stops = grown;
    char *text = memory_copy_text(setting->text);
    if (text == NULL)
        return memory_failure(error, "a stop text", strlen(setting->text));
    unescape(text);
    grown[parameters->stop_count++] = text;
    return PRIMER_OK;
}

/* ---- showing values -------------------------------------------------------------------------- */

static const void *value_of(const struct parameters *parameters, const struct parameter *row)
{
    return (const char *)parameters + row->offset;
}

static primer_status show_float(const struct parameters *parameters, const struct parameter *row,
                                size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_format(out, error, "%.7g", (double)*(const float *)value_of(parameters, row));
}

static primer_status show_double(const struct parameters *parameters, const struct parameter *row,
                                 size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_format(out, error, "%.15g", *(const double *)value_of(parameters, row));
}

static primer_status show_size(const struct parameters *parameters, const struct parameter *row,
                               size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_format(out, error, "%zu", *(const size_t *)value_of(parameters, row));
}

static primer_status show_signed(const struct parameters *parameters, const struct parameter *row,
                                 size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_format(out, error, "%lld",
                         (long long)*(const int64_t *)value_of(parameters, row));
}

static primer_status show_seed(const struct parameters *parameters, const struct parameter *row,
                               size_t index, struct buffer *out, primer_error *error)
{
    (void)row, (void)index;
    return buffer_format(out, error, "%llu", (unsigned long long)parameters->sampling.seed);
}

static primer_status show_switch(const struct parameters *parameters, const struct parameter *row,
                                 size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_text(out, *(const bool *)value_of(parameters, row) ? "on" : "off", error);
}

static primer_status show_kv(const struct parameters *parameters, const struct parameter *row,
                             size_t index, struct buffer *out, primer_error *error)
{
    (void)index;
    return buffer_text(out, kv_names[*(const primer_kv_format *)value_of(parameters, row)], error);
}

static primer_status show_think(const struct parameters *parameters, const struct parameter *row,
                                size_t index, struct buffer *out, primer_error *error)
{
    (void)row;
    (void)index;
    return buffer_text(out, think_names[parameters->think], error);
}

static primer_status show_extend(const struct parameters *parameters, const struct parameter *row,
                                 size_t index, struct buffer *out, primer_error *error)
{
    (void)row, (void)index;
    return buffer_format(out, error, "%zu,%zu", parameters->session.self_extend_group,
                         parameters->session.self_extend_window);
}

static primer_status show_order(const struct parameters *parameters, const struct parameter *row,
                                size_t index, struct buffer *out, primer_error *error)
{
    (void)row, (void)index;
    return buffer_text(out, parameters->order, error);
}

static primer_status show_bias(const struct parameters *parameters, const struct parameter *row,
                               size_t index, struct buffer *out, primer_error *error)
{
    (void)row;
    return buffer_format(out, error, "%d%+.9g", parameters->bias[index].id,
                         (double)parameters->bias[index].bias);
}

static primer_status show_stop(const struct parameters *parameters, const struct parameter *row,
                               size_t index, struct buffer *out, primer_error *error)
{
    (void)row;
    for (const char *text = parameters->stops[index]; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\t' || *text == '\\')
            FORWARD(buffer_format(out, error, "\\%c",
                                  *text == '\n'   ? 'n'
                                  : *text == '\t' ? 't'
                                                  : '\\'));
        else
            FORWARD(buffer_append(out, text, 1, error));
    }
    return PRIMER_OK;
}

static size_t count_seed(const struct parameters *parameters)
{
    return parameters->seeded ? 1 : 0;
}

static size_t count_order(const struct parameters *parameters)
{
    return parameters->order != NULL ? 1 : 0;
}

static size_t count_bias(const struct parameters *parameters)
{
    return parameters->bias_count;
}

static size_t count_stop(const struct parameters *parameters)
{
    return parameters->stop_count;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static const struct kind {
    primer_status (*set)(const struct setting *setting, primer_error *error);
    primer_status (*show)(const struct parameters *parameters, const struct parameter *row,
                          size_t index, struct buffer *out, primer_error *error);
    size_t (*count)(const struct parameters *parameters); /* NULL: always one value */
} kinds[PARAMETER_KINDS] = {
    [PARAMETER_FLOAT] = {set_float, show_float, NULL},
    [PARAMETER_DOUBLE] = {set_double, show_double, NULL},
    [PARAMETER_SIZE] = {set_size, show_size, NULL},
    [PARAMETER_SIGNED] = {set_signed, show_signed, NULL},
    [PARAMETER_SEED] = {set_seed, show_seed, count_seed},
    [PARAMETER_SWITCH] = {set_switch, show_switch, NULL},
    [PARAMETER_KV] = {set_kv, show_kv, NULL},
    [PARAMETER_EXTEND] = {set_extend, show_extend, NULL},
    [PARAMETER_THINK] = {set_think, show_think, NULL},
    [PARAMETER_ORDER] = {set_order, show_order, count_order},
    [PARAMETER_BIAS] = {set_bias, show_bias, count_bias},
    [PARAMETER_STOP] = {set_stop, show_stop, count_stop},
};

size_t parameters_count(const struct parameters *parameters, const struct parameter *parameter)
{
    const struct kind *kind = &kinds[parameter->kind];
    return kind->count == NULL ? 1 : kind->count(parameters);
}

primer_status parameters_show(const struct parameters *parameters,
                              const struct parameter *parameter, size_t index, struct buffer *out,
                              primer_error *error)
{
    return kinds[parameter->kind].show(parameters, parameter, index, out, error);
}

/* ---- the table's users ----------------------------------------------------------------------- */

void parameters_default(struct parameters *parameters)
{
    *parameters = (struct parameters){
        .sampling = primer_sampling_default(), .max_tokens = -1, .speculation = true};
    parameters->penalty_last = parameters->sampling.penalty_window == 0
                                   ? -1
                                   : (int64_t)parameters->sampling.penalty_window;
    parameters->session.self_extend_group = 1;
}

void parameters_free(struct parameters *parameters)
{
    clear_stops(parameters);
    memory_free(parameters->stops);
    memory_free(parameters->bias);
    memory_free(parameters->order);
    *parameters = (struct parameters){0};
}

const struct parameter *parameters_table(size_t *count)
{
    *count = ROWS;
    return table;
}

/* What the command line calls parameters besides their names. */
static const char *const others[][2] = {
    {"temp", "temperature"}, {"typical", "typical_p"},   {"s", "seed"},
    {"n", "num_predict"},    {"predict", "num_predict"}, {"n_predict", "num_predict"},
    {"r", "stop"},           {"reverse_prompt", "stop"}, {"c", "num_ctx"},
    {"ctx_size", "num_ctx"}, {"cache_type_k", "kv"},     {"ctk", "kv"},
    {"kv_format", "kv"},     {"keep", "num_keep"},       {"context_shift", "drop_oldest"},
};

/* top-k is top_k */
static bool is_same_name(const char *name, const char *typed)
{
    for (; *name != '\0' && *name == (*typed == '-' ? '_' : *typed); name++)
        typed++;
    return *name == '\0' && *typed == '\0';
}

const struct parameter *parameters_named(const char *name)
{
    while (*name == '-')
        name++;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (is_same_name(others[i][0], name))
            name = others[i][1];
    for (size_t i = 0; i < ROWS; i++)
        if (is_same_name(table[i].name, name))
            return &table[i];
    return NULL;
}

primer_status parameters_set(struct parameters *parameters, const struct parameter *parameter,
                             const char *label, const char *text, primer_error *error)
{
    const struct setting setting = {parameters, parameter, label, text};
    return kinds[parameter->kind].set(&setting, error);
}

primer_sampling parameters_sampling(const struct parameters *parameters)
{
    primer_sampling sampling = parameters->sampling;
    sampling.order = parameters->order;
    sampling.bias = parameters->bias;
    sampling.bias_count = parameters->bias_count;
    sampling.penalty_window = parameters->penalty_last > 0 ? (size_t)parameters->penalty_last : 0;
    if (parameters->penalty_last == 0) {
        sampling.repeat_penalty = 1;
        sampling.presence_penalty = sampling.frequency_penalty = 0;
    }
    return sampling;
}

/* Two runs differ in the time, the process or where the system put it. */
void parameters_draw_seed(struct parameters *parameters)
{
    const uint64_t facts[] = {clock_nanoseconds(), (uint64_t)clock_wall_seconds(),
                              (uint64_t)getpid(), (uint64_t)(uintptr_t)parameters};
    if (!parameters->seeded)
        parameters->sampling.seed =
            hash_bytes(facts, sizeof facts, 0) >> 1; /* fits a signed number */
}
