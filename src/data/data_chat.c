/* data_chat.c - which tokens of a conversation the assistant says, whatever the template does.
 *
 * A template is a program: it may trim texts, leave thoughts out of earlier turns, or put words
 * around an answer; the texts can't be looked for in what it wrote. But it can be asked twice. With
 * the messages up to an answer written as they are (F), and once more with another answer (S), both
 * as tokens, and with the whole conversation (T):
 *
 *   T   | what came before | answer | its end | what follows ... |
 *   F   | what came before | answer | its end |
 *   S   | what came before | other  | its end |
 *
 *   begin    as many tokens as S and T begin with in common
 *   its end  as many tokens as S and F end with in common
 *   end      where F ends in T
 *
 * The other answer begins and ends with characters of the same kind as the true one, so that the
 * tokens around are the same, but with other ones. Where a token reaches across the border it
 * counts as the answer's. What follows an end token inside `its end` (the line's end that ChatML
 * writes) is not asked for: nobody generates it.
 *
 * Where T begins otherwise than F does (a thought that is left out once the conversation goes on)
 * the end is where the tokens of `its end` stand in T for the first time behind the begin.
 */
#include "data/data_chat.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct ids {
    int32_t *ids;
    size_t count;
};

static primer_status no_memory(primer_error *error)
{
    return memory_failure(error, "a conversation", 1);
}

static bool is_assistant(const json_t *message)
{
    const char *const role = json_string_value(json_object_get(message, "role"));
    return role != NULL && strcmp(role, "assistant") == 0;
}

static bool is_wanted(const json_t *message)
{
    const json_t *const weight = json_object_get(message, "weight");
    return is_assistant(message) && !(json_is_number(weight) && json_number_value(weight) == 0);
}

/* ---- the template, asked --------------------------------------------------------------------- */

/* jansson passes over what fails in a member's name; so it is noted here. */
struct dump {
    struct buffer text;
    bool failed;
};

static int append_piece(const char *bytes, size_t length, void *context)
{
    struct dump *const dump = context;
    dump->failed = dump->failed || buffer_append(&dump->text, bytes, length, NULL) != PRIMER_OK;
    return dump->failed ? -1 : 0;
}

static primer_status tokens_of(const struct data_maker *maker, const json_t *conversation,
                               struct ids *out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct dump dump = {0};
    struct ids made = {0};
    if (json_dump_callback(conversation, append_piece, &dump, JSON_COMPACT) != 0 || dump.failed)
        status = no_memory(error);
    else
        status = primer_chat_json_tokens(maker->model, maker->format, dump.text.bytes,
                                         dump.text.length, 0, &made.ids, &made.count, error);
    buffer_free(&dump.text);
    if (status != PRIMER_OK)
        return status;
    primer_free(out->ids);
    *out = made;
    return PRIMER_OK;
}

/* The first `count` messages, the last of them replaced where `last` isn't NULL. */
static primer_status tokens_of_first(const struct data_maker *maker, const json_t *conversation,
                                     size_t count, json_t *last, struct ids *out,
                                     primer_error *error)
{
    const json_t *const messages = json_object_get(conversation, "messages");
    json_t *const shorter = json_copy((json_t *)(uintptr_t)conversation); /* jansson's wish */
    json_t *const list = json_array();
    bool made = shorter != NULL && list != NULL;
    for (size_t i = 0; made && i < count; i++)
        made = json_array_append(
                   list, i + 1 == count && last != NULL ? last : json_array_get(messages, i)) == 0;
    made = made && json_object_set(shorter, "messages", list) == 0;
    const primer_status status = made ? tokens_of(maker, shorter, out, error) : no_memory(error);
    json_decref(list);
    json_decref(shorter);
    return status;
}

/* ---- another answer -------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Another character of the same kind. */
static char other_than(char c)
{
    if (c >= '0' && c <= '9')
        return c == '4' ? '7' : '4';
    if (c >= 'A' && c <= 'Z')
        return c == 'A' ? 'B' : 'A';
    if ((c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80 || c == '\0')
        return c == 'a' ? 'b' : 'a';
    return c == '*' ? '#' : '*';
}

static json_t *other_answer(const json_t *message)
{
    const json_t *const content = json_object_get(message, "content");
    const char *const text = json_is_string(content) ? json_string_value(content) : "";
    size_t begin = 0, end = strlen(text);
    while (end > 0 && is_space(text[end - 1]))
        end--;
    while (begin < end && is_space(text[begin]))
        begin++;
    const char other[] = {other_than(text[begin]), 'x', other_than(end > 0 ? text[end - 1] : '\0'),
                          '\0'};
    return json_pack("{s:s, s:s}", "role", "assistant", "content", other);
}

/* ---- what it says ---------------------------------------------------------------------------- */

static size_t common_begin(const struct ids *a, const struct ids *b)
{
    const size_t most = a->count < b->count ? a->count : b->count;
    size_t count = 0;
    while (count < most && a->ids[count] == b->ids[count])
        count++;
    return count;
}

static size_t common_end(const struct ids *a, const struct ids *b, size_t begin)
{
    const size_t least = a->count < b->count ? a->count : b->count;
    size_t count = 0;
    while (count + begin < least && a->ids[a->count - 1 - count] == b->ids[b->count - 1 - count])
        count++;
    return count;
}

struct answer {
    size_t begin, mark, end; /* in T; mark: where its end begins */
};

static primer_status rewritten(size_t message, primer_error *error)
{
    return error_set(error, PRIMER_EUNSUPPORTED,
                     "messages[%zu]: the template writes this answer otherwise once the "
                     "conversation goes on, and where it ends can't be found",
                     message);
}

/* Where F doesn't go on in T: the first place of what ends F, which must hold a token that no text
 * can be. */
static primer_status find_end(const struct data_maker *maker, const struct ids *whole,
                              const struct ids *first, size_t ending, size_t message,
                              struct answer *answer, primer_error *error)
{
    const int32_t *const end = first->ids + first->count - ending;
    bool special = false;
    for (size_t i = 0; i < ending; i++)
        special = special || primer_token_ends(maker->model, end[i]);
    for (size_t at = answer->begin; special && at + ending <= whole->count; at++) {
        if (memcmp(whole->ids + at, end, ending * sizeof *end) != 0)
            continue;
        answer->mark = at;
        answer->end = at + ending;
        return PRIMER_OK;
    }
    return rewritten(message, error);
}

static primer_status find_answer(const struct data_maker *maker, const struct ids *whole,
                                 const struct ids *first, const struct ids *other, size_t message,
                                 struct answer *answer, primer_error *error)
{
    const size_t reach = common_begin(first, whole);
    answer->begin = common_begin(other, whole);
    const size_t ending = common_end(other, first, answer->begin);
    if (reach < answer->begin || reach + ending < first->count)
        return find_end(maker, whole, first, ending, message, answer, error);
    answer->mark = first->count - ending;
    answer->end = reach;
    return PRIMER_OK;
}

/* Cuts what stands behind an end token; *ends: there is one. */
static void cut_end(const struct data_maker *maker, const struct ids *whole, struct answer *answer,
                    bool *ends)
{
    *ends = false;
    for (size_t i = answer->mark; i < answer->end && !*ends; i++) {
        *ends = primer_token_ends(maker->model, whole->ids[i]);
        if (*ends)
            answer->end = i + 1;
    }
}

/* ---- a conversation -------------------------------------------------------------------------- */

struct talk {
    const struct data_maker *maker;
    const json_t *conversation;
    size_t messages;
    struct ids whole, first, other; /* T, F, S */
};

/* *ends: the answer has an end token of its own. */
static primer_status mark_answer(struct talk *talk, size_t index, size_t least,
                                 unsigned char *asked, struct answer *answer, bool *ends,
                                 primer_error *error)
{
    const struct data_maker *const maker = talk->maker;
    const json_t *const messages = json_object_get(talk->conversation, "messages");
    json_t *const other = other_answer(json_array_get(messages, index));
    if (other == NULL)
        return no_memory(error);
    const primer_status status =
        tokens_of_first(maker, talk->conversation, index + 1, other, &talk->other, error);
    json_decref(other);
    FORWARD(status);
    const bool last = index + 1 == talk->messages;
    if (!last)
        FORWARD(tokens_of_first(maker, talk->conversation, index + 1, NULL, &talk->first, error));
    FORWARD(find_answer(maker, &talk->whole, last ? &talk->whole : &talk->first, &talk->other,
                        index, answer, error));
    cut_end(maker, &talk->whole, answer, ends);
    if (answer->begin < least || answer->end < answer->begin)
        return rewritten(index, error);
    memset(asked + answer->begin, 1, answer->end - answer->begin);
    return PRIMER_OK;
}

static primer_status text_bytes(const struct data_maker *maker, const int32_t *ids, size_t count,
                                uint64_t *bytes, primer_error *error)
{
    char *text = NULL;
    size_t length = 0;
    FORWARD(
        primer_detokenize(maker->model, ids, count, PRIMER_TEXT_CONTINUE, &text, &length, error));
    primer_free(text);
    *bytes += length;
    return PRIMER_OK;
}

/* Marks all answers; *open: the last message is an answer without an end token. */
static primer_status mark_answers(struct talk *talk, struct data_tokens *tokens, bool *open,
                                  primer_error *error)
{
    const json_t *const messages = json_object_get(talk->conversation, "messages");
    struct answer answer = {0};
    bool any = false;
    for (size_t i = 0; i < talk->messages; i++) {
        bool ends = false;
        if (!is_wanted(json_array_get(messages, i)))
            continue;
        FORWARD(mark_answer(talk, i, answer.end, tokens->asked, &answer, &ends, error));
        FORWARD(text_bytes(talk->maker, tokens->ids + answer.begin, answer.end - answer.begin,
                           &tokens->asked_bytes, error));
        *open = i + 1 == talk->messages && !ends;
        any = true;
    }
    return any ? PRIMER_OK
               : error_set(error, PRIMER_EFORMAT,
                           "\"messages\": none that counts is the assistant's");
}

primer_status data_chat_tokens(const struct data_maker *maker, const json_t *conversation,
                               struct data_tokens *tokens, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct talk talk = {
        .maker = maker,
        .conversation = conversation,
        .messages = json_array_size(json_object_get(conversation, "messages")),
    };
    bool open = false;
    if (maker->format == NULL)
        return error_set(error, PRIMER_EUNSUPPORTED, "%s", maker->no_format);
    TRY(tokens_of(maker, conversation, &talk.whole, error));
    TRY(data_tokens_append(tokens, talk.whole.ids, talk.whole.count, false, error));
    TRY(mark_answers(&talk, tokens, &open, error));
    TRY(text_bytes(maker, tokens->ids, tokens->count, &tokens->text_bytes, error));
    if (tokens->count == 0 || tokens->ids[tokens->count - 1] != maker->end)
        TRY(data_tokens_append(tokens, &maker->end, 1, open, error));
cleanup:
    primer_free(talk.whole.ids);
    primer_free(talk.first.ids);
    primer_free(talk.other.ids);
    return status;
}
