/* lora.h - which adapters a request has: llama.cpp's members and calls.
 *
 *   "lora": [{"id": 0, "scale": 0.5}]     of one request; adapters that aren't listed count as 0
 *   GET  /lora-adapters                   [{"id", "path", "scale"}], in the order of --adapter
 *   POST /lora-adapters                   a list as above: the scales of requests without "lora"
 *
 * Every adapter is loaded with its model, so that another choice costs nothing but the prompt's own
 * reading: what was computed with other scales is not reused.
 */
#ifndef SERVER_LORA_H
#define SERVER_LORA_H

#include "server/catalog.h"
#include "server/fields.h"

/* The request's member, to be known by `fields`; *list is borrowed, or NULL. */
primer_status lora_read(struct fields *fields, json_t **list, primer_error *error);
/* Puts the list's scales into `use`; NULL changes nothing. 400 names what is wrong. */
primer_status lora_apply(const json_t *list, struct catalog_use *use, struct problem *problem,
                         primer_error *error);

#endif
