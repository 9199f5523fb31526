/* test_tokenizer_peer.c - the same ids as llama.cpp on a megabyte each of English, code, emoji,
 * CJK, random code points, random bytes and white space.
 *
 * compare_peer.mjs makes texts and vocabularies and asks the peer; here both answers are compared.
 * Needs PRIMER_PEER (a folder whose node_modules has node-llama-cpp), node, and the shared data;
 * skipped otherwise. PRIMER_PEER_BYTES: bytes of each text.
 */
#include "tokenizer/tokenizer.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[] = "/tmp/primer-peer-XXXXXX";
static bool ready;

static const char *shared(void)
{
    const char *const path = getenv("PRIMER_SHARED");
    return path == NULL || *path == '\0' ? "../shared" : path;
}

static struct buffer read_file(const char *path)
{
    struct buffer bytes = {0};
    primer_error error = {0};
    if (file_read(path, (size_t)1 << 30, &bytes, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return bytes;
}

static int make(void **state)
{
    (void)state;
    const char *const peer = getenv("PRIMER_PEER"), *const bytes = getenv("PRIMER_PEER_BYTES");
    char command[4096];
    snprintf(command, sizeof command, "%s/models/stories260K.gguf", shared());
    if (peer == NULL || *peer == '\0' || !file_exists(command) ||
        system("command -v node >/dev/null") != 0)
        return 0;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(command, sizeof command, "node tests/tokenizer/compare_peer.mjs '%s' '%s' '%s' %s",
             peer, shared(), folder, bytes == NULL ? "1000000" : bytes);
    ready = system(command) == 0;
    return ready ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    char command[256];
    if (!ready)
        return 0;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static struct tokenizer *from_gguf(const char *path)
{
    primer_error error = {0};
    struct gguf *gguf = NULL;
    struct tokenizer *tokenizer = NULL;
    if (gguf_open(&gguf, path, &error) != PRIMER_OK ||
        tokenizer_from_gguf(&tokenizer, gguf, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    gguf_free(gguf);
    return tokenizer;
}

static struct tokenizer *from_json(const char *path)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    struct buffer json = read_file(path);
    if (tokenizer_from_json(&tokenizer, json.bytes, json.length, path, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    buffer_free(&json);
    return tokenizer;
}

/* One line of a .ids file against our ids of the text's next bytes; returns how many bytes those
 * were. */
static size_t compare_chunk(const struct tokenizer *tokenizer, const char *name, const char *text,
                            char *line, size_t *tokens)
{
    primer_error error = {0};
    struct token_list ids = {0};
    struct buffer back = {0};
    char *end;
    const size_t length = strtoul(line, &end, 10);
    const unsigned flags = strstr(name, ".special.") == NULL ? 0 : TOKENIZER_SPECIAL;
    if (tokenizer_encode(tokenizer, text, length, flags, &ids, &error) != PRIMER_OK)
        fail_msg("%s: %s", name, error.message);
    size_t count = 0;
    for (char *at = end; *at == ' '; at = end, count++) {
        const long expected = strtol(at, &end, 10);
        if (count >= ids.count || ids.ids[count] != expected)
            fail_msg("%s: token %zu of the chunk is %d, the peer's %ld: %.*s", name, count,
                     count < ids.count ? ids.ids[count] : -1, expected,
                     (int)(length < 400 ? length : 400), text);
    }
    if (count != ids.count)
        fail_msg("%s: %zu tokens, the peer has %zu", name, ids.count, count);
    *tokens += count;
    token_list_free(&ids);
    buffer_free(&back);
    return length;
}

/* All the texts that the peer was asked for a vocabulary. */
static void compare(const struct tokenizer *tokenizer, const char *vocabulary)
{
    size_t files = 0;
    DIR *const listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        const size_t prefix = strlen(vocabulary), length = strlen(entry->d_name);
        if (strncmp(entry->d_name, vocabulary, prefix) != 0 || entry->d_name[prefix] != '.' ||
            length < prefix + 6 || strcmp(entry->d_name + length - 4, ".ids") != 0)
            continue;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct buffer answers = read_file(path);
        snprintf(path, sizeof path, "%s/%.*s.txt", folder, (int)(length - prefix - 5),
                 entry->d_name + prefix + 1);
        struct buffer text = read_file(path);
        size_t at = 0, tokens = 0;
        for (char *line = strtok(answers.bytes, "\n"); line != NULL; line = strtok(NULL, "\n"))
            at += compare_chunk(tokenizer, entry->d_name, text.bytes + at, line, &tokens);
        print_message("%s: %zu bytes, %zu tokens equal\n", entry->d_name, at, tokens);
        assert_true(tokens > 0);
        files++;
        buffer_free(&answers);
        buffer_free(&text);
    }
    closedir(listing);
    assert_true(files > 0);
}

static void compare_file(const char *vocabulary, const char *path, bool json)
{
    struct tokenizer *const tokenizer = json ? from_json(path) : from_gguf(path);
    compare(tokenizer, vocabulary);
    tokenizer_free(tokenizer);
}

static void compare_shared(const char *vocabulary, const char *file, bool json)
{
    char path[1024];
    if (!ready)
        skip();
    snprintf(path, sizeof path, "%s/%s", shared(), file);
    compare_file(vocabulary, path, json);
}

static void test_phi2_json(void **state)
{
    (void)state;
    compare_shared("phi-2", "data/tok-phi/phi-2/tokenizer.json", true);
}

static void test_gpt2(void **state)
{
    (void)state;
    compare_shared("gpt-2", "data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf", false);
}

static void test_phi3(void **state)
{
    (void)state;
    compare_shared("phi-3", "data/tok-llamacpp-vocab/ggml-vocab-phi-3.gguf", false);
}

static void test_phi3_json(void **state)
{
    (void)state;
    compare_shared("phi-3", "data/tok-phi/phi-3-mini/tokenizer.json", true);
}

static void test_stories(void **state)
{
    (void)state;
    compare_shared("stories", "models/stories260K.gguf", false);
}

static void test_made(void **state)
{
    (void)state;
    static const char *const names[] = {"phi-2",         "pre-llama-bpe", "pre-qwen2",
                                        "pre-starcoder", "pre-falcon",    "pre-default"};
    if (!ready)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s.gguf", folder, names[i]);
        compare_file(names[i], path, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phi2_json), cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_phi3),      cmocka_unit_test(test_phi3_json),
        cmocka_unit_test(test_stories),   cmocka_unit_test(test_made),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
