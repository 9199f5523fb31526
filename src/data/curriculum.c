/* curriculum.c - reading a curriculum's files. Declared in curriculum.h.
 *
 * Texts are kept as they were read: a file is one piece of memory, in which line ends become ends of
 * strings; only texts of several lines are copied, without their common indentation.
 */
#include "data/curriculum.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"

#define FILE_MOST ((size_t)16 << 20)

struct pile { /* of pointers to free */
    void **items;
    size_t count, capacity;
};

struct curriculum {
    struct curriculum_block *blocks; /* by kind and name, once all is read */
    size_t block_count, block_capacity;
    struct curriculum_field *fields; /* of all blocks, one behind the other */
    size_t field_count, field_capacity;
    struct pile pile;
    char *check;
    uint64_t hash;
};

/* ---- memory ---------------------------------------------------------------------------------- */

static primer_status grow(void **items, size_t count, size_t *capacity, size_t size,
                          primer_error *error)
{
    if (count < *capacity)
        return PRIMER_OK;
    const size_t wanted = *capacity == 0 ? 256 : 2 * *capacity;
    void *larger = memory_resize(*items, wanted, size);
    if (larger == NULL)
        return memory_failure(error, "a curriculum", wanted * size);
    *items = larger;
    *capacity = wanted;
    return PRIMER_OK;
}

/* The text is the curriculum's from now on, also where this fails. */
static primer_status keep(struct curriculum *curriculum, void *text, primer_error *error)
{
    struct pile *pile = &curriculum->pile;
    void *items = pile->items;
    if (text == NULL)
        return memory_failure(error, "a curriculum's text", 0);
    const primer_status status =
        grow(&items, pile->count, &pile->capacity, sizeof *pile->items, error);
    pile->items = items;
    if (status != PRIMER_OK) {
        memory_free(text);
        return status;
    }
    pile->items[pile->count++] = text;
    return PRIMER_OK;
}

void curriculum_free(struct curriculum *curriculum)
{
    if (curriculum == NULL)
        return;
    for (size_t i = 0; i < curriculum->pile.count; i++)
        memory_free(curriculum->pile.items[i]);
    memory_free(curriculum->pile.items);
    memory_free(curriculum->blocks);
    memory_free(curriculum->fields);
    memory_free(curriculum->check);
    memory_free(curriculum);
}

/* ---- one file -------------------------------------------------------------------------------- */

struct source {
    const char *name; /* of the file; kept */
    char **lines;     /* [count], without their ends; NUL-terminated */
    size_t count;
};

static size_t indentation(const char *line)
{
    return strspn(line, " ");
}

static bool blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static void trim(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        text[--length] = '\0';
}

/* Cuts the next word off *text. */
static char *word(char **text)
{
    char *begin = *text + strspn(*text, " ");
    char *end = begin + strcspn(begin, " ");
    *text = end + strspn(end, " ");
    if (*end != '\0')
        *end = '\0';
    return begin;
}

/* "KIND NAME : TYPE". */
static primer_status read_header(struct curriculum *curriculum, const struct source *source,
                                 size_t index, primer_error *error)
{
    char *rest = source->lines[index];
    trim(rest);
    char *const kind = word(&rest), *const name = word(&rest);
    if (*name == '\0' || (*rest != '\0' && *rest != ':'))
        return error_set(error, PRIMER_EFORMAT,
                         "%s:%zu: a block begins with its kind and one name, and perhaps : TYPE",
                         source->name, index + 1);
    void *blocks = curriculum->blocks;
    const primer_status status = grow(&blocks, curriculum->block_count, &curriculum->block_capacity,
                                      sizeof *curriculum->blocks, error);
    curriculum->blocks = blocks;
    FORWARD(status);
    const char *const type = *rest == ':' ? rest + 1 + strspn(rest + 1, " ") : "";
    curriculum->blocks[curriculum->block_count++] =
        (struct curriculum_block){.kind = kind,
                                  .name = name,
                                  .type = type,
                                  .file = source->name,
                                  .line = index + 1,
                                  .weight = curriculum->field_count};
    return PRIMER_OK;
}

/* The lines from `from` on that are indented further than `least`, without what they share; *end is
 * behind them. */
static primer_status read_lines(struct curriculum *curriculum, const struct source *source,
                                size_t from, size_t least, size_t *end, char **text,
                                primer_error *error)
{
    size_t common = SIZE_MAX, last = from;
    struct buffer buffer = {0};
    primer_status status = PRIMER_OK;
    for (size_t i = from; i < source->count; i++) {
        if (blank(source->lines[i]))
            continue;
        const size_t indented = indentation(source->lines[i]);
        if (indented <= least)
            break;
        common = indented < common ? indented : common;
        last = i + 1;
    }
    for (size_t i = from; i < last; i++) {
        const char *line = source->lines[i];
        trim(source->lines[i]);
        TRY(buffer_text(&buffer, i > from ? "\n" : "", error));
        TRY(buffer_text(&buffer, blank(line) ? "" : line + common, error));
    }
    *text = buffer.bytes;
    *end = last;
    buffer = (struct buffer){0};
    status = keep(curriculum, *text, error);

cleanup:
    buffer_free(&buffer);
    return status;
}

/* "key*3 text", or "key label" and further lines; *index is moved behind what was read. */
static primer_status read_field(struct curriculum *curriculum, const struct source *source,
                                size_t *index, primer_error *error)
{
    const size_t line = *index, indented = indentation(source->lines[line]);
    char *rest = source->lines[line];
    trim(rest);
    char *key = word(&rest), *text = rest;
    const char *label = NULL;
    size_t weight = 1, after = line + 1;
    char *const star = strchr(key, '*');
    if (star != NULL) {
        char *end = star + 1;
        weight = isdigit((unsigned char)star[1]) ? (size_t)strtoul(star + 1, &end, 10) : 0;
        *star = '\0';
        if (weight == 0 || weight > 1000 || *end != '\0')
            return error_set(error, PRIMER_EFORMAT,
                             "%s:%zu: %s: found weight \"%s\", expected 1 to 1000", source->name,
                             line + 1, key, star + 1);
    }
    if (curriculum->block_count == 0)
        return error_set(error, PRIMER_EFORMAT, "%s:%zu: a field before the first block",
                         source->name, line + 1);
    if (after < source->count && !blank(source->lines[after]) &&
        indentation(source->lines[after]) > indented) {
        label = rest;
        FORWARD(read_lines(curriculum, source, after, indented, &after, &text, error));
    }
    void *fields = curriculum->fields;
    const primer_status status = grow(&fields, curriculum->field_count, &curriculum->field_capacity,
                                      sizeof *curriculum->fields, error);
    curriculum->fields = fields;
    FORWARD(status);
    curriculum->fields[curriculum->field_count++] = (struct curriculum_field){
        .key = key, .text = text, .label = label, .weight = weight, .line = line + 1};
    curriculum->blocks[curriculum->block_count - 1].count++;
    *index = after;
    return PRIMER_OK;
}

static primer_status read_blocks(struct curriculum *curriculum, const struct source *source,
                                 primer_error *error)
{
    const size_t first = curriculum->block_count;
    for (size_t i = 0; i < source->count;) {
        const char *const line = source->lines[i];
        const size_t indented = indentation(line);
        if (blank(line) || line[indented] == '#') {
            i++;
        } else if (line[indented] == '\t') {
            return error_set(error, PRIMER_EFORMAT,
                             "%s:%zu: found a tab in the indentation, expected blanks",
                             source->name, i + 1);
        } else if (indented == 0) {
            FORWARD(read_header(curriculum, source, i++, error));
        } else {
            if (curriculum->block_count == first)
                return error_set(error, PRIMER_EFORMAT, "%s:%zu: a field before the first block",
                                 source->name, i + 1);
            FORWARD(read_field(curriculum, source, &i, error));
        }
    }
    return PRIMER_OK;
}

/* The bytes become the curriculum's. */
static primer_status take_text(struct curriculum *curriculum, struct buffer *bytes,
                               const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct source source = {0};
    size_t capacity = 0;
    if (bytes->bytes == NULL)
        return PRIMER_OK;
    if (memchr(bytes->bytes, 0, bytes->length) != NULL || !utf8_valid(bytes->bytes, bytes->length))
        return error_set(error, PRIMER_EFORMAT, "%s: is no UTF-8 text", path);
    curriculum->hash = hash_bytes(bytes->bytes, bytes->length, curriculum->hash);
    char *const name = memory_copy_text(path);
    FORWARD(keep(curriculum, name, error));
    source.name = name;
    char *text = bytes->bytes;
    *bytes = (struct buffer){0};
    FORWARD(keep(curriculum, text, error));
    /* The mark that some editors put at a file's beginning is no text. */
    text += strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (text != NULL && *text != '\0') {
        void *lines = source.lines;
        status = grow(&lines, source.count, &capacity, sizeof *source.lines, error);
        source.lines = lines;
        if (status != PRIMER_OK)
            goto cleanup;
        source.lines[source.count++] = text;
        char *end = strchr(text, '\n');
        if (end != NULL && end > text && end[-1] == '\r')
            end[-1] = '\0';
        if (end != NULL)
            *end++ = '\0';
        text = end;
    }
    TRY(read_blocks(curriculum, &source, error));

cleanup:
    memory_free(source.lines);
    return status;
}

static primer_status read_file(struct curriculum *curriculum, const char *path, primer_error *error)
{
    struct buffer bytes = {0};
    primer_status status = file_read(path, FILE_MOST, &bytes, error);
    if (status == PRIMER_OK)
        status = take_text(curriculum, &bytes, path, error);
    buffer_free(&bytes);
    return status;
}

/* ---- folders --------------------------------------------------------------------------------- */

static bool is_text(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL && strcmp(dot, ".txt") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static primer_status list_folder(const char *folder, struct pile *names, primer_error *error)
{
    primer_status status = PRIMER_OK;
    DIR *directory = opendir(folder);
    if (directory == NULL)
        return error_set(error, PRIMER_EIO, "%s: cannot open the folder: %s", folder,
                         strerror(errno));
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_text(entry->d_name))
            continue;
        struct buffer path = {0};
        void *items = names->items;
        status = grow(&items, names->count, &names->capacity, sizeof *names->items, error);
        names->items = items;
        if (status == PRIMER_OK)
            status = buffer_format(&path, error, "%s/%s", folder, entry->d_name);
        if (status != PRIMER_OK)
            break;
        names->items[names->count++] = path.bytes;
    }
    closedir(directory);
    if (names->count > 1)
        qsort(names->items, names->count, sizeof *names->items, by_name);
    return status;
}

static primer_status read_check(struct curriculum *curriculum, const char *folder,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0}, text = {0};
    TRY(buffer_format(&path, error, "%s/check.py", folder));
    if (curriculum->check == NULL && file_exists(path.bytes)) {
        TRY(file_read(path.bytes, FILE_MOST, &text, error));
        curriculum->hash = hash_bytes(text.bytes, text.length, curriculum->hash);
        curriculum->check = text.bytes;
        text = (struct buffer){0};
    }

cleanup:
    buffer_free(&path);
    buffer_free(&text);
    return status;
}

static primer_status read_folder(struct curriculum *curriculum, const char *folder,
                                 primer_error *error)
{
    struct pile names = {0};
    primer_status status = list_folder(folder, &names, error);
    for (size_t i = 0; status == PRIMER_OK && i < names.count; i++)
        status = read_file(curriculum, names.items[i], error);
    if (status == PRIMER_OK)
        status = read_check(curriculum, folder, error);
    for (size_t i = 0; i < names.count; i++)
        memory_free(names.items[i]);
    memory_free(names.items);
    return status;
}

static int by_kind_and_name(const void *a, const void *b)
{
    const struct curriculum_block *const one = a, *const other = b;
    const int kind = strcmp(one->kind, other->kind);
    return kind != 0 ? kind : strcmp(one->name, other->name);
}

/* Sorts the blocks, points them to their fields, and refuses a name that stands twice. */
static primer_status arrange(struct curriculum *curriculum, primer_error *error)
{
    struct curriculum_block *const blocks = curriculum->blocks;
    for (size_t i = 0; i < curriculum->block_count; i++)
        blocks[i].fields = curriculum->fields + blocks[i].weight; /* where they begin, until now */
    if (curriculum->block_count > 1)
        qsort(blocks, curriculum->block_count, sizeof *blocks, by_kind_and_name);
    for (size_t i = 0; i < curriculum->block_count; i++) {
        blocks[i].weight = (size_t)strtoul(curriculum_text(&blocks[i], "weight", "1"), NULL, 10);
        if (i == 0 || strcmp(blocks[i].kind, blocks[i - 1].kind) != 0)
            continue;
        if (strcmp(blocks[i].name, blocks[i - 1].name) == 0)
            return error_set(error, PRIMER_EFORMAT, "%s:%zu: %s %s stands at %s:%zu too",
                             blocks[i].file, blocks[i].line, blocks[i].kind, blocks[i].name,
                             blocks[i - 1].file, blocks[i - 1].line);
    }
    return PRIMER_OK;
}

/* What was read becomes the caller's, or is freed. */
static primer_status finish(struct curriculum *new, primer_status status, const char *name,
                            struct curriculum **curriculum, primer_error *error)
{
    if (status == PRIMER_OK)
        status = arrange(new, error);
    if (status == PRIMER_OK && new->block_count == 0)
        status = error_set(error, PRIMER_EFORMAT, "%s: holds no block of a curriculum", name);
    if (status == PRIMER_OK)
        *curriculum = new;
    else
        curriculum_free(new);
    return status;
}

primer_status curriculum_read(const char *const *folders, size_t count,
                              struct curriculum **curriculum, primer_error *error)
{
    struct curriculum *const new = memory_allocate(1, sizeof *new);
    primer_status status =
        new == NULL ? memory_failure(error, "a curriculum", sizeof *new) : PRIMER_OK;
    for (size_t i = 0; status == PRIMER_OK && i < count; i++)
        status = read_folder(new, folders[i], error);
    return finish(new, status, count > 0 ? folders[0] : "", curriculum, error);
}

primer_status curriculum_parse(const void *text, size_t length, const char *name,
                               struct curriculum **curriculum, primer_error *error)
{
    struct buffer bytes = {0};
    struct curriculum *const new = memory_allocate(1, sizeof *new);
    primer_status status =
        new == NULL ? memory_failure(error, "a curriculum", sizeof *new) : PRIMER_OK;
    if (status == PRIMER_OK)
        status = buffer_append(&bytes, text, length, error);
    if (status == PRIMER_OK)
        status = take_text(new, &bytes, name, error);
    buffer_free(&bytes);
    return finish(new, status, name, curriculum, error);
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* As strcmp of the block's kind and name with these. */
static int compare(const struct curriculum_block *block, const char *kind, const char *name,
                   size_t length)
{
    const int kinds = strcmp(block->kind, kind);
    if (kinds != 0)
        return kinds;
    const int names = strncmp(block->name, name, length);
    return names != 0 ? names : (block->name[length] == '\0' ? 0 : 1);
}

/* The first block that isn't below. */
static size_t lower_bound(const struct curriculum *curriculum, const char *kind, const char *name,
                          size_t length)
{
    size_t low = 0, high = curriculum->block_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare(&curriculum->blocks[middle], kind, name, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct curriculum_block *curriculum_find(const struct curriculum *curriculum,
                                               const char *kind, const char *name, size_t length)
{
    const size_t at = lower_bound(curriculum, kind, name, length);
    if (at < curriculum->block_count && compare(&curriculum->blocks[at], kind, name, length) == 0)
        return &curriculum->blocks[at];
    return NULL;
}

const struct curriculum_block *curriculum_kind(const struct curriculum *curriculum,
                                               const char *kind, size_t *count)
{
    const size_t from = lower_bound(curriculum, kind, "", 0);
    size_t end = from;
    while (end < curriculum->block_count && strcmp(curriculum->blocks[end].kind, kind) == 0)
        end++;
    *count = end - from;
    return curriculum->blocks + from;
}

size_t curriculum_weight(const struct curriculum_block *blocks, size_t count)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += blocks[i].weight;
    return all;
}

const struct curriculum_block *curriculum_at_weight(const struct curriculum_block *blocks,
                                                    size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++) {
        if (at < blocks[i].weight)
            return &blocks[i];
        at -= blocks[i].weight;
    }
    return NULL;
}

const struct curriculum_block *curriculum_all(const struct curriculum *curriculum, size_t *count)
{
    *count = curriculum->block_count;
    return curriculum->blocks;
}

const struct curriculum_field *curriculum_next(const struct curriculum_block *block,
                                               const char *key, size_t length, size_t *at)
{
    while (*at < block->count) {
        const struct curriculum_field *const field = &block->fields[(*at)++];
        if (strncmp(field->key, key, length) == 0 && field->key[length] == '\0')
            return field;
    }
    return NULL;
}

const char *curriculum_text(const struct curriculum_block *block, const char *key,
                            const char *missing)
{
    size_t at = 0;
    const struct curriculum_field *const field = curriculum_next(block, key, strlen(key), &at);
    return field == NULL ? missing : field->text;
}

const char *curriculum_check(const struct curriculum *curriculum)
{
    return curriculum->check;
}

uint64_t curriculum_hash(const struct curriculum *curriculum)
{
    return curriculum->hash;
}
