/* data_journal.c - reading, cutting and growing OUT.work. Declared in data_journal.h.
 *
 * The file is made with its first round: a run that fails before leaves nothing.
 */
#include "data/data_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC  "PRMWORK1"
#define HEADER 24u /* bytes */
#define FRAME  16u /* before the results of a round */

static void put(unsigned char *bytes, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static uint64_t hash_of(const struct data_journal *journal, const void *results, size_t length)
{
    return hash_bytes(results, length, journal->key + journal->rounds);
}

static primer_status failure(const struct data_journal *journal, const char *what,
                             primer_error *error)
{
    return error_set(error, PRIMER_EIO, "%s: cannot %s it: %s", journal->path.bytes, what,
                     strerror(errno));
}

/* ---- the file's system calls ----------------------------------------------------------------- */

/* *got: less than `length` at the file's end. */
static primer_status read_some(struct data_journal *journal, void *bytes, size_t length,
                               size_t *got, primer_error *error)
{
    for (*got = 0; *got < length;) {
        const ssize_t count = pread(journal->descriptor, (char *)bytes + *got, length - *got,
                                    (off_t)(journal->at + *got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failure(journal, "read", error);
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return PRIMER_OK;
}

static primer_status write_all(struct data_journal *journal, const void *bytes, size_t length,
                               primer_error *error)
{
    for (size_t done = 0; done < length;) {
        const ssize_t count = pwrite(journal->descriptor, (const char *)bytes + done, length - done,
                                     (off_t)(journal->at + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return failure(journal, "write", error);
        done += (size_t)count;
    }
    journal->at += length;
    return PRIMER_OK;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void make_header(const struct data_journal *journal, unsigned char *header)
{
    memcpy(header, MAGIC, 8);
    put(header + 8, journal->key);
    put(header + 16, hash_bytes(header, 16, 0));
}

/* Half a header was torn off: it is as if there were none. */
static primer_status read_header(struct data_journal *journal, bool *other, primer_error *error)
{
    unsigned char expected[HEADER], found[HEADER];
    size_t got = 0;
    make_header(journal, expected);
    FORWARD(read_some(journal, found, sizeof found, &got, error));
    if (memcmp(found, expected, got < 8 ? got : 8) != 0)
        return error_set(error, PRIMER_EINVAL,
                         "%s: is where the work so far is kept, and there is another file; move it "
                         "away",
                         journal->path.bytes);
    journal->reading = got == HEADER && memcmp(found, expected, HEADER) == 0;
    *other = got == HEADER && !journal->reading;
    journal->at = journal->reading ? HEADER : 0;
    return PRIMER_OK;
}

primer_status data_journal_open(struct data_journal *journal, const char *path, uint64_t key,
                                bool *other, primer_error *error)
{
    struct stat facts;
    *other = false;
    journal->key = key;
    FORWARD(buffer_format(&journal->path, error, "%s.work", path));
    journal->descriptor = open(journal->path.bytes, O_RDWR | O_CLOEXEC);
    if (journal->descriptor < 0)
        return errno == ENOENT ? PRIMER_OK : failure(journal, "open", error);
    journal->open = true;
    if (fstat(journal->descriptor, &facts) != 0)
        return failure(journal, "look at", error);
    if (!S_ISREG(facts.st_mode))
        return error_set(error, PRIMER_EINVAL, "%s: is no regular file", journal->path.bytes);
    journal->size = (uint64_t)facts.st_size;
    return read_header(journal, other, error);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* The next round, where it is whole. */
static primer_status read_round(struct data_journal *journal, struct buffer *results, bool *whole,
                                primer_error *error)
{
    unsigned char frame[FRAME] = {0};
    size_t got = 0;
    *whole = false;
    FORWARD(read_some(journal, frame, sizeof frame, &got, error));
    const uint64_t length = get(frame);
    if (got < FRAME || journal->size < journal->at + FRAME ||
        length > journal->size - journal->at - FRAME)
        return PRIMER_OK;
    const size_t before = results->length;
    FORWARD(buffer_reserve(results, (size_t)length + 1, error));
    journal->at += FRAME;
    const primer_status status =
        read_some(journal, results->bytes + before, (size_t)length, &got, error);
    journal->at -= FRAME;
    FORWARD(status);
    *whole = got == length && hash_of(journal, results->bytes + before, got) == get(frame + 8);
    results->length = before + (*whole ? got : 0);
    results->bytes[results->length] = '\0';
    return PRIMER_OK;
}

primer_status data_journal_next(struct data_journal *journal, struct buffer *results, bool *there,
                                primer_error *error)
{
    *there = false;
    if (!journal->reading)
        return PRIMER_OK;
    const size_t before = results->length;
    FORWARD(read_round(journal, results, there, error));
    journal->reading = *there;
    if (!*there)
        return PRIMER_OK;
    journal->at += FRAME + results->length - before;
    journal->rounds++;
    return PRIMER_OK;
}

/* What lies beyond the rounds that were read is cut off. */
static primer_status begin_writing(struct data_journal *journal, primer_error *error)
{
    unsigned char header[HEADER];
    if (!journal->open)
        journal->descriptor =
            open(journal->path.bytes, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (journal->descriptor < 0)
        return failure(journal, "make", error);
    journal->open = journal->begun = true;
    journal->reading = false;
    if (ftruncate(journal->descriptor, (off_t)journal->at) != 0)
        return failure(journal, "write", error);
    if (journal->at > 0)
        return PRIMER_OK;
    make_header(journal, header);
    return write_all(journal, header, sizeof header, error);
}

primer_status data_journal_add(struct data_journal *journal, const void *results, size_t length,
                               primer_error *error)
{
    unsigned char frame[FRAME];
    put(frame, length);
    put(frame + 8, hash_of(journal, results, length));
    FORWARD(begin_writing(journal, error));
    FORWARD(write_all(journal, frame, sizeof frame, error));
    FORWARD(write_all(journal, results, length, error));
    journal->rounds++;
    return PRIMER_OK;
}

void data_journal_close(struct data_journal *journal, bool keep)
{
    if (journal->open) {
        close(journal->descriptor);
        if (!keep)
            unlink(journal->path.bytes);
    }
    buffer_free(&journal->path);
    *journal = (struct data_journal){0};
}
