/* server_collect.c - see server_collect.h. */
#include "server/server_collect.h"

#include <string.h>

#include "base/memory.h"

static bool add_token(struct collected_choice *choice, const primer_generated *token)
{
    if (choice->token_count == choice->token_capacity) {
        const size_t capacity = choice->token_capacity * 2 + 64;
        struct collected_token *grown = memory_resize(choice->tokens, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        choice->tokens = grown;
        choice->token_capacity = capacity;
    }
    struct collected_token kept = {token->id, token->logprob, NULL, token->top_count};
    if (token->top_count > 0) {
        kept.top = memory_allocate(token->top_count, sizeof *kept.top);
        if (kept.top == NULL)
            return false;
        memcpy(kept.top, token->top, token->top_count * sizeof *kept.top);
    }
    choice->tokens[choice->token_count++] = kept;
    return true;
}

static bool add_call(struct collected_choice *choice, size_t index)
{
    if (index < choice->call_count)
        return true;
    struct collected_call *grown = memory_resize(choice->calls, index + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    choice->calls = grown;
    while (choice->call_count <= index)
        choice->calls[choice->call_count++] = (struct collected_call){0};
    return true;
}

static bool append(struct buffer *out, const struct answer_event *event)
{
    return buffer_append(out, event->text, event->length, NULL) == PRIMER_OK;
}

static bool take(struct collected *all, struct collected_choice *choice,
                 const struct answer_event *event)
{
    switch (event->kind) {
    case ANSWER_TOKEN:
        return !all->keep_tokens || add_token(choice, event->token);
    case ANSWER_CONTENT:
        return append(&choice->content, event);
    case ANSWER_THINKING:
        return append(&choice->thinking, event);
    case ANSWER_CALL:
        return add_call(choice, event->call) && append(&choice->calls[event->call].name, event);
    case ANSWER_CALL_ARGUMENTS:
        return add_call(choice, event->call) &&
               append(&choice->calls[event->call].arguments, event);
    case ANSWER_FINISH:
        choice->reason = event->reason;
        choice->stop = event->stop;
        return true;
    default:
        return true;
    }
}

bool server_collect_sink(void *context, const struct answer_event *event)
{
    struct collected *all = context;
    if (take(all, &all->choices[event->choice], event))
        return true;
    all->status = PRIMER_ENOMEM;
    return false;
}

void server_collect_free(struct collected *collected)
{
    for (size_t i = 0; i < ANSWER_CHOICES_MOST; i++) {
        struct collected_choice *choice = &collected->choices[i];
        buffer_free(&choice->content);
        buffer_free(&choice->thinking);
        for (size_t j = 0; j < choice->call_count; j++) {
            buffer_free(&choice->calls[j].name);
            buffer_free(&choice->calls[j].arguments);
        }
        for (size_t j = 0; j < choice->token_count; j++)
            memory_free(choice->tokens[j].top);
        memory_free(choice->calls);
        memory_free(choice->tokens);
        *choice = (struct collected_choice){0};
    }
}
