/* route.c - see route.h. The table is short: it is walked from the top. */
#include "server/route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "server/endpoints.h"

static const struct route table[] = {
    /* OpenAI's */
    {"POST", "/v1/chat/completions", openai_chat, ROUTE_ANSWERS},
    {"POST", "/v1/completions", openai_completions, ROUTE_ANSWERS},
    {"POST", "/v1/embeddings", openai_embeddings, ROUTE_ANSWERS},
    {"GET", "/v1/models", openai_models, 0},
    {"GET", "/v1/models/*", openai_models_one, 0},

    /* Ollama's */
    {"GET", "/", ollama_version_root, ROUTE_OPEN},
    {"GET", "/api/version", ollama_version, 0},
    {"GET", "/api/tags", ollama_list_tags, 0},
    {"GET", "/api/ps", ollama_list_ps, 0},
    {"POST", "/api/show", ollama_show, ROUTE_LOADS},
    {"POST", "/api/chat", ollama_chat, ROUTE_ANSWERS},
    {"POST", "/api/generate", ollama_generate, ROUTE_ANSWERS},
    {"POST", "/api/embed", ollama_embed, ROUTE_ANSWERS},
    {"POST", "/api/embeddings", ollama_embed_older, ROUTE_ANSWERS},

    /* what other servers have besides, and what watches over this one */
    {"GET", "/health", extra_health, ROUTE_OPEN},
    {"GET", "/v1/health", extra_health, ROUTE_OPEN},
    {"POST", "/tokenize", extra_tokenize, ROUTE_LOADS},
    {"POST", "/detokenize", extra_detokenize, ROUTE_LOADS},
    {"GET", "/tokenizer_info", extra_tokenizer_info, ROUTE_LOADS},
    {"POST", "/apply-template", extra_apply_template, ROUTE_LOADS},
    {"GET", "/lora-adapters", lora_list, 0},
    {"POST", "/lora-adapters", lora_set, 0},
    {"GET", "/metrics", metrics_endpoint, 0},
};
enum { ROWS = sizeof table / sizeof table[0] };

const struct route *route_at(size_t index)
{
    return index < ROWS ? &table[index] : NULL;
}

/* Whether the pattern covers the path; *rest is what its star stands for, or the path's end. */
static bool covers(const char *pattern, const char *path, const char **rest)
{
    const size_t length = strlen(pattern);
    const bool star = length > 0 && pattern[length - 1] == '*';
    if (!star) {
        *rest = path + strlen(path);
        return strcmp(pattern, path) == 0;
    }
    *rest = path + length - 1;
    return strncmp(pattern, path, length - 1) == 0 && path[length - 1] != '\0';
}

static void add_allowed(char *allowed, size_t capacity, const char *method)
{
    const size_t used = strlen(allowed);
    const char *also = strcmp(method, "GET") == 0 ? ", HEAD" : "";
    if (strstr(allowed, method) == NULL)
        snprintf(allowed + used, capacity - used, "%s%s%s", used > 0 ? ", " : "", method, also);
}

const struct route *route_find(const char *method, const char *path, const char **rest,
                               char *allowed, size_t capacity)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    allowed[0] = '\0';
    for (size_t i = 0; i < ROWS; i++) {
        if (!covers(table[i].pattern, path, rest))
            continue;
        if (strcmp(table[i].method, wanted) == 0)
            return &table[i];
        add_allowed(allowed, capacity, table[i].method);
    }
    return NULL;
}
