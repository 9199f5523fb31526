/* dialogue.c - turns of a conversation. */
#include "terminal/dialogue.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/render.h"

primer_status dialogue_create(struct dialogue *dialogue, primer_model *model, primer_model *draft,
                              const primer_chat_format *format, struct parameters *parameters,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    *dialogue = (struct dialogue){.model = model, .format = format, .parameters = *parameters};
    *parameters = (struct parameters){0};
    parameters_draw_seed(&dialogue->parameters);
    TRY(dialogue_renew_session(dialogue, error));
    TRY(dialogue_renew_sampler(dialogue, error));
    TRY(answer_open_draft(draft, dialogue->session, &dialogue->draft, error));
    return PRIMER_OK;

cleanup:
    dialogue_free(dialogue);
    return status;
}

void dialogue_free(struct dialogue *dialogue)
{
    interrupt_target(NULL);
    answer_free(&dialogue->last);
    primer_sampler_free(dialogue->sampler);
    primer_session_free(dialogue->session);
    primer_session_free(dialogue->draft);
    conversation_free(&dialogue->conversation);
    parameters_free(&dialogue->parameters);
    *dialogue = (struct dialogue){0};
}

const primer_chat_format *dialogue_format(const struct dialogue *dialogue, const char *name)
{
    const bool own = dialogue->own != NULL && name != NULL &&
                     strcmp(primer_chat_format_name(dialogue->own), name) == 0;
    return own ? dialogue->own : primer_chat_format_named(name);
}

primer_status dialogue_renew_session(struct dialogue *dialogue, primer_error *error)
{
    primer_session *session = NULL;
    FORWARD(primer_session_create(dialogue->model, &dialogue->parameters.session, &session, error));
    primer_session_free(dialogue->session);
    dialogue->session = session;
    return PRIMER_OK;
}

primer_status dialogue_renew_sampler(struct dialogue *dialogue, primer_error *error)
{
    const primer_sampling sampling = parameters_sampling(&dialogue->parameters);
    primer_sampler *sampler = NULL;
    FORWARD(primer_sampler_create(dialogue->model, &sampling, &sampler, error));
    primer_sampler_free(dialogue->sampler);
    dialogue->sampler = sampler;
    return PRIMER_OK;
}

primer_status dialogue_clear(struct dialogue *dialogue, primer_error *error)
{
    conversation_clear(&dialogue->conversation);
    return primer_session_rewind(dialogue->session, 0, error);
}

/* Keeps in the session what the conversation and it have in common. */
static primer_status rewind_session(struct dialogue *dialogue, primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0, held = 0, common = 0;
    FORWARD(conversation_tokens(&dialogue->conversation, dialogue->model, dialogue->format, false,
                                &ids, &count, error));
    const int32_t *tokens = primer_session_tokens(dialogue->session, &held);
    while (common < count && common < held && ids[common] == tokens[common])
        common++;
    primer_free(ids);
    return primer_session_rewind(dialogue->session, common, error);
}

primer_status dialogue_take_back(struct dialogue *dialogue, primer_error *error)
{
    if (!conversation_take_back(&dialogue->conversation, "user"))
        return error_set(error, PRIMER_EINVAL, "nothing was said yet");
    /* What is left may be a conversation that no template writes: then nothing of it is kept. */
    return rewind_session(dialogue, NULL) == PRIMER_OK
               ? PRIMER_OK
               : primer_session_rewind(dialogue->session, 0, error);
}

primer_status dialogue_set(struct dialogue *dialogue, const struct parameter *parameter,
                           const char *text, primer_error *error)
{
    struct parameters *parameters = &dialogue->parameters;
    const primer_session_options before = parameters->session;
    const size_t biases = parameters->bias_count;
    FORWARD(parameters_set(parameters, parameter, parameter->name, text, error));
    parameters_draw_seed(parameters);
    const primer_status status = parameter->session ? dialogue_renew_session(dialogue, error)
                                                    : dialogue_renew_sampler(dialogue, error);
    if (status != PRIMER_OK) {
        parameters->session = before;
        parameters->bias_count = biases < parameters->bias_count ? biases : parameters->bias_count;
    }
    return status;
}

/* ---- one answer ------------------------------------------------------------------------------ */

static void say_dropped(size_t messages, size_t context)
{
    fprintf(stderr,
            "%sprimer: the oldest %zu messages were left out, to make room in the context of %zu "
            "tokens%s\n",
            render_style(STDERR_FILENO, RENDER_WARN), messages, context,
            render_style(STDERR_FILENO, RENDER_PLAIN));
}

/* The conversation's tokens. If that was asked for, and an answer may need more than what is left,
 * the oldest questions are left out until half of the context is free: not one at each turn. */
static primer_status render_fitting(struct dialogue *dialogue, int32_t **ids, size_t *count,
                                    primer_error *error)
{
    struct conversation *conversation = &dialogue->conversation;
    const size_t context = primer_session_context(dialogue->session), first = conversation->first;
    FORWARD(conversation_tokens(conversation, dialogue->model, dialogue->format, true, ids, count,
                                error));
    const bool drop = dialogue->parameters.session.drop_oldest && *count > context - context / 4;
    while (drop && *count > context / 2 && conversation_drop_oldest(conversation)) {
        primer_free(*ids);
        *ids = NULL;
        FORWARD(conversation_tokens(conversation, dialogue->model, dialogue->format, true, ids,
                                    count, error));
    }
    if (conversation->first > first)
        say_dropped(conversation->first - first, context);
    if (*count < context || dialogue->parameters.session.drop_oldest)
        return PRIMER_OK;
    primer_free(*ids);
    *ids = NULL;
    return error_set(
        error, PRIMER_ELIMIT,
        "the conversation takes %zu tokens and leaves no room in the context of %zu "
        "(/clear begins anew, /undo takes the last turn back, /set parameter num_ctx N makes "
        "room, /set parameter drop_oldest on drops what is oldest)",
        *count, context);
}

static bool trims(const struct dialogue *dialogue)
{
    return strcmp(primer_chat_format_name(dialogue->format), "plain") != 0;
}

static void say_end(struct dialogue *dialogue)
{
    if (!dialogue->last.ends_line) {
        output_write("\n", 1, NULL);
        output_flush(NULL);
    }
    if (dialogue->last.reason == PRIMER_STOP_CANCELED)
        fprintf(stderr, "%s(stopped)%s\n", render_style(STDERR_FILENO, RENDER_DIM),
                render_style(STDERR_FILENO, RENDER_PLAIN));
    answer_print_ending(&dialogue->last, dialogue->session);
    if (dialogue->statistics)
        answer_print_statistics(&dialogue->last, dialogue->session);
}

/* Answers the last message. Ctrl-C before the first character is no error, and leaves no answer. */
static primer_status answer_last(struct dialogue *dialogue, primer_error *error)
{
    primer_status status = PRIMER_OK;
    int32_t *ids = NULL;
    size_t count = 0;
    TRY(render_fitting(dialogue, &ids, &count, error));
    answer_free(&dialogue->last);
    const struct answer_request request = {.session = dialogue->session,
                                           .draft = dialogue->draft,
                                           .sampler = dialogue->sampler,
                                           .parameters = &dialogue->parameters,
                                           .format = dialogue->format,
                                           .ids = ids,
                                           .count = count,
                                           .trim = trims(dialogue),
                                           .constraint = dialogue->constraint};
    status = answer_write(&request, &dialogue->last, error);
    dialogue->answered = true;
    if (status == PRIMER_ECANCELED)
        status = PRIMER_OK;
    say_end(dialogue);
    if (status == PRIMER_OK && dialogue->last.text.length > 0)
        status = conversation_add(&dialogue->conversation, "assistant", dialogue->last.text.bytes,
                                  error);

cleanup:
    primer_free(ids);
    return status;
}

primer_status dialogue_say(struct dialogue *dialogue, const char *text, primer_error *error)
{
    struct conversation *conversation = &dialogue->conversation;
    const size_t first = conversation->first;
    FORWARD(conversation_add(conversation, "user", text, error));
    const primer_status status = answer_last(dialogue, error);
    const bool silent = conversation_last(conversation, "user") != NULL;
    if (status != PRIMER_OK || (silent && dialogue->last.reason == PRIMER_STOP_CANCELED)) {
        conversation_take_back(conversation, "user");
        conversation->first = first;
    }
    return status;
}

primer_status dialogue_again(struct dialogue *dialogue, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct conversation *conversation = &dialogue->conversation;
    const char *former = conversation_last(conversation, "assistant");
    char *kept = NULL;
    if (former != NULL) {
        kept = memory_copy_text(former);
        if (kept == NULL)
            FAIL(PRIMER_ENOMEM, "no memory for the former answer");
        conversation_take_back(conversation, "assistant");
    }
    if (conversation_last(conversation, "user") == NULL)
        FAIL(PRIMER_EINVAL, "nothing was asked yet");
    status = answer_last(dialogue, error);
    if (kept != NULL && conversation_last(conversation, "user") != NULL) {
        const primer_status again = conversation_add(conversation, "assistant", kept, NULL);
        status = status == PRIMER_OK ? again : status;
    }

cleanup:
    memory_free(kept);
    return status;
}
