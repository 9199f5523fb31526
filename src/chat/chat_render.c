/* chat_render.c - a conversation as text and as tokens.
 *
 * One walk over the messages gives pieces, in order, each a mark (from the format's row) or a
 * content (what people wrote). Two sinks take them:
 *
 *   text    appends both
 *   tokens  | special | run of plain text            | special | run ...
 *           marks are cut at the special tokens named in them; everything between two special
 * tokens, marks and contents alike, is tokenised as one run, since a tokenizer joins across such
 * borders
 *           ("Output:" and " Paris"), and as plain text, so that a content never becomes a special
 * token.
 */
#include "chat/chat_format.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "chat/chat_conversation.h"
#include "chat/chat_own.h"

/* ---- the walk -------------------------------------------------------------------------------- */

struct sink {
    primer_status (*mark)(struct sink *sink, const char *text, primer_error *error);
    primer_status (*content)(struct sink *sink, const char *text, size_t length,
                             primer_error *error);
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static primer_status put_content(struct sink *sink, const primer_chat_format *format,
                                 const char *text, primer_error *error)
{
    size_t length = strlen(text);
    if (format->strip) {
        for (; length > 0 && is_space(*text); text++)
            length--;
        while (length > 0 && is_space(text[length - 1]))
            length--;
    }
    return length == 0 ? PRIMER_OK : sink->content(sink, text, length, error);
}

static primer_status put_system(struct sink *sink, const primer_chat_format *format,
                                const char *text, primer_error *error)
{
    FORWARD(sink->mark(sink, format->system_begin, error));
    FORWARD(put_content(sink, format, text, error));
    return sink->mark(sink, format->system_end, error);
}

/* `system`: what is still to be said inside this turn, or NULL. */
static primer_status put_user(struct sink *sink, const primer_chat_format *format,
                              const char *system, const char *text, primer_error *error)
{
    FORWARD(sink->mark(sink, format->user_begin, error));
    if (system != NULL)
        FORWARD(put_system(sink, format, system, error));
    FORWARD(put_content(sink, format, text, error));
    return sink->mark(sink, format->user_end, error);
}

static primer_status put_answer(struct sink *sink, const primer_chat_format *format,
                                const char *text, primer_error *error)
{
    FORWARD(sink->mark(sink, format->answer_begin, error));
    FORWARD(sink->mark(sink, format->answer_space, error));
    FORWARD(put_content(sink, format, text, error));
    return sink->mark(sink, format->answer_end, error);
}

static primer_status put_message(struct sink *sink, const primer_chat_format *format,
                                 const primer_message *message, const char **waiting,
                                 primer_error *error)
{
    const char *role = message->role == NULL ? "(none)" : message->role;
    const char *text = message->content == NULL ? "" : message->content;
    if (strcmp(role, "user") == 0) {
        const char *system = *waiting;
        *waiting = NULL;
        return put_user(sink, format, system, text, error);
    }
    if (strcmp(role, "assistant") == 0)
        return put_answer(sink, format, text, error);
    char shown[64];
    if (strcmp(role, "system") != 0)
        return error_set(error, PRIMER_EINVAL,
                         "role of a message: found \"%s\", expected system, user or assistant",
                         error_printable(role, strlen(role), shown, sizeof shown));
    if (*text == '\0')
        return PRIMER_OK;
    if (!format->system_inside)
        return put_system(sink, format, text, error);
    if (*waiting != NULL)
        FORWARD(put_user(sink, format, *waiting, "", error));
    *waiting = text;
    return PRIMER_OK;
}

static primer_status walk(struct sink *sink, const primer_chat_format *format,
                          const primer_message *messages, size_t count, bool answer,
                          primer_error *error)
{
    const char *waiting = NULL; /* a system's text that the next user's turn will hold */
    FORWARD(sink->mark(sink, format->begin, error));
    for (size_t i = 0; i < count; i++)
        FORWARD(put_message(sink, format, &messages[i], &waiting, error));
    if (waiting != NULL)
        FORWARD(put_user(sink, format, waiting, "", error));
    return answer ? sink->mark(sink, format->answer_begin, error) : PRIMER_OK;
}

/* ---- conversations as JSON ------------------------------------------------------------------- */

/* For a template of the model's own. Unchecked: what a model wrote may end within a character. */
static primer_status conversation_of(const primer_message *messages, size_t count,
                                     struct chat_conversation *conversation, primer_error *error)
{
    json_t *const list = json_array();
    bool made = list != NULL;
    for (size_t i = 0; i < count && made; i++) {
        const char *const role = messages[i].role == NULL ? "" : messages[i].role;
        const char *const content = messages[i].content == NULL ? "" : messages[i].content;
        json_t *const message = json_pack("{s:o, s:o}", "role", json_string_nocheck(role),
                                          "content", json_string_nocheck(content));
        made = json_array_append_new(list, message) == 0;
    }
    if (!made) {
        json_decref(list);
        return memory_failure(error, "the conversation", count);
    }
    *conversation = (struct chat_conversation){.messages = list};
    return PRIMER_OK;
}

/* For a named format: [count] messages that point into `fitted`. */
static primer_status messages_of(const struct chat_conversation *fitted, primer_message **messages,
                                 size_t *count, primer_error *error)
{
    *count = json_array_size(fitted->messages);
    *messages = memory_allocate(*count, sizeof **messages);
    if (*messages == NULL)
        return memory_failure(error, "the conversation", *count * sizeof **messages);
    for (size_t i = 0; i < *count; i++) {
        const json_t *const message = json_array_get(fitted->messages, i);
        (*messages)[i] = (primer_message){json_string_value(json_object_get(message, "role")),
                                          json_string_value(json_object_get(message, "content"))};
    }
    return PRIMER_OK;
}

/* ---- as text --------------------------------------------------------------------------------- */

struct text_sink {
    struct sink sink;
    struct buffer text;
};

static primer_status text_content(struct sink *sink, const char *text, size_t length,
                                  primer_error *error)
{
    return buffer_append(&((struct text_sink *)sink)->text, text, length, error);
}

static primer_status text_mark(struct sink *sink, const char *text, primer_error *error)
{
    return text_content(sink, text, strlen(text), error);
}

primer_status primer_chat_text(const primer_chat_format *format, const primer_message *messages,
                               size_t count, bool answer, char **text, size_t *length,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (chat_format_is_template(format)) {
        struct chat_conversation conversation;
        FORWARD(conversation_of(messages, count, &conversation, error));
        status = chat_own_text(format, &conversation, answer, text, length, error);
        chat_json_free(&conversation);
        return status;
    }
    struct text_sink out = {.sink = {text_mark, text_content}};
    TRY(buffer_reserve(&out.text, 1, error));
    TRY(walk(&out.sink, format, messages, count, answer, error));
    TRY(buffer_append(&out.text, "", 0, error));
    *text = out.text.bytes;
    *length = out.text.length;
    return PRIMER_OK;

cleanup:
    buffer_free(&out.text);
    return status;
}

/* ---- as tokens ------------------------------------------------------------------------------- */

#define BEGINNING "<s>"
#define END       "</s>"

struct token_sink {
    struct sink sink;
    const primer_model *model;
    const primer_chat_format *format;
    struct buffer run; /* plain text since the last special token */
    int32_t *ids;
    size_t count, capacity;
    bool begun; /* something was put: no beginning token any more */
};

static primer_status put_ids(struct token_sink *out, const int32_t *ids, size_t count,
                             primer_error *error)
{
    if (count > out->capacity - out->count) {
        const size_t capacity = (out->count + count) * 2;
        int32_t *grown = memory_resize(out->ids, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "the conversation's tokens", capacity * sizeof *grown);
        out->ids = grown;
        out->capacity = capacity;
    }
    if (count > 0)
        memcpy(out->ids + out->count, ids, count * sizeof *ids);
    out->count += count;
    return PRIMER_OK;
}

/* Tokenises the run that is waiting; at the very beginning, even an empty one, with the token that
 * the file wants there. */
static primer_status end_run(struct token_sink *out, primer_error *error)
{
    if (out->run.length == 0 && out->begun)
        return PRIMER_OK;
    int32_t *ids = NULL;
    size_t count = 0;
    const char *text = out->run.length == 0 ? "" : out->run.bytes;
    const unsigned flags = out->begun ? 0 : PRIMER_TEXT_BOS;
    FORWARD(primer_tokenize(out->model, text, out->run.length, flags, &ids, &count, error));
    const primer_status status = put_ids(out, ids, count, error);
    primer_free(ids);
    buffer_clear(&out->run);
    out->begun = true;
    return status;
}

/* The length of the special mark that begins at `text` and its id; 0 where none does. *id is -1 for
 * a beginning or end token that the model doesn't have. */
static size_t special_at(const struct token_sink *out, const char *text, int32_t *id)
{
    if (strncmp(text, BEGINNING, strlen(BEGINNING)) == 0) {
        *id = primer_token_bos(out->model);
        return strlen(BEGINNING);
    }
    if (strncmp(text, END, strlen(END)) == 0) {
        *id = primer_token_eos(out->model);
        return strlen(END);
    }
    for (size_t i = 0; i < CHAT_FORMAT_SPECIALS && out->format->special[i] != NULL; i++) {
        const size_t length = strlen(out->format->special[i]);
        if (strncmp(text, out->format->special[i], length) != 0)
            continue;
        *id = primer_token_find(out->model, text, length);
        return *id >= 0 ? length : 0;
    }
    return 0;
}

static primer_status token_content(struct sink *sink, const char *text, size_t length,
                                   primer_error *error)
{
    return buffer_append(&((struct token_sink *)sink)->run, text, length, error);
}

static primer_status token_mark(struct sink *sink, const char *text, primer_error *error)
{
    struct token_sink *out = (struct token_sink *)sink;
    while (*text != '\0') {
        int32_t id = -1;
        const size_t length = special_at(out, text, &id);
        if (length == 0) {
            FORWARD(token_content(sink, text++, 1, error));
            continue;
        }
        const bool first = !out->begun && out->run.length == 0 && id >= 0;
        if (first && strncmp(text, BEGINNING, strlen(BEGINNING)) == 0)
            out->begun = true; /* the format writes it, whatever the file asks for */
        FORWARD(end_run(out, error));
        if (id >= 0)
            FORWARD(put_ids(out, &id, 1, error));
        text += length;
    }
    return PRIMER_OK;
}

primer_status primer_chat_tokens(const primer_model *model, const primer_chat_format *format,
                                 const primer_message *messages, size_t count, bool answer,
                                 int32_t **ids, size_t *id_count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (chat_format_is_template(format)) {
        struct chat_conversation conversation;
        FORWARD(conversation_of(messages, count, &conversation, error));
        status = chat_own_tokens(model, format, &conversation, answer, ids, id_count, error);
        chat_json_free(&conversation);
        return status;
    }
    struct token_sink out = {.sink = {token_mark, token_content}, .model = model, .format = format};
    TRY(walk(&out.sink, format, messages, count, answer, error));
    TRY(end_run(&out, error));
    *ids = out.ids;
    *id_count = out.count;
    out.ids = NULL;

cleanup:
    memory_free(out.ids);
    buffer_free(&out.run);
    return status;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

/* What a template refuses is what the format can't write. */
static primer_status refused(primer_status status, primer_error *error)
{
    if (status != PRIMER_EINVAL)
        return status;
    if (error != NULL)
        error->status = PRIMER_EUNSUPPORTED;
    return PRIMER_EUNSUPPORTED;
}

primer_status primer_chat_json_text(const primer_chat_format *format, const char *json,
                                    size_t json_length, unsigned flags, char **text, size_t *length,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_conversation given = {0}, fitted = {0};
    primer_message *messages = NULL;
    size_t count = 0;
    const bool answer = (flags & PRIMER_CHAT_ANSWER) != 0;
    TRY(chat_json_read(json, json_length, &given, error));
    if (chat_format_is_template(format))
        TRY(refused(chat_own_text(format, &given, answer, text, length, error), error));
    else {
        TRY(chat_conversation_fit(format, &given, CHAT_REPAIR_NOTHING, &fitted, error));
        TRY(messages_of(&fitted, &messages, &count, error));
        TRY(primer_chat_text(format, messages, count, answer, text, length, error));
    }

cleanup:
    memory_free(messages);
    chat_json_free(&given);
    chat_json_free(&fitted);
    return status;
}

primer_status primer_chat_json_tokens(const primer_model *model, const primer_chat_format *format,
                                      const char *json, size_t json_length, unsigned flags,
                                      int32_t **ids, size_t *id_count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_conversation given = {0}, fitted = {0};
    primer_message *messages = NULL;
    size_t count = 0;
    const bool answer = (flags & PRIMER_CHAT_ANSWER) != 0;
    TRY(chat_json_read(json, json_length, &given, error));
    if (chat_format_is_template(format))
        TRY(refused(chat_own_tokens(model, format, &given, answer, ids, id_count, error), error));
    else {
        TRY(chat_conversation_fit(format, &given, CHAT_REPAIR_NOTHING, &fitted, error));
        TRY(messages_of(&fitted, &messages, &count, error));
        TRY(primer_chat_tokens(model, format, messages, count, answer, ids, id_count, error));
    }

cleanup:
    memory_free(messages);
    chat_json_free(&given);
    chat_json_free(&fitted);
    return status;
}
