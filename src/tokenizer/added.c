/* added.c - the trie of added tokens. See added.h. */
#include "tokenizer/added.h"

#include "base/memory.h"

static primer_status new_node(struct added *added, unsigned char byte, uint32_t *index,
                              primer_error *error)
{
    if (added->count == added->capacity) {
        const size_t capacity = added->capacity == 0 ? 64 : 2 * added->capacity;
        struct added_node *const nodes = memory_resize(added->nodes, capacity, sizeof *nodes);
        if (nodes == NULL)
            return memory_failure(error, "the added tokens", capacity * sizeof *nodes);
        added->nodes = nodes;
        added->capacity = capacity;
        if (added->count == 0)
            added->nodes[added->count++] = (struct added_node){0, 0, -1, 0, false};
    }
    *index = (uint32_t)added->count;
    added->nodes[added->count++] = (struct added_node){0, 0, -1, byte, false};
    return PRIMER_OK;
}

static uint32_t sibling(const struct added *added, uint32_t node, unsigned char byte)
{
    while (node != 0 && added->nodes[node].byte != byte)
        node = added->nodes[node].next;
    return node;
}

primer_status added_insert(struct added *added, const char *text, size_t length, int32_t id,
                           bool special, primer_error *error)
{
    uint32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        const uint32_t head = i == 0 ? added->root[byte] : added->nodes[node].child;
        uint32_t found = sibling(added, head, byte);
        if (found == 0) {
            FORWARD(new_node(added, byte, &found, error));
            added->nodes[found].next = head;
            if (i == 0)
                added->root[byte] = found;
            else
                added->nodes[node].child = found;
        }
        node = found;
    }
    if (node == 0)
        return PRIMER_OK;
    added->nodes[node].id = id;
    added->nodes[node].special = special;
    added->starts[1][(unsigned char)text[0]] = added->any[1] = true;
    if (!special)
        added->starts[0][(unsigned char)text[0]] = added->any[0] = true;
    return PRIMER_OK;
}

void added_free(struct added *added)
{
    memory_free(added->nodes);
    *added = (struct added){0};
}

static int32_t longest_at(const struct added *added, const struct added_text *text, size_t at,
                          size_t *end)
{
    int32_t id = -1;
    bool special = text->special;
    uint32_t node = added->root[(unsigned char)text->bytes[at]];
    while (node != 0) {
        special = special && (text->outside == NULL || text->outside[at] == 0);
        at++;
        if (added->nodes[node].id >= 0 && (special || !added->nodes[node].special)) {
            id = added->nodes[node].id;
            *end = at;
        }
        if (at == text->length)
            break;
        node = sibling(added, added->nodes[node].child, (unsigned char)text->bytes[at]);
    }
    return id;
}

int32_t added_search(const struct added *added, const struct added_text *text, size_t at,
                     size_t *begin, size_t *end)
{
    if (!added->any[text->special])
        return -1;
    for (; at < text->length; at++) {
        if (!added->starts[text->special][(unsigned char)text->bytes[at]])
            continue;
        const int32_t id = longest_at(added, text, at, end);
        if (id >= 0) {
            *begin = at;
            return id;
        }
    }
    return -1;
}
