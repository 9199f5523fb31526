/* adapter_peft.c - adapters as Hugging Face's PEFT keeps them (peft/utils/save_and_load.py).
 *
 *   FOLDER/adapter_config.json          ranks and alpha (format/peft_config.h)
 *   FOLDER/adapter_model.safetensors    A and B of each module:
 *
 *   base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight   [rank][columns]
 *   base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight   [rows][rank]
 *                    `-- the module's name ------'
 *
 * Rows of Llama's queries and keys lie in another order in a GGUF than there: RoPE turns pairs
 * (i, i + half) there, (2i, 2i + 1) here (LlamaModel.permute of llama.cpp's converter). Row
 * 2i + j of a head here is row j * half + i there; so it is for the rows of B.
 */
#include "model/adapter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "format/peft_config.h"
#include "format/safetensors.h"

#define BEGINNING "base_model.model."
#define RANK_MOST 65536
#define SHOWN     160

/* What the modules of an architecture are called, as transformers has them now; then the names of
 * Phi-2's first code, which adapters of that time have, and which are read alone. */
struct module_name {
    const char *architecture;
    enum model_role role;
    const char *name; /* below model.layers.N. or transformer.h.N. */
    bool old;
};
static const struct module_name modules[] = {
    {"phi2", MODEL_QUERY, "self_attn.q_proj", false},
    {"phi2", MODEL_KEY, "self_attn.k_proj", false},
    {"phi2", MODEL_VALUE, "self_attn.v_proj", false},
    {"phi2", MODEL_ATTENTION_OUTPUT, "self_attn.dense", false},
    {"phi2", MODEL_UP, "mlp.fc1", false},
    {"phi2", MODEL_DOWN, "mlp.fc2", false},
    {"llama", MODEL_QUERY, "self_attn.q_proj", false},
    {"llama", MODEL_KEY, "self_attn.k_proj", false},
    {"llama", MODEL_VALUE, "self_attn.v_proj", false},
    {"llama", MODEL_ATTENTION_OUTPUT, "self_attn.o_proj", false},
    {"llama", MODEL_GATE, "mlp.gate_proj", false},
    {"llama", MODEL_UP, "mlp.up_proj", false},
    {"llama", MODEL_DOWN, "mlp.down_proj", false},
    {"phi2", MODEL_QUERY_KEY_VALUE, "mixer.Wqkv", true},
    {"phi2", MODEL_ATTENTION_OUTPUT, "mixer.out_proj", true},
    {"phi2", MODEL_UP, "mlp.fc1", true},
    {"phi2", MODEL_DOWN, "mlp.fc2", true},
};
#define MODULES (sizeof modules / sizeof *modules)

/* ---- the order of rows ----------------------------------------------------------------------- */

/* How many heads a tensor's rows belong to, where their order differs; else 0. */
static size_t turned_heads(const struct adapter_data *data, enum model_role role)
{
    if (!data->architecture->form.interleaved)
        return 0;
    return role == MODEL_QUERY ? data->heads : role == MODEL_KEY ? data->kv_heads : 0;
}

/* The row of PEFT's B that is row `row` here. */
static size_t row_there(const struct adapter_data *data, enum model_role role, size_t row)
{
    const size_t dimensions = data->head_dimensions, half = dimensions / 2;
    const size_t head = row / dimensions, within = row % dimensions;
    if (turned_heads(data, role) == 0)
        return row;
    return head * dimensions + within % 2 * half + within / 2;
}

static bool rows_fit(const struct adapter_data *data, enum model_role role, size_t rows)
{
    const size_t heads = turned_heads(data, role);
    return heads == 0 || (data->head_dimensions % 2 == 0 && rows == heads * data->head_dimensions);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* What a key of the file says. */
struct key {
    const struct module_name *module;
    size_t layer;
    bool is_b;
    char name[SHOWN]; /* the module's whole name: "model.layers.3.mlp.fc1" */
};

/* The end ".lora_A.weight", also with the adapter's name in it (".lora_A.default.weight"). */
static const char *find_end(const char *key, bool *is_b)
{
    static const char *const ends[] = {".lora_A.weight", ".lora_B.weight", ".lora_A.default.weight",
                                       ".lora_B.default.weight"};
    const size_t length = strlen(key);
    for (size_t i = 0; i < 4; i++) {
        const size_t tail = strlen(ends[i]);
        if (length > tail && strcmp(key + length - tail, ends[i]) == 0) {
            *is_b = i % 2 == 1;
            return key + length - tail;
        }
    }
    return NULL;
}

static bool read_key(const struct adapter_data *data, const char *text, struct key *key)
{
    const size_t beginning = strlen(BEGINNING);
    const char *const end = find_end(text, &key->is_b);
    int used = 0;
    bool old = false;
    if (end == NULL || strncmp(text, BEGINNING, beginning) != 0 ||
        (size_t)(end - text) - beginning >= sizeof key->name)
        return false;
    memcpy(key->name, text + beginning, (size_t)(end - text) - beginning);
    key->name[(size_t)(end - text) - beginning] = '\0';
    if (sscanf(key->name, "model.layers.%9zu.%n", &key->layer, &used) != 1 || used == 0) {
        old = true;
        if (sscanf(key->name, "transformer.h.%9zu.%n", &key->layer, &used) != 1 || used == 0)
            return false;
    }
    for (size_t i = 0; i < MODULES; i++)
        if (strcmp(modules[i].architecture, data->architecture->name) == 0 &&
            modules[i].old == old && strcmp(modules[i].name, key->name + used) == 0) {
            key->module = &modules[i];
            return true;
        }
    return false;
}

static primer_status unknown_key(const struct safetensors *file, const struct adapter_data *data,
                                 const char *key, primer_error *error)
{
    char shown[SHOWN];
    const char *const why =
        strstr(key, "magnitude") != NULL ? "DoRA is not supported"
        : strstr(key, "lora_embedding") != NULL || strstr(key, "lm_head") != NULL
            ? "adapters of the token embedding and the output matrix are not supported"
        : strstr(key, "lora_") == NULL ? "it is no part of a LoRA adapter"
                                       : "no module of the model has such a name";
    return error_set(error, PRIMER_EUNSUPPORTED, "%s: tensor %s: %s (architecture %s)",
                     safetensors_path(file), error_printable(key, strlen(key), shown, sizeof shown),
                     why, data->architecture->name);
}

/* ---- reading --------------------------------------------------------------------------------- */

static primer_status check_matrix(const struct safetensors *file,
                                  const struct safetensors_tensor *t, primer_error *error)
{
    if (t->dimensions != 2 || t->shape[0] == 0 || t->shape[1] == 0)
        return error_set(error, PRIMER_EFORMAT, "%s: tensor %s has %zu dimensions, expected 2",
                         safetensors_path(file), t->name, t->dimensions);
    if (t->format == NULL)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: tensor %s has type %s, expected F32, F16 or BF16",
                         safetensors_path(file), t->name, t->type);
    return PRIMER_OK;
}

/* B's tensor beside A's: the same name but for one letter. */
static const struct safetensors_tensor *find_b(const struct safetensors *file, const char *a)
{
    char name[2 * SHOWN];
    snprintf(name, sizeof name, "%s", a);
    char *const mark = strstr(name, ".lora_A.");
    if (mark == NULL)
        return NULL;
    mark[6] = 'B';
    return safetensors_named(file, name);
}

static void decode_rows(const struct adapter_data *data, enum model_role role,
                        const struct safetensors_tensor *b, float *out)
{
    const size_t row_bytes = b->bytes / b->shape[0];
    for (size_t row = 0; row < b->shape[0]; row++)
        b->format->decode(b->data + row_there(data, role, row) * row_bytes, out + row * b->shape[1],
                          b->shape[1]);
}

static primer_status read_pair(struct adapter_data *data, const struct peft_config *config,
                               const struct safetensors *file, const struct safetensors_tensor *a,
                               const struct key *key, primer_error *error)
{
    const struct safetensors_tensor *const b = find_b(file, a->name);
    const enum model_role role = key->module->role;
    char name[MODEL_NAME_LIMIT];
    struct adapter_tensor *tensor = NULL;
    double factor = 0;
    FORWARD(check_matrix(file, a, error));
    if (b == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: tensor %s has no lora_B beside it",
                         safetensors_path(file), a->name);
    FORWARD(check_matrix(file, b, error));
    const size_t rank = a->shape[0], rows = b->shape[0];
    if (b->shape[1] != rank || rank > RANK_MOST)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s has shape [%zu, %zu], expected [rows, %zu], the rank of "
                         "its lora_A, at most %d",
                         safetensors_path(file), b->name, rows, b->shape[1], rank, RANK_MOST);
    if (!rows_fit(data, role, rows))
        return error_set(
            error, PRIMER_EFORMAT, "%s: tensor %s has %zu rows, expected %zu heads of %zu",
            safetensors_path(file), b->name, rows, turned_heads(data, role), data->head_dimensions);
    FORWARD(peft_config_factor(config, key->name, rank, &factor, error));
    model_tensor_name(name, model_architecture_part(data->architecture, role)->name, key->layer,
                      ".weight");
    FORWARD(adapter_data_add(data, name, rank, rows, a->shape[1], factor, &tensor, error));
    a->format->decode(a->data, tensor->a, a->count);
    decode_rows(data, role, b, tensor->b);
    return PRIMER_OK;
}

static primer_status read_tensors(struct adapter_data *data, const struct peft_config *config,
                                  const struct safetensors *file, primer_error *error)
{
    const struct safetensors_tensor *t;
    size_t pairs = 0, others = 0;
    for (size_t i = 0; (t = safetensors_at(file, i)) != NULL; i++) {
        struct key key = {0};
        if (!read_key(data, t->name, &key))
            return unknown_key(file, data, t->name, error);
        others += key.is_b;
        if (key.is_b)
            continue;
        FORWARD(read_pair(data, config, file, t, &key, error));
        pairs++;
    }
    if (others != pairs)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: %zu tensors lora_A and %zu lora_B, expected as many",
                         safetensors_path(file), pairs, others);
    return PRIMER_OK;
}

/* Says what to do where there is PyTorch's own form alone, which can hold any program. */
static primer_status refuse_pickle(const char *folder, const char *tensors, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer pickle = {0};
    TRY(buffer_format(&pickle, error, "%s/adapter_model.bin", folder));
    if (!file_exists(tensors) && file_exists(pickle.bytes))
        FAIL(PRIMER_EUNSUPPORTED,
             "%s: PyTorch's own files are not read; save the adapter as safetensors "
             "(save_pretrained does, without safe_serialization=False)",
             pickle.bytes);
cleanup:
    buffer_free(&pickle);
    return status;
}

/* PATH, or PATH/name where it is a folder; and the configuration beside it. */
static primer_status name_files(const char *path, struct buffer *tensors, struct buffer *config,
                                primer_error *error)
{
    struct stat facts;
    const bool folder = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    const size_t base = (size_t)(file_base_name(path) - path);
    FORWARD(buffer_text(tensors, path, error));
    if (folder) {
        FORWARD(buffer_text(tensors, "/adapter_model.safetensors", error));
        FORWARD(refuse_pickle(path, tensors->bytes, error));
        return buffer_format(config, error, "%s/adapter_config.json", path);
    }
    return buffer_format(config, error, "%.*sadapter_config.json", (int)base, path);
}

primer_status adapter_peft_take(struct adapter_data *data, const struct model *model,
                                const struct peft_config *config, const struct safetensors *file,
                                primer_error *error)
{
    struct adapter_data made = adapter_data_for(model);
    const primer_status status = read_tensors(&made, config, file, error);
    if (status == PRIMER_OK)
        *data = made;
    else
        adapter_data_free(&made);
    return status;
}

primer_status adapter_peft_read(struct adapter_data *data, const struct model *model,
                                const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer tensors = {0}, beside = {0};
    struct peft_config *config = NULL;
    struct safetensors *file = NULL;
    TRY(name_files(path, &tensors, &beside, error));
    TRY(peft_config_read(&config, beside.bytes, error));
    TRY(safetensors_open(&file, tensors.bytes, error));
    TRY(adapter_peft_take(data, model, config, file, error));
cleanup:
    safetensors_free(file);
    peft_config_free(config);
    buffer_free(&tensors);
    buffer_free(&beside);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The lists of one file, for all tensors; a fused attn_qkv is three modules that share its A. */
struct writing {
    const struct adapter_data *data;
    struct peft_config_module *modules; /* [count] */
    struct safetensors_output *tensors; /* [2 * count] */
    char (*names)[SHOWN];               /* [3 * count] */
    float **turned;                     /* [count] B in PEFT's order of rows, or NULL */
    size_t count, most;
};

/* Rows of a tensor that are a module's. */
struct run {
    enum model_role role;
    size_t first, rows;
};

/* What the tensor's name says, MODEL_ROLES where it is no matrix that PEFT has a name for. */
static enum model_role role_of(const struct adapter_data *data, const struct adapter_tensor *t,
                               size_t *layer)
{
    int used = 0;
    if (sscanf(t->name, "blk.%9zu.%n", layer, &used) != 1 || used == 0)
        return MODEL_ROLES;
    for (size_t i = 0; i < MODULES; i++) {
        char name[MODEL_NAME_LIMIT];
        if (strcmp(modules[i].architecture, data->architecture->name) != 0)
            continue;
        model_tensor_name(name, model_architecture_part(data->architecture, modules[i].role)->name,
                          *layer, ".weight");
        if (strcmp(name, t->name) == 0)
            return modules[i].role;
    }
    return MODEL_ROLES;
}

static const char *module_name(const struct adapter_data *data, enum model_role role)
{
    for (size_t i = 0; i < MODULES; i++)
        if (strcmp(modules[i].architecture, data->architecture->name) == 0 && !modules[i].old &&
            modules[i].role == role)
            return modules[i].name;
    return NULL;
}

/* The modules of a tensor, 0 where it has none or their rows don't add up to its own. */
static size_t runs_of(const struct adapter_data *data, const struct adapter_tensor *t,
                      struct run runs[3], size_t *layer)
{
    const enum model_role role = role_of(data, t, layer);
    const size_t q = data->heads * data->head_dimensions,
                 kv = data->kv_heads * data->head_dimensions;
    if (role == MODEL_QUERY_KEY_VALUE) {
        runs[0] = (struct run){MODEL_QUERY, 0, q};
        runs[1] = (struct run){MODEL_KEY, q, kv};
        runs[2] = (struct run){MODEL_VALUE, q + kv, kv};
        return t->rows == q + 2 * kv ? 3 : 0;
    }
    runs[0] = (struct run){role, 0, t->rows};
    return role != MODEL_ROLES && rows_fit(data, role, t->rows) ? 1 : 0;
}

static primer_status turn(const struct writing *w, const struct adapter_tensor *t,
                          const struct run *run, const float **out, primer_error *error)
{
    const float *const b = t->b + run->first * t->rank;
    float **const turned = &w->turned[w->count];
    *out = b;
    if (turned_heads(w->data, run->role) == 0)
        return PRIMER_OK;
    *turned = memory_allocate(run->rows * t->rank, sizeof **turned);
    if (*turned == NULL)
        return memory_failure(error, "an adapter's rows", run->rows * t->rank * sizeof(float));
    for (size_t row = 0; row < run->rows; row++)
        memcpy(*turned + row_there(w->data, run->role, row) * t->rank, b + row * t->rank,
               t->rank * sizeof *b);
    *out = *turned;
    return PRIMER_OK;
}

static primer_status list_module(struct writing *w, const struct adapter_tensor *t, size_t layer,
                                 const struct run *run, primer_error *error)
{
    const char *const module = module_name(w->data, run->role);
    char(*const names)[SHOWN] = &w->names[3 * w->count];
    struct safetensors_output *const tensors = &w->tensors[2 * w->count];
    const float *b = NULL;
    snprintf(names[0], SHOWN, "model.layers.%zu.%s", layer, module);
    snprintf(names[1], SHOWN, BEGINNING "model.layers.%zu.%s.lora_A.weight", layer, module);
    snprintf(names[2], SHOWN, BEGINNING "model.layers.%zu.%s.lora_B.weight", layer, module);
    FORWARD(turn(w, t, run, &b, error));
    w->modules[w->count] =
        (struct peft_config_module){names[0], t->rank, t->factor * (double)t->rank};
    tensors[0] = (struct safetensors_output){names[1], t->rank, t->columns, t->a};
    tensors[1] = (struct safetensors_output){names[2], run->rows, t->rank, b};
    w->count++;
    return PRIMER_OK;
}

static primer_status list_tensor(struct writing *w, const struct adapter_tensor *t,
                                 const char *folder, primer_error *error)
{
    size_t layer = 0;
    struct run runs[3];
    const size_t count = runs_of(w->data, t, runs, &layer);
    if (count == 0)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: tensor %s with %zu rows is no module that PEFT has a name for",
                         folder, t->name, t->rows);
    for (size_t i = 0; i < count; i++)
        FORWARD(list_module(w, t, layer, &runs[i], error));
    return PRIMER_OK;
}

static primer_status write_files(struct writing *w, const char *folder, const char *base,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0};
    w->most = 3 * w->data->count;
    w->modules = memory_allocate(w->most, sizeof *w->modules);
    w->tensors = memory_allocate(2 * w->most, sizeof *w->tensors);
    w->names = memory_allocate(3 * w->most, sizeof *w->names);
    w->turned = memory_allocate(w->most, sizeof *w->turned);
    if (w->modules == NULL || w->tensors == NULL || w->names == NULL || w->turned == NULL)
        return memory_failure(error, "an adapter's names", 3 * w->most * sizeof *w->names);
    for (size_t i = 0; i < w->data->count; i++)
        FORWARD(list_tensor(w, &w->data->tensors[i], folder, error));
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return error_set(error, PRIMER_EIO, "%s: cannot make the folder: %s", folder,
                         strerror(errno));
    TRY(buffer_format(&path, error, "%s/adapter_model.safetensors", folder));
    TRY(safetensors_write(path.bytes, w->tensors, 2 * w->count, error));
    buffer_clear(&path);
    TRY(buffer_format(&path, error, "%s/adapter_config.json", folder));
    TRY(peft_config_write(path.bytes, w->modules, w->count, base, error));
cleanup:
    buffer_free(&path);
    return status;
}

primer_status adapter_write_peft(const struct adapter_data *data, const char *folder,
                                 const char *base, primer_error *error)
{
    struct writing writing = {.data = data};
    if (data->count == 0)
        return error_set(error, PRIMER_EINVAL, "%s: an adapter without tensors", folder);
    const primer_status status = write_files(&writing, folder, base, error);
    for (size_t i = 0; writing.turned != NULL && i < writing.most; i++)
        memory_free(writing.turned[i]);
    memory_free(writing.turned);
    memory_free(writing.names);
    memory_free(writing.tensors);
    memory_free(writing.modules);
    return status;
}
