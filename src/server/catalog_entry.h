/* catalog_entry.h - what a model's file says of itself, and the names it goes by. */
#ifndef SERVER_CATALOG_ENTRY_H
#define SERVER_CATALOG_ENTRY_H

#include "server/catalog.h"

/* Reads the file's metadata, loads nothing. Texts and names belong to the entry. */
primer_status catalog_entry_fill(struct catalog_entry *entry, const char *path,
                                 const struct server_options *options, primer_error *error);
void catalog_entry_free(struct catalog_entry *entry);
bool catalog_entry_has_name(const struct catalog_entry *entry, const char *name);

#endif
