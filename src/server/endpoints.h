/* endpoints.h - every endpoint; the table in route.c says which path is whose. */
#ifndef SERVER_ENDPOINTS_H
#define SERVER_ENDPOINTS_H

#include "server/exchange.h"

/* openai_*.c */
endpoint openai_chat, openai_completions, openai_embeddings, openai_models, openai_models_one;

/* ollama_*.c */
endpoint ollama_version_root, ollama_version, ollama_list_tags, ollama_list_ps, ollama_show;
endpoint ollama_chat, ollama_generate, ollama_embed, ollama_embed_older;

/* extra.c, metrics.c */
endpoint extra_health, extra_tokenize, extra_detokenize, extra_tokenizer_info, extra_apply_template;
endpoint metrics_endpoint;

/* lora.c */
endpoint lora_list, lora_set;

#endif
