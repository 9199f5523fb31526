/* shard_maker.c - small shards for tests. Declared in shard_maker.h. */
#include "shard_maker.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256];

const char *shard_folder_make(void)
{
    const char *const base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/primer-shards-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(folder));
    return folder;
}

void shard_folder_remove(void)
{
    DIR *const open_folder = opendir(folder);
    const struct dirent *entry;
    assert_non_null(open_folder);
    while ((entry = readdir(open_folder)) != NULL)
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            unlink(shard_path(entry->d_name));
    closedir(open_folder);
    assert_int_equal(rmdir(folder), 0);
}

const char *shard_path(const char *name)
{
    static char paths[4][600];
    static size_t next;
    char *const path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

int32_t shard_token(size_t shard, size_t document, size_t index)
{
    return (int32_t)(shard << 16 | document << 8 | index);
}

struct train_shard *shard_make(size_t shard, const size_t *lengths, size_t count,
                               int (*asked)(size_t document, size_t index))
{
    primer_error error = {0};
    struct train_shard_writer *writer = NULL;
    struct train_shard *opened = NULL;
    char name[32];
    snprintf(name, sizeof name, "%zu.shard", shard);
    assert_int_equal(
        train_shard_writer_create(&writer, shard_path(name), SHARD_VOCABULARY, 7, &error),
        PRIMER_OK);
    for (size_t i = 0; i < count; i++) {
        int32_t ids[256];
        unsigned char marks[256];
        for (size_t j = 0; j < lengths[i]; j++) {
            ids[j] = shard_token(shard, i, j);
            marks[j] = asked == NULL || asked(i, j) != 0;
        }
        assert_int_equal(train_shard_write(writer, ids, asked == NULL ? NULL : marks, lengths[i],
                                           lengths[i] * 3, &error),
                         PRIMER_OK);
    }
    if (train_shard_writer_finish(writer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    train_shard_writer_free(writer);
    if (train_shard_open(&opened, shard_path(name), &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return opened;
}
