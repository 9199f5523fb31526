/* fuzz_driver.c - runs a fuzz target over files, and over mutations of them, with any compiler.
 *
 *   fuzz_TARGET FILE|FOLDER...                                  each input once
 *   fuzz_TARGET --mutations N [--seed S] [--seconds T] FILE...  and then N mutations of them
 *
 * Mutation i depends on the seed, i and the inputs, on nothing else. A mutation begins with one
 * input and changes it a few times: bits, bytes, numbers of 1 to 8 bytes (to values near 0, to the
 * limits, to the input's length), digits of text, pieces cut, doubled, moved, swapped, taken from
 * another input.
 *
 * Guards: an input may take TIME_LIMIT seconds; the process may grow by 64 MB (or what the target
 * says: fuzz_growth) and eight times the longest input beyond what it was at the start (where no
 * sanitizer is at work: those reserve memory of their own). Where an input breaks the target, it is
 * written to ./PROGRAM-crash, to be given to the same program again.
 */
#include "fuzz_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define SLACK ((size_t)64 << 20) /* bytes */

enum {
    TIME_LIMIT = 10,
    INPUT_MOST = 4 << 20,
    INPUTS_MOST = 4096,
    CHANGES_MOST = 6,
    PIECE_MOST = 512
};

struct input {
    uint8_t *bytes;
    size_t length;
    char *path;
};

static struct input inputs[INPUTS_MOST];
static size_t input_count, longest;

/* ---- what is written where the target breaks ---- */

static const uint8_t *running; /* the input at work, for the handler */
static size_t running_length;
static char crash_path[512];

/* The sanitizers' messages come first, then a signal, then this. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:allocator_may_return_null=1:max_allocation_size_mb=128:detect_leaks=1";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:halt_on_error=1:print_stacktrace=1";
}

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void on_signal(int number)
{
    if (number == SIGALRM)
        say("an input took too long\n");
    int file = running ? open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (file >= 0 && write(file, running, running_length) == (ssize_t)running_length) {
        say("the input is in ");
        say(crash_path);
        say("\n");
    }
    signal(number, SIG_DFL);
    raise(number == SIGALRM ? SIGKILL : number);
}

static void set_guards(const char *program)
{
    static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    const char *name = strrchr(program, '/');
    snprintf(crash_path, sizeof crash_path, "%s-crash", name ? name + 1 : program);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
        signal(SIGNALS[i], on_signal);
}

/* Bytes of address space, or 0 where the system doesn't tell. */
static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(void)
{
    size_t now = SANITIZED ? 0 : address_space();
    if (now == 0)
        return;
    const size_t slack = &fuzz_growth != NULL ? fuzz_growth : SLACK;
    struct rlimit limit = {now + slack + 8 * longest, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
}

static void run_one(const uint8_t *bytes, size_t length)
{
    struct itimerval timer = {.it_value = {.tv_sec = TIME_LIMIT}};
    running = bytes;
    running_length = length;
    setitimer(ITIMER_REAL, &timer, NULL);
    LLVMFuzzerTestOneInput(bytes, length);
    running = NULL;
}

/* ---- inputs ---- */

static bool add_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    struct input *input = &inputs[input_count];
    if (!file || fstat(fileno(file), &facts) != 0 || facts.st_size > INPUT_MOST ||
        input_count == INPUTS_MOST) {
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, INPUT_MOST);
        if (file)
            fclose(file);
        return false;
    }
    input->length = (size_t)facts.st_size;
    input->bytes = malloc(input->length + 1);
    input->path = strdup(path);
    bool whole = input->bytes && input->path &&
                 fread(input->bytes, 1, input->length, file) == input->length;
    fclose(file);
    input_count += whole;
    if (input->length > longest)
        longest = input->length;
    return whole;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

static bool add_path(const char *path)
{
    struct dirent *entry;
    bool good = true;
    DIR *folder = opendir(path);
    if (!folder)
        return add_file(path);
    while ((entry = readdir(folder)) != NULL) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        good = add_file(inner) && good;
    }
    closedir(folder);
    return good;
}

/* ---- mutation ---- */

struct mutant {
    uint8_t *bytes;
    size_t length, capacity;
    struct random random;
};

static size_t below(struct mutant *mutant, size_t limit)
{
    return limit == 0 ? 0 : (size_t)random_below(&mutant->random, limit);
}

/* Values at which code is wrong: about 0, powers of two, limits of types, the input's length. */
static uint64_t odd_value(struct mutant *mutant)
{
    uint64_t near = random_below(&mutant->random, 7);
    switch (random_below(&mutant->random, 6)) {
    case 0: return near;
    case 1: return 0 - near;
    case 2: return ((uint64_t)1 << random_below(&mutant->random, 64)) + near - 3;
    case 3: return mutant->length + near - 3;
    case 4: return UINT64_MAX >> random_below(&mutant->random, 64);
    default: return random_u64(&mutant->random) >> random_below(&mutant->random, 64);
    }
}

static uint64_t number_at(const struct mutant *mutant, size_t at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, mutant->bytes + at, size);
    return value;
}

static void change_bit(struct mutant *mutant)
{
    if (mutant->length > 0)
        mutant->bytes[below(mutant, mutant->length)] ^= (uint8_t)(1U << below(mutant, 8));
}

static void change_byte(struct mutant *mutant)
{
    if (mutant->length > 0)
        mutant->bytes[below(mutant, mutant->length)] = (uint8_t)random_u64(&mutant->random);
}

/* A little-endian number of 1, 2, 4 or 8 bytes becomes an odd one, or a little more or less. */
static void change_number(struct mutant *mutant)
{
    size_t size = (size_t)1 << below(mutant, 4);
    if (mutant->length < size)
        return;
    size_t at = below(mutant, mutant->length - size + 1);
    uint64_t value = odd_value(mutant);
    if (below(mutant, 2) == 0)
        value = number_at(mutant, at, size) + below(mutant, 9) - 4;
    memcpy(mutant->bytes + at, &value, size);
}

/* The same for what looks like a count, length, offset or type: a small number in 4 or 8 bytes. */
static void change_count(struct mutant *mutant)
{
    size_t size = below(mutant, 2) == 0 ? 4 : 8;
    for (size_t tries = 0; tries < 64 && mutant->length >= size; tries++) {
        size_t at = below(mutant, mutant->length - size + 1);
        uint64_t found = number_at(mutant, at, size), value = odd_value(mutant);
        if (found == 0 || found > 65536)
            continue;
        if (below(mutant, 2) == 0)
            value = found + below(mutant, 9) - 4;
        memcpy(mutant->bytes + at, &value, size);
        return;
    }
}

/* A digit, letter or mark of text becomes another that means something. */
static void change_text(struct mutant *mutant)
{
    static const char MARKS[] = "0123456789-+.eE\"\\{}[]:,<>|\0\x7f\x80\xc3\xe2\xf0\xff utnf";
    if (mutant->length > 0)
        mutant->bytes[below(mutant, mutant->length)] =
            (uint8_t)MARKS[below(mutant, sizeof MARKS - 1)];
}

/* Opens a gap of `size` bytes at `at`; false where there is no room. */
static bool open_gap(struct mutant *mutant, size_t at, size_t size)
{
    if (size > mutant->capacity - mutant->length)
        return false;
    memmove(mutant->bytes + at + size, mutant->bytes + at, mutant->length - at);
    mutant->length += size;
    return true;
}

static void cut_end(struct mutant *mutant)
{
    mutant->length = below(mutant, mutant->length + 1);
}

static void cut_piece(struct mutant *mutant)
{
    size_t at = below(mutant, mutant->length + 1);
    size_t most = mutant->length - at < PIECE_MOST ? mutant->length - at : PIECE_MOST;
    size_t size = below(mutant, most + 1);
    memmove(mutant->bytes + at, mutant->bytes + at + size, mutant->length - at - size);
    mutant->length -= size;
}

/* A piece of this input, or of another, put in somewhere else. */
static void insert_piece(struct mutant *mutant)
{
    const struct input *other = &inputs[below(mutant, input_count)];
    uint8_t piece[PIECE_MOST];
    size_t most = other->length < PIECE_MOST ? other->length : PIECE_MOST;
    size_t size = below(mutant, most + 1);
    memcpy(piece, other->bytes + below(mutant, other->length - size + 1), size);
    size_t at = below(mutant, mutant->length + 1);
    if (open_gap(mutant, at, size))
        memcpy(mutant->bytes + at, piece, size);
}

/* The same byte many times: deep nesting, long names, runs. */
static void insert_run(struct mutant *mutant)
{
    size_t at = below(mutant, mutant->length + 1), size = below(mutant, PIECE_MOST);
    uint8_t byte = mutant->length > 0 ? mutant->bytes[below(mutant, mutant->length)] : 0;
    if (open_gap(mutant, at, size))
        memset(mutant->bytes + at, byte, size);
}

static void copy_over(struct mutant *mutant)
{
    const struct input *other = &inputs[below(mutant, input_count)];
    size_t most = other->length < mutant->length ? other->length : mutant->length;
    size_t size = below(mutant, (most < PIECE_MOST ? most : PIECE_MOST) + 1);
    memcpy(mutant->bytes + below(mutant, mutant->length - size + 1),
           other->bytes + below(mutant, other->length - size + 1), size);
}

static void swap_pieces(struct mutant *mutant)
{
    size_t size = 1 + below(mutant, 32);
    if (mutant->length < 2 * size)
        return;
    size_t a = below(mutant, mutant->length - 2 * size + 1);
    size_t b = a + size + below(mutant, mutant->length - a - 2 * size + 1);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = mutant->bytes[a + i];
        mutant->bytes[a + i] = mutant->bytes[b + i];
        mutant->bytes[b + i] = byte;
    }
}

/* The beginning of this input and the end of another. */
static void join_ends(struct mutant *mutant)
{
    const struct input *other = &inputs[below(mutant, input_count)];
    size_t from = below(mutant, other->length + 1), at = below(mutant, mutant->length + 1);
    size_t size = other->length - from;
    if (size > mutant->capacity - at)
        return;
    memcpy(mutant->bytes + at, other->bytes + from, size);
    mutant->length = at + size;
}

typedef void change(struct mutant *mutant);

/* Twice where a change is likely to lead somewhere new. */
static change *const CHANGES[] = {
    change_bit,  change_byte, change_number, change_number, change_count, change_count, change_text,
    change_text, cut_end,     cut_piece,     insert_piece,  insert_run,   copy_over,    swap_pieces,
    join_ends,
};

static void run_mutation(struct mutant *mutant, uint64_t seed, uint64_t number)
{
    random_seed(&mutant->random, seed * UINT64_C(0x9E3779B97F4A7C15) + number);
    const struct input *base = &inputs[below(mutant, input_count)];
    memcpy(mutant->bytes, base->bytes, base->length);
    mutant->length = base->length;
    size_t changes = 1 + below(mutant, CHANGES_MOST);
    for (size_t i = 0; i < changes; i++)
        CHANGES[below(mutant, sizeof CHANGES / sizeof *CHANGES)](mutant);
    run_one(mutant->bytes, mutant->length);
}

/* ---- the program ---- */

struct request {
    uint64_t mutations, seed;
    double seconds; /* 0: no limit */
};

static bool read_arguments(struct request *request, int count, char **arguments)
{
    bool good = true;
    for (int i = 1; i < count; i++) {
        const char *next = i + 1 < count ? arguments[i + 1] : "";
        if (strcmp(arguments[i], "--mutations") == 0)
            request->mutations = strtoull(next, NULL, 10), i++;
        else if (strcmp(arguments[i], "--seed") == 0)
            request->seed = strtoull(next, NULL, 10), i++;
        else if (strcmp(arguments[i], "--seconds") == 0)
            request->seconds = strtod(next, NULL), i++;
        else
            good = add_path(arguments[i]) && good;
    }
    if (input_count > 0)
        qsort(inputs, input_count, sizeof *inputs, by_path);
    if (good && input_count == 0)
        fprintf(stderr, "usage: %s [--mutations N] [--seed S] [--seconds T] FILE|FOLDER...\n",
                arguments[0]);
    return good && input_count > 0;
}

int main(int count, char **arguments)
{
    struct request request = {.seed = 1};
    struct mutant mutant = {0};
    uint64_t done = 0, begin = clock_nanoseconds();
    if (!read_arguments(&request, count, arguments))
        return 2;
    mutant.capacity = 2 * longest + CHANGES_MOST * PIECE_MOST;
    mutant.bytes = malloc(mutant.capacity);
    if (!mutant.bytes)
        return 2;
    set_guards(arguments[0]);
    limit_memory();
    for (size_t i = 0; i < input_count; i++)
        run_one(inputs[i].bytes, inputs[i].length);
    for (; done < request.mutations; done++) {
        if (request.seconds > 0 && clock_seconds_since(begin) > request.seconds)
            break;
        run_mutation(&mutant, request.seed, done);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    printf("%zu inputs and %" PRIu64 " mutations, %.1f s\n", input_count, done,
           clock_seconds_since(begin));
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].bytes);
        free(inputs[i].path);
    }
    free(mutant.bytes);
    return 0;
}
