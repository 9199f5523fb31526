/* The prefix cache on disk: what a later model gets back is what it would compute, bit for bit;
 * anything that isn't exactly that is computed; the budget holds. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allocator.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "engine/prefix_disk_folder.h"
#include "format/gguf.h"

enum { IDS = 1024, TEXT = 460, WHOLE = 448 };

static const struct model_maker_options shapes[] = {
    {.architecture = "llama", .type = "Q8_0", .kv_heads = 2, .context = IDS},
    {.architecture = "phi2", .type = "Q4_K", .context = IDS},
};

struct fixture {
    const char *path;
    char folder[160];
    primer_model *plain; /* never a cache */
    size_t vocabulary;
    int32_t ids[IDS];
    uint64_t known;       /* hash of what `expected` belongs to; 0: nothing yet */
    float expected[8192]; /* [vocabulary] */
};

/* Each test has a folder of its own. */
static void begin(struct fixture *f, size_t shape)
{
    static int folders;
    char name[32];
    snprintf(name, sizeof name, "prefixes%d/kv", folders++);
    snprintf(f->folder, sizeof f->folder, "%s", fixture_path(name));
    f->known = 0;
    f->path = fixture_model(&shapes[shape], 3);
    must(primer_model_open(f->path, &(primer_model_options){.threads = 2, .no_prefix_cache = true},
                           &f->plain, error));
    f->vocabulary = primer_model_info(f->plain)->vocabulary;
    assert_true(f->vocabulary <= sizeof f->expected / sizeof *f->expected);
    fixture_ids(f->ids, IDS, f->vocabulary, 5);
}

static void end(struct fixture *f)
{
    primer_model_free(f->plain);
}

static primer_model *open_with(const struct fixture *f, uint64_t bytes)
{
    primer_model *model = NULL;
    must(primer_model_open(f->path,
                           &(primer_model_options){.threads = 2,
                                                   .prefix_folder = f->folder,
                                                   .prefix_folder_bytes = bytes},
                           &model, error));
    return model;
}

/* The logits after ids as a model without any cache has them. */
static void assert_alone(const struct fixture *f, const primer_session *session,
                         const primer_session_options *options)
{
    primer_session *alone = NULL;
    size_t count;
    const int32_t *ids = primer_session_tokens(session, &count);
    must(primer_session_create(f->plain, options, &alone, error));
    must(primer_session_sync(alone, ids, count, NULL, NULL, error));
    assert_memory_equal(primer_session_logits(alone), primer_session_logits(session),
                        f->vocabulary * sizeof(float));
    primer_session_free(alone);
}

/* The same, computed once for the same ids and options. */
static void assert_known(struct fixture *f, const primer_session *session,
                         const primer_session_options *options)
{
    size_t count;
    const int32_t *ids = primer_session_tokens(session, &count);
    uint64_t key = hash_bytes(ids, count * sizeof *ids, (uint64_t)(uintptr_t)f->plain);
    if (options != NULL)
        key = hash_bytes(options, sizeof *options, key);
    if (key != f->known) {
        assert_alone(f, session, options);
        memcpy(f->expected, primer_session_logits(session), f->vocabulary * sizeof(float));
        f->known = key;
    }
    assert_memory_equal(f->expected, primer_session_logits(session), f->vocabulary * sizeof(float));
}

/* A model of its own reads ids[0..count); returns how many tokens came from the disk. */
static size_t visit(struct fixture *f, const primer_session_options *options, size_t count,
                    uint64_t bytes)
{
    primer_statistics statistics;
    primer_session *s = NULL;
    primer_model *model = open_with(f, bytes);
    must(primer_session_create(model, options, &s, error));
    must(primer_session_sync(s, f->ids, count, NULL, NULL, error));
    assert_known(f, s, options);
    primer_session_statistics(s, &statistics);
    assert_int_equal(statistics.restored_tokens, statistics.reused_tokens);
    assert_int_equal(statistics.prompt_tokens, count - statistics.reused_tokens);
    assert_int_equal(statistics.shared_tokens, 0);
    primer_session_free(s);
    primer_model_free(model);
    return (size_t)statistics.restored_tokens;
}

struct files {
    char names[256][64];
    size_t count;
    uint64_t bytes; /* as the budget counts them */
};

static void list(const struct fixture *f, struct files *files)
{
    DIR *folder = opendir(f->folder);
    files->count = files->bytes = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat facts;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        assert_true(files->count < 256);
        assert_true(strlen(entry->d_name) < 64);
        strcpy(files->names[files->count++], entry->d_name);
        assert_int_equal(fstatat(dirfd(folder), entry->d_name, &facts, 0), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
        files->bytes += (uint64_t)facts.st_size > PREFIX_DISK_LEAST ? (uint64_t)facts.st_size
                                                                    : PREFIX_DISK_LEAST;
    }
    closedir(folder);
}

static size_t files_in(const struct fixture *f)
{
    struct files files;
    list(f, &files);
    return files.count;
}

static void restored_equals_computed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct fixture f;
        const primer_session_options options = {.kv_format = (primer_kv_format)(i % 4)};
        begin(&f, i / 4);
        assert_int_equal(visit(&f, &options, TEXT, 0), 0);
        assert_int_equal(files_in(&f), 7);
        assert_int_equal(visit(&f, &options, TEXT, 0), WHOLE);
        assert_int_equal(visit(&f, &options, 200, 0), 192);
        assert_int_equal(visit(&f, &options, 192, 0), 128); /* the last token is computed */
        assert_int_equal(visit(&f, &options, 600, 0), WHOLE);
        assert_int_equal(files_in(&f), 9);
        f.ids[130]++; /* another text from here on */
        assert_int_equal(visit(&f, &options, TEXT, 0), 128);
        assert_int_equal(files_in(&f), 9 + 5);
        end(&f);
    }
}

static void short_ones_are_not_kept(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    visit(&f, NULL, 255, 0);
    assert_int_equal(files_in(&f), 0);
    visit(&f, NULL, 256, 0);
    assert_int_equal(files_in(&f), 4);
    end(&f);
}

static void options_are_kept_apart(void **state)
{
    (void)state;
    struct fixture f;
    static const primer_session_options options[] = {
        {0},
        {.rope_base = 20000},
        {.rope_scale = 2},
        {.self_extend_group = 2, .self_extend_window = 64},
        {.self_extend_group = 4, .self_extend_window = 64},
        {.self_extend_group = 4, .self_extend_window = 128},
        {.kv_format = PRIMER_KV_F32},
        {.kv_format = PRIMER_KV_BF16},
    };
    begin(&f, 0);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            assert_int_equal(visit(&f, &options[i], TEXT, 0), round == 0 ? 0 : WHOLE);
    /* What the logits do not depend on makes no difference. */
    assert_int_equal(visit(&f, &(primer_session_options){.context = 700, .chunk = 33}, TEXT, 0),
                     WHOLE);
    end(&f);
}

/* Every word of the key changed, with its own name and (a collision of hashes) with the other's. */
static void every_field_of_the_key_counts(void **state)
{
    (void)state;
    struct prefix_disk *disk = NULL;
    unsigned char page[1000], back[1000];
    int32_t ids[128];
    struct prefix_origin origin;
    memset(&origin, 3, sizeof origin);
    origin.page_bytes = sizeof page;
    fixture_ids(ids, 128, 500, 1);
    memset(page, 7, sizeof page);
    must(prefix_disk_create(&disk, fixture_path("fields"), 0, error));
    assert_non_null(disk);
    const struct prefix_key root = prefix_disk_root(&origin), above = prefix_disk_next(&root, ids);
    const struct prefix_file file = {&origin, prefix_disk_next(&above, ids + 64), ids, 1,
                                     prefix_disk_now()};
    for (size_t i = 0; i < sizeof origin / 8; i++) {
        struct prefix_origin other = origin;
        struct prefix_file forged = file;
        ((unsigned char *)&other)[8 * i]++;
        const struct prefix_key key = prefix_disk_root(&other);
        assert_memory_not_equal(&key, &root, sizeof key);
        if (other.page_bytes != origin.page_bytes)
            continue; /* another size of `back` */
        forged.origin = &other;
        prefix_disk_store(disk, &file, page);
        assert_true(prefix_disk_load(disk, &file, back));
        assert_memory_equal(page, back, sizeof page);
        assert_false(prefix_disk_load(disk, &forged, back));
        assert_false(prefix_disk_has(disk, &file.key)); /* and removed */
    }
    for (size_t i = 0; i < 128; i++) {
        struct prefix_file forged = file;
        int32_t other[128];
        memcpy(other, ids, sizeof other);
        other[i]++;
        const struct prefix_key first = prefix_disk_next(&root, other);
        const struct prefix_key key = prefix_disk_next(&first, other + 64);
        assert_memory_not_equal(&key, &file.key, sizeof key);
        forged.ids = other;
        prefix_disk_store(disk, &file, page);
        assert_false(prefix_disk_load(disk, &forged, back));
        assert_false(prefix_disk_has(disk, &file.key));
    }
    prefix_disk_free(disk);
}

/* ---- the model ------------------------------------------------------------------------------- */

static unsigned char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 64);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* `mode`: "wb" makes a file new, "rb+" overwrites it in place. */
static void write_whole(const char *path, const char *mode, const void *bytes, size_t size)
{
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Overwritten in place: the same size, header, samples of the weights and time of modification. */
static void an_altered_model_is_another(void **state)
{
    (void)state;
    struct fixture f;
    struct gguf *gguf = NULL;
    struct stat facts;
    size_t size;
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    assert_int_equal(visit(&f, NULL, TEXT, 0), WHOLE);
    assert_int_equal(stat(f.path, &facts), 0);
    must(gguf_open(&gguf, f.path, error));
    const struct gguf_tensor *tensor = gguf_tensor_named(gguf, "blk.0.attn_k.weight");
    assert_non_null(tensor);
    const size_t at = (size_t)(tensor->data - gguf_map(gguf)->bytes) + 34 * 12 + 5;
    gguf_free(gguf);
    unsigned char *bytes = read_whole(f.path, &size);
    bytes[at] ^= 0x55;
    write_whole(f.path, "rb+", bytes, size);
    const struct timespec times[2] = {facts.st_atim, facts.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, f.path, times, 0), 0);
    primer_model *before = f.plain;
    must(primer_model_open(f.path, &(primer_model_options){.no_prefix_cache = true}, &f.plain,
                           error));
    assert_int_equal(before->identity, f.plain->identity); /* the samples don't tell */
    assert_int_equal(visit(&f, NULL, TEXT, 0), 0);
    assert_int_equal(visit(&f, NULL, TEXT, 0), WHOLE);
    primer_model_free(before);
    free(bytes);
    end(&f);
}

static void a_copy_is_another(void **state)
{
    (void)state;
    struct fixture f;
    size_t size;
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    unsigned char *bytes = read_whole(f.path, &size);
    f.path = fixture_path("copy.gguf");
    write_whole(f.path, "wb", bytes, size);
    assert_int_equal(visit(&f, NULL, TEXT, 0), 0);
    assert_int_equal(visit(&f, NULL, TEXT, 0), WHOLE);
    free(bytes);
    end(&f);
}

/* Nobody knows which model bytes in memory are. */
static void memory_is_not_kept(void **state)
{
    (void)state;
    struct fixture f;
    size_t size;
    primer_model *model = NULL;
    primer_session *s = NULL;
    begin(&f, 0);
    unsigned char *bytes = read_whole(f.path, &size), *aligned = bytes;
    while ((uintptr_t)aligned % 64 != 0)
        aligned++;
    memmove(aligned, bytes, size);
    must(primer_model_open_memory(aligned, size, "memory",
                                  &(primer_model_options){.prefix_folder = f.folder}, &model,
                                  error));
    must(primer_session_create(model, NULL, &s, error));
    must(primer_session_sync(s, f.ids, TEXT, NULL, NULL, error));
    assert_alone(&f, s, NULL);
    primer_session_free(s);
    primer_model_free(model);
    assert_int_not_equal(access(f.folder, F_OK), 0);
    free(bytes);
    end(&f);
}

/* The version in the code is the one on the page. */
static void the_contract_has_this_version(void **state)
{
    (void)state;
    char line[64], text[128];
    bool found = false;
    snprintf(line, sizeof line, "This is version %u ", ENGINE_NUMERICS);
    FILE *file = fopen("docs/NUMERICS.md", "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL)
        found = found || strncmp(text, line, strlen(line)) == 0;
    fclose(file);
    assert_true(found);
}

/* ---- bad files ------------------------------------------------------------------------------- */

/* Does something bad to the bytes of a file; returns the new size. */
static size_t damage(unsigned char *bytes, size_t size, size_t i)
{
    const size_t at = i < 24 ? i * 8 : (i * 2654435761u) % size;
    switch (i % 4) {
    case 0:
        bytes[at] ^= 0x10;
        return size;
    case 1:
        return at; /* torn */
    case 2:
        bytes[size] = 0; /* something more */
        return size + 1;
    default:
        memset(bytes + at, 0, size - at); /* blocks that were never written */
        return size;
    }
}

static void bad_files_are_computed(void **state)
{
    (void)state;
    struct fixture f;
    struct files files;
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    list(&f, &files);
    for (size_t i = 0; i < 48; i++) {
        char path[256];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", f.folder, files.names[i % files.count]);
        unsigned char *bytes = read_whole(path, &size);
        write_whole(path, "wb", bytes, damage(bytes, size, i));
        assert_true(visit(&f, NULL, TEXT, 0) < WHOLE);
        assert_int_equal(visit(&f, NULL, TEXT, 0), WHOLE); /* was written anew */
        free(bytes);
    }
    end(&f);
}

/* A whole file of an earlier version, checksum and all: its name alone is this version's. */
static void other_versions_are_computed(void **state)
{
    (void)state;
    struct fixture f;
    struct files files;
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    list(&f, &files);
    for (size_t word = 0; word < 3; word++) { /* magic, version of the file, of the numerics */
        char path[256];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", f.folder, files.names[0]);
        unsigned char *bytes = read_whole(path, &size);
        bytes[8 * word]++;
        write_whole(path, "wb", bytes, size);
        assert_true(visit(&f, NULL, TEXT, 0) < WHOLE);
        assert_int_equal(visit(&f, NULL, TEXT, 0), WHOLE);
        free(bytes);
    }
    end(&f);
}

/* A session that holds a part of a page when the file of that page is bad: the part is computed
 * anew. */
static void a_started_page_survives(void **state)
{
    (void)state;
    struct fixture f;
    struct files files;
    primer_session *s = NULL;
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    list(&f, &files);
    for (size_t i = 0; i < files.count; i++) {
        char path[256];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", f.folder, files.names[i]);
        unsigned char *bytes = read_whole(path, &size);
        for (size_t at = size / 4; at < size; at++) /* in most of the page */
            bytes[at] ^= 0x21;
        write_whole(path, "wb", bytes, size);
        free(bytes);
    }
    primer_model *model = open_with(&f, 0);
    must(primer_session_create(model, NULL, &s, error));
    must(primer_session_sync(s, f.ids, 40, NULL, NULL, error));
    must(primer_session_sync(s, f.ids, TEXT, NULL, NULL, error));
    assert_alone(&f, s, NULL);
    primer_session_free(s);
    primer_model_free(model);
    end(&f);
}

/* ---- what stays ------------------------------------------------------------------------------ */

/* Pages that the memory has no room for go to the disk, and come back from there. */
static void evicted_pages_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    primer_session *s = NULL;
    primer_statistics statistics;
    begin(&f, 0);
    primer_model *model = open_with(&f, 0);
    must(primer_session_create(model, NULL, &s, error));
    s->prefix->budget = 3 * kv_pool_geometry(s->cache.pool)->page_bytes;
    must(primer_session_sync(s, f.ids, TEXT, NULL, NULL, error));
    must(primer_session_rewind(s, 0, error));
    assert_int_equal(files_in(&f), 4); /* the leaves; the first three pages are in memory */
    must(primer_session_sync(s, f.ids, TEXT, NULL, NULL, error));
    assert_alone(&f, s, NULL);
    primer_session_statistics(s, &statistics);
    assert_int_equal(statistics.shared_tokens, 192);
    assert_int_equal(statistics.restored_tokens, 256);
    f.ids[0]++;
    must(primer_session_sync(s, f.ids, TEXT, NULL, NULL, error));
    assert_alone(&f, s, NULL);
    assert_int_equal(files_in(&f), 4);
    primer_session_free(s);
    primer_model_free(model);
    assert_int_equal(files_in(&f), 14); /* and all when the model went */
    end(&f);
}

static void the_budget_holds(void **state)
{
    (void)state;
    struct fixture f;
    struct files files;
    begin(&f, 0);
    visit(&f, NULL, 256, 0);
    list(&f, &files);
    const uint64_t budget = 3 * files.bytes + 1; /* three texts of four pages */
    for (int32_t i = 1; i <= 8; i++) {
        f.ids[0] = i;
        visit(&f, NULL, 256, budget);
        list(&f, &files);
        assert_true(files.bytes <= budget);
        f.ids[0] = 0;
        visit(&f, NULL, 260, budget); /* used again and again: it stays */
    }
    assert_int_equal(files.count, 12);
    assert_int_equal(visit(&f, NULL, 260, budget), 256);
    f.ids[0] = 8;
    assert_int_equal(visit(&f, NULL, 260, budget), 256);
    f.ids[0] = 5;
    assert_int_equal(visit(&f, NULL, 260, budget), 0);
    end(&f);
}

/* What isn't ours stays; what a writer left that is no more, goes. */
static void leftovers_are_swept(void **state)
{
    (void)state;
    struct fixture f;
    char path[256];
    begin(&f, 0);
    visit(&f, NULL, 100, 0);
    static const char *const stay[] = {"notes.txt", "0123456789abcdef0123456789abcdeg.kv",
                                       "0123456789abcdef0123456789abcdef.kv2"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", f.folder, stay[i]);
        write_whole(path, "wb", "x", 1);
        assert_int_equal(chmod(path, 0600), 0);
    }
    snprintf(path, sizeof path, "%s/.partial-%d-0", f.folder, 0x3fffffff);
    write_whole(path, "wb", "x", 1);
    snprintf(path, sizeof path, "%s/.partial-%ld-900", f.folder, (long)getpid());
    write_whole(path, "wb", "x", 1); /* somebody is at it */
    assert_int_equal(chmod(path, 0600), 0);
    visit(&f, NULL, TEXT, (uint64_t)1 << 20);
    assert_int_equal(files_in(&f), 7 + 4);
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    f.ids[0]++;
    visit(&f, NULL, TEXT, (uint64_t)1 << 20);
    assert_int_equal(files_in(&f), 14 + 3);
    end(&f);
}

static void no_folder_is_no_error(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    write_whole(fixture_path("file"), "wb", "x", 1);
    snprintf(f.folder, sizeof f.folder, "%s", fixture_path("file/folder"));
    assert_int_equal(visit(&f, NULL, TEXT, 0), 0);
    assert_int_equal(visit(&f, NULL, TEXT, 0), 0);
    end(&f);
}

struct client {
    struct fixture *f;
    primer_model *model;
    unsigned seed;
};

static void *come_and_go(void *context)
{
    struct client *c = context;
    uint32_t x = c->seed;
    for (int i = 0; i < 6; i++) {
        primer_session *s = NULL;
        int32_t ids[500];
        memcpy(ids, c->f->ids, sizeof ids);
        x = x * 1103515245u + 12345u;
        ids[(x >> 8) % 400] = 1; /* where it leaves the common text */
        must(primer_session_create(c->model, NULL, &s, error));
        must(primer_session_sync(s, ids, 260 + (x >> 20) % 200, NULL, NULL, error));
        assert_alone(c->f, s, NULL);
        primer_session_free(s);
    }
    return NULL;
}

/* Two models of one folder, a memory that holds little, and threads that share and leave. */
static void many_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct client clients[4];
    pthread_t threads[4];
    primer_model *models[2] = {NULL, NULL};
    begin(&f, 0);
    for (size_t i = 0; i < 2; i++)
        must(primer_model_open(f.path,
                               &(primer_model_options){.threads = 2,
                                                       .prefix_cache_bytes = 600000,
                                                       .prefix_folder = f.folder,
                                                       .prefix_folder_bytes = 2000000},
                               &models[i], error));
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = (struct client){&f, models[i % 2], i};
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &clients[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 2; i++)
        primer_model_free(models[i]);
    end(&f);
}

/* Without memory for it there is an error or no cache, never anything in between. */
static void memory_runs_out(void **state)
{
    (void)state;
    struct fixture f;
    if (!allocator_counts())
        skip();
    begin(&f, 0);
    visit(&f, NULL, TEXT, 0);
    for (size_t n = 0; n < 200; n++) {
        primer_error why = {0};
        primer_model *model = NULL;
        primer_session *s = NULL;
        const size_t live = allocator_live();
        allocator_fail_at(n * 13);
        const bool done =
            primer_model_open(f.path,
                              &(primer_model_options){.threads = 1, .prefix_folder = f.folder},
                              &model, &why) == PRIMER_OK &&
            primer_session_create(model, NULL, &s, &why) == PRIMER_OK &&
            primer_session_sync(s, f.ids, TEXT, NULL, NULL, &why) == PRIMER_OK;
        allocator_fail_at(SIZE_MAX);
        if (done)
            assert_known(&f, s, NULL);
        else
            assert_true(why.status != PRIMER_OK && why.message[0] != '\0');
        primer_session_free(s);
        primer_model_free(model);
        assert_int_equal(allocator_live(), live);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_equals_computed),
        cmocka_unit_test(short_ones_are_not_kept),
        cmocka_unit_test(options_are_kept_apart),
        cmocka_unit_test(every_field_of_the_key_counts),
        cmocka_unit_test(an_altered_model_is_another),
        cmocka_unit_test(a_copy_is_another),
        cmocka_unit_test(memory_is_not_kept),
        cmocka_unit_test(the_contract_has_this_version),
        cmocka_unit_test(bad_files_are_computed),
        cmocka_unit_test(other_versions_are_computed),
        cmocka_unit_test(a_started_page_survives),
        cmocka_unit_test(evicted_pages_are_kept),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(leftovers_are_swept),
        cmocka_unit_test(no_folder_is_no_error),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
