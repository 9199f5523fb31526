/* teacher_endpoint.c - an endpoint of OpenAI's kind as the teacher. Declared in teacher.h.
 *
 *   POST URL/chat/completions
 *     {"model", "messages": [{"role": "system|user", "content"}], "max_tokens", "temperature", "seed"}
 *   <- {"choices": [{"message": {"content"}, "finish_reason": "stop|length"}]}
 *
 * A key is sent over https, and to this machine; to no other.
 */
#include "data/teacher.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "net/net_retry.h"

#define MAX_TOKENS  1024
#define TEMPERATURE 0.8
#define SECONDS     300.0
#define ANSWER_MOST ((uint64_t)16 << 20)
#define KEY_MOST    ((size_t)16 << 10)

enum {
    SHOWN = 120,
    USELESS_MOST = 4096
}; /* bytes of what is no answer: in a line, in OUT.refused */

struct place {
    struct net_http *http; /* NULL: not needed yet */
    struct net_response response;
    struct buffer body;
};

struct endpoint {
    const struct data_teacher_options *options;
    const struct teacher_patience *patience;
    struct buffer url, authorization; /* authorization empty: no key */
    struct place *places;             /* [count] */
    size_t count;
};

bool teacher_endpoint_is(const char *name)
{
    return strncasecmp(name, "http://", 7) == 0 || strncasecmp(name, "https://", 8) == 0;
}

static void free_endpoint(void *state)
{
    struct endpoint *const endpoint = state;
    for (size_t i = 0; endpoint->places != NULL && i < endpoint->count; i++) {
        net_http_close(endpoint->places[i].http);
        net_http_free(&endpoint->places[i].response);
        buffer_free(&endpoint->places[i].body);
    }
    memory_free(endpoint->places);
    buffer_free(&endpoint->url);
    buffer_free(&endpoint->authorization);
    memory_free(endpoint);
}

/* ---- the question ---------------------------------------------------------------------------- */

static primer_status write_body(const struct data_teacher_options *options,
                                const struct teacher_question *question, struct buffer *body,
                                primer_error *error)
{
    const size_t most = options->max_tokens > 0 ? options->max_tokens : MAX_TOKENS;
    const double temperature = options->temperature >= 0 ? options->temperature : TEMPERATURE;
    buffer_clear(body);
    FORWARD(buffer_text(body, "{\"model\":", error));
    FORWARD(buffer_json_string(body, options->model, strlen(options->model), error));
    FORWARD(buffer_text(body, ",\"messages\":[", error));
    if (question->system != NULL) {
        FORWARD(buffer_text(body, "{\"role\":\"system\",\"content\":", error));
        FORWARD(buffer_json_string(body, question->system, strlen(question->system), error));
        FORWARD(buffer_text(body, "},", error));
    }
    FORWARD(buffer_text(body, "{\"role\":\"user\",\"content\":", error));
    FORWARD(buffer_json_string(body, question->user, strlen(question->user), error));
    return buffer_format(body, error, "}],\"max_tokens\":%zu,\"temperature\":%.4g,\"seed\":%llu}",
                         most, temperature, (unsigned long long)(question->seed & 0x7FFFFFFF));
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* What came is kept in the answer's place, its beginning, and shown. */
static primer_status useless(const struct buffer *body, struct teacher_answer *answer,
                             const char *reason, primer_error *error)
{
    char shown[SHOWN + 1];
    const char *const bytes = body->bytes == NULL ? "" : body->bytes;
    const size_t kept =
        body->length > USELESS_MOST ? utf8_complete(bytes, USELESS_MOST) : body->length;
    FORWARD(buffer_append(&answer->text, bytes, kept, error));
    for (char *zero; (zero = memchr(answer->text.bytes, '\0', kept)) != NULL;)
        *zero = '?'; /* a text ends there */
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
    error_printable(bytes, body->length, shown, sizeof shown);
    return error_set(error, PRIMER_EFORMAT, "%s", body->length == 0 ? "no byte" : shown);
}

static primer_status read_answer(const struct net_response *response, struct teacher_answer *answer,
                                 primer_error *error)
{
    const struct buffer *const body = &response->body;
    json_t *const root = json_loadb(body->bytes == NULL ? "" : body->bytes, body->length, 0, NULL);
    const json_t *const choice = json_array_get(json_object_get(root, "choices"), 0);
    const json_t *const content = json_object_get(json_object_get(choice, "message"), "content");
    const char *const finish = json_string_value(json_object_get(choice, "finish_reason"));
    primer_status status = PRIMER_OK;
    answer->cut = finish != NULL && strcmp(finish, "length") == 0;
    if (json_is_string(content))
        status = buffer_append(&answer->text, json_string_value(content),
                               json_string_length(content), error);
    else if (choice != NULL && json_is_null(content))
        status = useless(body, answer, "an answer without a text", error);
    else
        status = useless(body, answer, "what came is no chat completion", error);
    json_decref(root);
    return status;
}

/* What the status says about this question, and about all others. */
static primer_status judge_status(const struct net_request *request,
                                  const struct net_response *response,
                                  struct teacher_answer *answer, primer_error *error)
{
    const long found = response->status;
    if (found >= 200 && found < 300)
        return PRIMER_OK;
    snprintf(answer->reason, sizeof answer->reason, "status %ld", found);
    net_http_expect(request, response, error);
    if (found == 429 || found >= 500)
        return error_set(error, PRIMER_EIO, "%s", error == NULL ? "" : error->message);
    if (found == 400 || found == 413 || found == 422)
        return error_set(error, PRIMER_EFORMAT, "%s", error == NULL ? "" : error->message);
    return error_set(error, PRIMER_EINVAL, "%s", error == NULL ? "" : error->message);
}

static bool wait_on(void *context, uint64_t received, uint64_t all)
{
    const struct teacher_patience *const patience = context;
    (void)received;
    (void)all;
    return patience->go_on(patience->context);
}

static primer_status send_question(struct endpoint *endpoint, struct place *place, uint64_t seed,
                                   struct teacher_answer *answer, primer_error *error)
{
    const struct data_teacher_options *const options = endpoint->options;
    const struct teacher_patience *const patience = endpoint->patience;
    const struct net_header headers[] = {{"Content-Type", "application/json"},
                                         {"Authorization", endpoint->authorization.bytes}};
    const struct net_request request = {.url = endpoint->url.bytes,
                                        .headers = headers,
                                        .header_count = endpoint->authorization.length > 0 ? 2 : 1,
                                        .body = place->body.bytes,
                                        .body_length = place->body.length,
                                        .stall_seconds =
                                            options->seconds > 0 ? options->seconds : SECONDS,
                                        .most = ANSWER_MOST,
                                        .progress = wait_on,
                                        .context = (void *)patience};
    struct net_retry retry = {
        .attempts = options->tries, .go_on = patience->go_on, .context = patience->context};
    random_seed(&retry.random, seed);
    const primer_status status =
        net_retry_send(place->http, &request, &retry, &place->response, error);
    if (status == PRIMER_OK)
        return judge_status(&request, &place->response, answer, error);
    snprintf(answer->reason, sizeof answer->reason, "%s", net_http_end_name(place->response.end));
    /* A server that nobody vouches for, or a URL that is none: the next question fares no better. */
    if (place->response.end == NET_UNTRUSTED || place->response.end == NET_REDIRECTED)
        return error_set(error, PRIMER_EINVAL, "%s", error == NULL ? "" : error->message);
    if (place->response.end == NET_TOO_LARGE)
        return error_set(error, PRIMER_EFORMAT, "%s", error == NULL ? "" : error->message);
    return status;
}

static primer_status ask_endpoint(void *state, size_t place_number,
                                  const struct teacher_question *question,
                                  struct teacher_answer *answer, primer_error *error)
{
    struct endpoint *const endpoint = state;
    struct place *const place = &endpoint->places[place_number];
    primer_error own = {0};
    primer_error *const told = error == NULL ? &own : error;
    if (place->http == NULL)
        FORWARD(net_http_open(&place->http, told));
    FORWARD(write_body(endpoint->options, question, &place->body, told));
    FORWARD(send_question(endpoint, place, question->seed, answer, told));
    return read_answer(&place->response, answer, told);
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_here(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *const host = strstr(url, "://") + 3;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        const size_t length = strlen(hosts[i]);
        if (strncasecmp(host, hosts[i], length) == 0 && strchr(":/", host[length]) != NULL)
            return true;
    }
    return false;
}

/* The first line, without blanks around it. */
static primer_status read_key(struct endpoint *endpoint, primer_error *error)
{
    const struct data_teacher_options *const options = endpoint->options;
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(file_read(options->key_file, KEY_MOST, &text, error));
    const char *const begin = text.bytes == NULL ? "" : text.bytes + strspn(text.bytes, " \t\r\n");
    size_t length = 0;
    while (begin[length] > ' ' && begin[length] < 0x7f)
        length++;
    if (length == 0 || strchr(" \t\r\n", begin[length]) == NULL)
        FAIL(PRIMER_EFORMAT, "%s: expected a key, printable characters on the first line",
             options->key_file);
    if (strncasecmp(options->teacher, "https:", 6) != 0 && !is_here(options->teacher))
        FAIL(PRIMER_EINVAL, "--key-file: a key is sent over https:// or to this machine only");
    TRY(buffer_format(&endpoint->authorization, error, "Bearer %.*s", (int)length, begin));

cleanup:
    buffer_free(&text);
    return status;
}

primer_status teacher_endpoint_open(const struct data_teacher_options *options, size_t places,
                                    const struct teacher_patience *patience,
                                    struct teacher *teacher, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct endpoint *const endpoint = memory_allocate(1, sizeof *endpoint);
    if (endpoint == NULL)
        return memory_failure(error, "a teacher", sizeof *endpoint);
    *endpoint = (struct endpoint){.options = options, .patience = patience, .count = places};
    endpoint->places = memory_allocate(places, sizeof *endpoint->places);
    if (endpoint->places == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu clients", places);
    if (options->model == NULL)
        FAIL(PRIMER_EINVAL, "an endpoint needs the name of its model");
    size_t length = strlen(options->teacher);
    while (length > 0 && options->teacher[length - 1] == '/')
        length--;
    TRY(buffer_format(&endpoint->url, error, "%.*s/chat/completions", (int)length,
                      options->teacher));
    if (options->key_file != NULL)
        TRY(read_key(endpoint, error));
    TRY(net_http_open(&endpoint->places[0].http, error)); /* without libcurl nothing is asked */
    *teacher = (struct teacher){
        .name = options->model, .state = endpoint, .ask = ask_endpoint, .close = free_endpoint};
    return PRIMER_OK;

cleanup:
    free_endpoint(endpoint);
    return status;
}
