/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

const char *fixture_path(const char *name)
{
    static char paths[8][160];
    static int next;
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/primer-engine-XXXXXX");
        if (mkdtemp(folder) == NULL)
            abort();
        atexit(fixture_remove);
    }
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void fixture_remove(void)
{
    char command[128];
    if (folder[0] == '\0')
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror("rm");
    folder[0] = '\0';
}

const char *fixture_model(const struct model_maker_options *options, int slot)
{
    char name[32];
    snprintf(name, sizeof name, "model%d.gguf", slot);
    const char *path = fixture_path(name);
    primer_error error = {0};
    if (model_maker_write(options, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return path;
}

primer_model *fixture_open(const struct model_maker_options *options, size_t threads)
{
    return fixture_open_as(options,
                           &(primer_model_options){.threads = threads, .no_prefix_cache = true});
}

primer_model *fixture_open_as(const struct model_maker_options *options,
                              const primer_model_options *how)
{
    primer_model *model = NULL;
    must(primer_model_open(fixture_model(options, 0), how, &model, error));
    return model;
}

void fixture_ids(int32_t *ids, size_t count, size_t vocabulary, unsigned seed)
{
    uint32_t x = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < count; i++) {
        x = x * 1103515245u + 12345u;
        ids[i] = (int32_t)((x >> 8) % vocabulary);
    }
}
