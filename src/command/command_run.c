/* command_run.c - primer run: one answer, or a chat.
 *
 *   PROMPT or -p   piped text or -f   keyboard
 *   yes            no                 -          the prompt
 *   yes            yes                -          PROMPT, an empty line, the text that it is about
 *   no             yes                -          the text is the prompt
 *   no             no                 terminal   a chat
 *
 * With --raw and a PROMPT nothing is read from a pipe: such a line in a script means exactly what
 * it says.
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "command/adapter_option.h"
#include "command/builtin.h"
#include "command/constraint_option.h"
#include "command/prefix_folder.h"
#include "terminal/answer.h"
#include "terminal/output.h"
#include "terminal/render.h"
#include "terminal/terminal.h"

#define TEXT_MOST ((size_t)256 << 20) /* bytes of a prompt */
#define OWN       "own"               /* the template in the model's file */

struct run {
    struct settings *settings;
    const char *model_path;      /* NULL: the one in the program */
    const char *prompt;          /* as given on the command line; NULL: none */
    primer_model *model, *draft; /* draft: guesses ahead; NULL: none */
    const primer_chat_format *format;
    primer_chat_format *own;       /* the file's; NULL: none */
    primer_error own_problem;      /* why it can't be used; "" otherwise */
    primer_constraint *constraint; /* what answers may be; NULL: anything */
    struct buffer text;            /* the whole prompt */
    struct buffer prefixes;        /* the folder for the models' options */
    struct adapter_option adapters;
};

/* ---- what the command line means ------------------------------------------------------------- */

/* A lone argument is the prompt where a model is built in and the word can't be a file's name. */
static bool is_prompt(const char *argument)
{
    size_t size = 0;
    const size_t length = strlen(argument);
    const bool named = length > 5 && strcmp(argument + length - 5, ".gguf") == 0;
    return builtin_model(&size) != NULL && length > 0 && !named && !file_exists(argument);
}

static bool has_form(const struct settings *settings)
{
    return settings->json_schema != NULL || settings->grammar != NULL || settings->regex != NULL ||
           settings->choice != NULL;
}

/* Refuses an option that another makes void, and names one that does nothing by itself. False: the
 * message was printed. */
static bool check_effects(const struct settings *settings)
{
    const struct parameters *parameters = &settings->parameters;
    const struct {
        bool both;
        const char *name, *other;
    } voids[] = {
        {settings->draft != NULL && !parameters->speculation, "--draft", "--no-speculation"},
        {settings->raw && settings->system != NULL, "--system", "--raw"},
        {has_form(settings) && parameters->ignore_end, "--ignore-eos",
         "--json-schema, --grammar, --regex or --choice"},
        {settings->raw && settings->template_name != NULL, "--template", "--raw"},
    };
    for (size_t i = 0; i < sizeof voids / sizeof voids[0]; i++)
        if (voids[i].both) {
            command_misused(settings->command, "%s has no effect with %s", voids[i].name,
                            voids[i].other);
            return false;
        }
    if (parameters->session.keep > 0 && !parameters->session.drop_oldest)
        fputs("primer: --keep has no effect without --drop-oldest\n", stderr);
    if (parameters->session.self_extend_window > 0 && parameters->session.self_extend_group <= 1)
        fputs("primer: --grp-attn-w has no effect without --grp-attn-n\n", stderr);
    return true;
}

/* False: the message was printed. */
static bool understand(struct run *run)
{
    struct settings *settings = run->settings;
    const size_t count = settings->argument_count;
    const bool alone = count == 1 && is_prompt(settings->arguments[0]);
    run->model_path = count > 0 && !alone ? settings->arguments[0] : NULL;
    run->prompt = count > 1 ? settings->arguments[1] : alone ? settings->arguments[0] : NULL;
    if (run->prompt != NULL && settings->prompt != NULL) {
        command_misused(settings->command,
                        "the prompt was given twice: as an argument and with --prompt");
        return false;
    }
    if (settings->prompt != NULL)
        run->prompt = settings->prompt;
    if (!check_effects(settings))
        return false;
    if (settings->template_name != NULL && strcmp(settings->template_name, OWN) != 0 &&
        primer_chat_format_named(settings->template_name) == NULL) {
        char shown[64];
        command_misused(
            settings->command,
            "--template: found \"%s\", expected own, phi-qa, phi-chat, llama2, mistral, chatml or "
            "plain",
            error_printable(settings->template_name, strlen(settings->template_name), shown,
                            sizeof shown));
        return false;
    }
    return true;
}

static bool is_piped(const struct run *run)
{
    if (run->settings->file != NULL || (run->settings->raw && run->prompt != NULL))
        return false;
    return isatty(STDIN_FILENO) == 0;
}

static bool is_chat(const struct run *run)
{
    return run->prompt == NULL && run->settings->file == NULL && !is_piped(run);
}

/* A last newline is the line's, not the text's: `echo text | primer run` and a file that ends as
 * files do. */
static primer_status read_text(const char *path, struct buffer *text, primer_error *error)
{
    FORWARD(file_read(path, TEXT_MOST, text, error));
    if (text->length > 0 && text->bytes[text->length - 1] == '\n')
        text->bytes[--text->length] = '\0';
    return PRIMER_OK;
}

static primer_status gather_text(struct run *run, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer about = {0};
    if (run->settings->file != NULL || is_piped(run))
        TRY(read_text(run->settings->file == NULL ? "-" : run->settings->file, &about, error));
    if (run->prompt != NULL)
        TRY(buffer_text(&run->text, run->prompt, error));
    if (run->prompt != NULL && *run->prompt != '\0' && about.length > 0)
        TRY(buffer_text(&run->text, "\n\n", error));
    TRY(buffer_append(&run->text, about.length > 0 ? about.bytes : "", about.length, error));

cleanup:
    buffer_free(&about);
    return status;
}

/* The file's own template; where it can't be run, the nearest of the named ones. */
static primer_status choose_format(struct run *run, bool chat, primer_error *error)
{
    const char *const name = run->settings->template_name;
    const bool own = name != NULL && strcmp(name, OWN) == 0;
    bool understood;
    if (run->settings->raw) {
        run->format = primer_chat_format_named(name == NULL || own ? "plain" : name);
        return PRIMER_OK;
    }
    const bool wanted = name == NULL || own || chat;
    const primer_status status =
        wanted ? primer_chat_format_own(run->model, &run->own, &run->own_problem) : PRIMER_OK;
    if (own && status != PRIMER_OK) {
        *error = run->own_problem;
        return status;
    }
    if (own && run->own == NULL)
        return error_set(error, PRIMER_EINVAL, "--template own: the model's file carries none");
    run->format = primer_chat_format_named(name);
    if (run->format == NULL)
        run->format = run->own != NULL ? run->own : primer_chat_format_of(run->model, &understood);
    return PRIMER_OK;
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* With --special the marks and what was written are one text. */
static primer_status special_tokens(const struct run *run, const primer_message *messages,
                                    size_t count, int32_t **ids, size_t *id_count,
                                    primer_error *error)
{
    char *text = NULL;
    size_t length = 0;
    FORWARD(primer_chat_text(run->format, messages, count, true, &text, &length, error));
    size_t bos = 0;
    const char *const begin = primer_token_bytes(run->model, primer_token_bos(run->model), &bos);
    const bool begun =
        strncmp(text, "<s>", 3) == 0 || (bos > 0 && length >= bos && memcmp(text, begin, bos) == 0);
    const primer_status status =
        primer_tokenize(run->model, text, length,
                        PRIMER_TEXT_SPECIAL | (begun ? 0U : PRIMER_TEXT_BOS), ids, id_count, error);
    primer_free(text);
    return status;
}

static primer_status chat_tokens(const struct run *run, int32_t **ids, size_t *count,
                                 primer_error *error)
{
    const struct settings *settings = run->settings;
    primer_message messages[2];
    size_t used = 0;
    const char *zero = memchr(run->text.bytes, '\0', run->text.length);
    if (zero != NULL)
        return error_set(error, PRIMER_EINVAL,
                         "the prompt holds a zero byte at offset %zu, which no template can write "
                         "(--raw takes any bytes)",
                         (size_t)(zero - run->text.bytes));
    if (settings->system != NULL)
        messages[used++] = (primer_message){"system", settings->system};
    messages[used++] = (primer_message){"user", run->text.bytes};
    if (settings->special)
        return special_tokens(run, messages, used, ids, count, error);
    return primer_chat_tokens(run->model, run->format, messages, used, true, ids, count, error);
}

static primer_status prompt_tokens(const struct run *run, int32_t **ids, size_t *count,
                                   primer_error *error)
{
    if (!run->settings->raw)
        return chat_tokens(run, ids, count, error);
    const unsigned special = run->settings->special ? PRIMER_TEXT_SPECIAL : 0;
    FORWARD(primer_tokenize(run->model, run->text.bytes, run->text.length,
                            PRIMER_TEXT_BOS | special, ids, count, error));
    if (*count > 0)
        return PRIMER_OK;
    return error_set(
        error, PRIMER_EINVAL,
        "the prompt is empty and this model's file asks for no beginning token: there is "
        "nothing to write on from");
}

static void end_line(const struct run *run, const struct answer *answer)
{
    const bool wanted = !run->settings->raw || output_is_terminal();
    if (wanted && !answer->ends_line && output_text("\n", NULL) == PRIMER_OK)
        output_flush(NULL);
}

static void say_about(const struct run *run, const struct answer *answer,
                      const primer_session *session)
{
    end_line(run, answer);
    answer_print_ending(answer, session);
    if (!run->settings->verbose)
        return;
    fprintf(stderr, "seed         %llu\n",
            (unsigned long long)run->settings->parameters.sampling.seed);
    answer_print_statistics(answer, session);
}

static primer_status answer_once(struct run *run, bool *interrupted, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct parameters *parameters = &run->settings->parameters;
    primer_session *session = NULL, *draft = NULL;
    primer_sampler *sampler = NULL;
    struct answer answer = {0};
    int32_t *ids = NULL;
    size_t count = 0;
    parameters_draw_seed(parameters);
    const primer_sampling sampling = parameters_sampling(parameters);
    TRY(prompt_tokens(run, &ids, &count, error));
    TRY(primer_sampler_create(run->model, &sampling, &sampler, error));
    TRY(primer_session_create(run->model, &parameters->session, &session, error));
    TRY(answer_open_draft(run->draft, session, &draft, error));
    const struct answer_request request = {
        .session = session,
        .draft = draft,
        .sampler = sampler,
        .parameters = parameters,
        .format = run->settings->raw ? NULL : run->format,
        .ids = ids,
        .count = count,
        .constraint = run->constraint,
        .trim = !run->settings->raw && strcmp(primer_chat_format_name(run->format), "plain") != 0};
    status = answer_write(&request, &answer, error);
    *interrupted = answer.reason == PRIMER_STOP_CANCELED;
    if (status == PRIMER_OK || *interrupted) {
        status = PRIMER_OK;
        say_about(run, &answer, session);
    }

cleanup:
    answer_free(&answer);
    primer_session_free(session);
    primer_session_free(draft);
    primer_sampler_free(sampler);
    primer_free(ids);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static primer_status open_chat(struct run *run, primer_error *error)
{
    const struct terminal_options options = {.model = run->model,
                                             .draft = run->draft,
                                             .format = run->format,
                                             .own = run->own,
                                             .problem = run->own_problem.message,
                                             .parameters = &run->settings->parameters,
                                             .system = run->settings->system,
                                             .statistics = run->settings->verbose,
                                             .constraint = run->constraint};
    return terminal_chat(&options, error);
}

static void say_unusable(const struct run *run)
{
    if (*run->own_problem.message != '\0' && run->settings->template_name == NULL)
        fprintf(stderr,
                "primer: the chat template in this file can't be used (%s); %s is used instead "
                "(--template NAME takes another)\n",
                run->own_problem.message, primer_chat_format_name(run->format));
}

static primer_status open_models(struct run *run, primer_error *error)
{
    struct settings *settings = run->settings;
    FORWARD(prefix_folder_path(&run->prefixes, error));
    settings->model.prefix_folder = run->prefixes.bytes;
    FORWARD(command_open_model(run->model_path, settings, &run->model, error));
    /* The built-in model writes programs: the most probable one is the best it has. */
    if (run->model_path == NULL && !settings->parameters.temperature_given)
        settings->parameters.sampling.temperature = 0;
    /* And has a context that a short conversation fills. */
    if (run->model_path == NULL && is_chat(run))
        settings->parameters.session.drop_oldest = true;
    FORWARD(adapter_option_open(settings, run->model, &run->adapters, error));
    if (settings->draft != NULL)
        FORWARD(command_open_model(settings->draft, settings, &run->draft, error));
    return PRIMER_OK;
}

static int run_command(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct run run = {.settings = settings};
    bool interrupted = false;
    if (!understand(&run))
        return EXIT_CODE_USAGE;
    const bool chat = is_chat(&run);
    TRY(constraint_option(settings, &run.constraint, error));
    TRY(open_models(&run, error));
    if (!chat)
        TRY(gather_text(&run, error));
    TRY(choose_format(&run, chat, error));
    if (!chat && !settings->raw && run.text.length == 0)
        FAIL(PRIMER_EINVAL, "there is no prompt: neither an argument nor text on standard input");
    if (chat) {
        status = open_chat(&run, error);
    } else {
        say_unusable(&run);
        status = answer_once(&run, &interrupted, error);
    }

cleanup:
    buffer_free(&run.text);
    primer_chat_format_free(run.own);
    adapter_option_close(&run.adapters);
    primer_model_free(run.draft);
    primer_model_free(run.model);
    primer_constraint_free(run.constraint);
    buffer_free(&run.prefixes);
    if (status != PRIMER_OK)
        return command_failed(error);
    return interrupted ? EXIT_CODE_INTERRUPTED : EXIT_CODE_OK;
}

const struct command command_run = {
    .name = "run",
    .group = "Talk",
    .arguments = "[MODEL] [PROMPT]",
    .summary = "answer a prompt, or open a chat",
    .teaching =
        "Examples\n"
        "  primer run phi-2.gguf                             a chat; /help in it lists its "
        "commands\n"
        "  primer run phi-2.gguf \"Why is the sky blue?\"      one answer\n"
        "  primer run phi-2.gguf \"Summarize:\" < notes.txt    about a text that is piped in\n"
        "  primer run phi-2.gguf \"Summarize:\" -f notes.txt   the same, from a file\n"
        "  echo \"Why?\" | primer run phi-2.gguf               what is piped in is the prompt\n"
        "  primer run stories.gguf --raw \"Once upon a time\"  no template: the text goes on\n"
        "  primer run phi-2.gguf --temp 0 -n 100 \"List:\"     always the same text, 100 tokens at "
        "most\n"
        "  primer run phi-2.gguf --draft phi-small.gguf        a smaller model guesses ahead\n"
        "  primer run phi-2.gguf --adapter poet.gguf=0.8       with a LoRA adapter\n"
        "  primer run phi-2.gguf --self-extend 4,512 -f long.txt \"Who is the thief?\"\n\n"
        "Standard output carries the answer alone. Ctrl-C stops it (exit code 130).\n"
        "A context that is too small for the prompt is an error that says both numbers; "
        "--drop-oldest\n"
        "lets the oldest text go instead, and says so.\n",
    .bit = COMMAND_RUN,
    .most = 2,
    .run = run_command,
};
