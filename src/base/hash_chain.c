/* hash_chain.c - see hash_chain.h. */
#include "base/hash_chain.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

#define PIECE ((size_t)64 * 1024)

primer_status hash_chain_begin(struct hash_chain *chain, const char *what, primer_error *error)
{
    *chain = (struct hash_chain){.piece = memory_allocate(PIECE, 1)};
    return chain->piece == NULL ? memory_failure(error, what, PIECE) : PRIMER_OK;
}

void hash_chain_add(struct hash_chain *chain, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    while (length > 0) {
        const size_t room = PIECE - chain->filled, n = length < room ? length : room;
        memcpy(chain->piece + chain->filled, from, n);
        chain->filled += n;
        from += n;
        length -= n;
        if (chain->filled == PIECE) {
            chain->hash = hash_bytes(chain->piece, PIECE, chain->hash);
            chain->filled = 0;
        }
    }
}

uint64_t hash_chain_end(struct hash_chain *chain)
{
    if (chain->filled != 0)
        chain->hash = hash_bytes(chain->piece, chain->filled, chain->hash);
    chain->filled = 0;
    return chain->hash;
}

void hash_chain_free(struct hash_chain *chain)
{
    memory_free(chain->piece);
    chain->piece = NULL;
}

uint64_t hash_chain_bytes(const unsigned char *bytes, size_t length)
{
    uint64_t hash = 0;
    for (size_t at = 0; at < length; at += PIECE)
        hash = hash_bytes(bytes + at, length - at < PIECE ? length - at : PIECE, hash);
    return hash;
}
