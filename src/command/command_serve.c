/* command_serve.c - primer serve: models for programs that speak OpenAI's or Ollama's API.
 *
 * What the command line leaves open the environment may say, by the names that Ollama gave its
 * switches. SIGTERM and Ctrl-C stop it: running answers have --grace seconds; the same once more
 * ends them at once.
 */
#include "command/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/knob.h"
#include "base/memory.h"
#include "command/adapter_option.h"
#include "command/prefix_folder.h"
#include "server/server.h"
#include "terminal/output.h"

struct serve {
    struct settings *settings;
    struct server_options options;
    struct server_alias aliases[SETTINGS_LIST];
    char *names[SETTINGS_LIST]; /* [alias_count] the part before "=" */
    struct server_adapter adapters[PRIMER_ADAPTERS_MOST];
    char *adapter_paths[PRIMER_ADAPTERS_MOST];
    struct buffer prefixes;
};

static void stop(int number)
{
    (void)number;
    server_stop();
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static primer_status split_aliases(struct serve *serve, primer_error *error)
{
    const struct settings_list *list = &serve->settings->aliases;
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        if (equals == NULL || equals == list->items[i] || equals[1] == '\0')
            return error_set(error, PRIMER_EINVAL, "--alias: found \"%.64s\", expected NAME=FILE",
                             list->items[i]);
        serve->names[i] = memory_copy_bytes(list->items[i], (size_t)(equals - list->items[i]));
        if (serve->names[i] == NULL)
            return memory_failure(error, "a name", strlen(list->items[i]));
        serve->aliases[i] = (struct server_alias){serve->names[i], equals + 1};
    }
    serve->options.aliases = serve->aliases;
    serve->options.alias_count = list->count;
    return PRIMER_OK;
}

static primer_status split_adapters(struct serve *serve, primer_error *error)
{
    const struct settings_list *list = &serve->settings->adapters;
    if (list->count > PRIMER_ADAPTERS_MOST)
        return error_set(error, PRIMER_EINVAL, "--adapter: found %zu of them, at most %d",
                         list->count, PRIMER_ADAPTERS_MOST);
    for (size_t i = 0; i < list->count; i++) {
        double scale = 1;
        FORWARD(adapter_option_split(list->items[i], &serve->adapter_paths[i], &scale, error));
        serve->adapters[i] = (struct server_adapter){serve->adapter_paths[i], (float)scale};
    }
    serve->options.adapters = serve->adapters;
    serve->options.adapter_count = list->count;
    return PRIMER_OK;
}

/* The option's number, else the environment's. */
static primer_status number_or_knob(size_t given, enum knob_id knob, size_t *value,
                                    primer_error *error)
{
    size_t count;
    *value = given;
    if (given != 0 || knob_text(knob) == NULL || knob_number(knob, value))
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "%s: found \"%.32s\", expected a whole number",
                     knob_table(&count)[knob].name, knob_text(knob));
}

static const char *text_or_knob(const char *given, enum knob_id knob)
{
    return given != NULL ? given : knob_text(knob);
}

static primer_status read_environment(struct serve *serve, primer_error *error)
{
    const struct settings *s = serve->settings;
    struct server_options *o = &serve->options;
    FORWARD(number_or_knob(s->parallel, KNOB_OLLAMA_NUM_PARALLEL, &o->parallel, error));
    FORWARD(number_or_knob(s->max_queue, KNOB_OLLAMA_MAX_QUEUE, &o->max_queue, error));
    FORWARD(number_or_knob(s->max_loaded, KNOB_OLLAMA_MAX_LOADED_MODELS, &o->max_loaded, error));
    FORWARD(
        number_or_knob(o->session.context, KNOB_OLLAMA_CONTEXT_LENGTH, &o->session.context, error));
    o->host = text_or_knob(s->host, KNOB_OLLAMA_HOST);
    o->origins = text_or_knob(s->origins, KNOB_OLLAMA_ORIGINS);
    o->keep_alive = text_or_knob(s->keep_alive, KNOB_OLLAMA_KEEP_ALIVE);
    o->listen_fds = knob_text(KNOB_LISTEN_FDS);
    o->listen_pid = knob_text(KNOB_LISTEN_PID);
    const char *kv = knob_text(KNOB_OLLAMA_KV_CACHE_TYPE);
    if (kv == NULL || s->parameters.kv_given)
        return PRIMER_OK;
    FORWARD(parameters_set(&serve->settings->parameters, parameters_named("kv"),
                           "OLLAMA_KV_CACHE_TYPE", kv, error));
    o->session.kv_format = s->parameters.session.kv_format;
    return PRIMER_OK;
}

static primer_status fill(struct serve *serve, primer_error *error)
{
    struct settings *s = serve->settings;
    FORWARD(prefix_folder_path(&serve->prefixes, error));
    s->model.prefix_folder = serve->prefixes.bytes;
    serve->options = (struct server_options){.models = s->arguments,
                                             .model_count = s->argument_count,
                                             .port = s->port,
                                             .key_file = s->key_file,
                                             .insecure = s->insecure,
                                             .model = s->model,
                                             .session = s->parameters.session,
                                             .template_name = s->template_name,
                                             .body_most = s->max_body,
                                             .grace_seconds = (double)s->grace,
                                             .access_log = s->access_log,
                                             .log_prompts = s->log_prompts};
    FORWARD(read_environment(serve, error));
    FORWARD(split_adapters(serve, error));
    return split_aliases(serve, error);
}

/* The first line is for programs that wait for it; the rest is for people. */
static void announce(void *context, const char *const *addresses, size_t count,
                     const char *const *models, size_t model_count)
{
    (void)context;
    struct buffer text = {0};
    primer_error error = {0};
    for (size_t i = 0; i < count; i++)
        buffer_format(&text, &error, "listening on %s\n", addresses[i]);
    buffer_text(&text, model_count == 1 ? "model: " : "models: ", &error);
    for (size_t i = 0; i < model_count; i++)
        buffer_format(&text, &error, "%s%s", i > 0 ? ", " : "", models[i]);
    buffer_format(
        &text, &error,
        "\ntry: curl %s/v1/chat/completions -d "
        "'{\"messages\":[{\"role\":\"user\",\"content\":\"Why is the sky blue?\"}]%s%s%s}'\n",
        addresses[0], model_count > 1 ? ",\"model\":\"" : "", model_count > 1 ? models[0] : "",
        model_count > 1 ? "\"" : "");
    if (text.length > 0 && output_write(text.bytes, text.length, &error) == PRIMER_OK)
        output_flush(&error);
    buffer_free(&text);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct serve serve = {.settings = settings};
    TRY(fill(&serve, error));
    catch_signals();
    status = server_run(&serve.options, announce, NULL, error);
    if (status == PRIMER_ECANCELED)
        _exit(command_failed(error));

cleanup:
    for (size_t i = 0; i < SETTINGS_LIST; i++)
        memory_free(serve.names[i]);
    for (size_t i = 0; i < PRIMER_ADAPTERS_MOST; i++)
        memory_free(serve.adapter_paths[i]);
    buffer_free(&serve.prefixes);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_serve = {
    .name = "serve",
    .group = "Talk",
    .arguments = "[MODEL...]",
    .summary = "answer programs: OpenAI's and Ollama's API",
    .teaching =
        "Examples\n"
        "  primer serve phi-2.gguf                          on http://127.0.0.1:11434\n"
        "  primer serve phi-2.gguf tiny.gguf --parallel 8   two models, eight answers at once\n"
        "  primer serve --alias phi=phi-2.Q4_K_M.gguf       under a name of one's own\n"
        "  primer serve phi-2.gguf --adapter poet.gguf=0    with an adapter that requests may "
        "choose\n"
        "  primer serve phi-2.gguf --host 0.0.0.0 --api-key-file keys   for other machines\n\n"
        "OpenAI's calls are at /v1/ (chat/completions, completions, embeddings, models), Ollama's "
        "at\n"
        "/api/; /tokenize, /detokenize, /apply-template, /health and /metrics besides. A prompt "
        "that\n"
        "doesn't fit the context is refused with both numbers.\n"
        "Ctrl-C and SIGTERM stop it once running answers are finished, or after --grace "
        "seconds; the\n"
        "same again stops it at once.\n",
    .bit = COMMAND_SERVE,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
