/* sandbox_worker.c - starts an interpreter in bubblewrap, and speaks with it.
 *
 *   primer ── socket ── bwrap (outside, waits) ── python3 -c sandbox_worker.py (process 1 inside)
 *
 * bubblewrap's --die-with-parent would tie a worker to the thread that started it. Instead the
 * worker ends at the end of its channel, which closes with this process however that ends, and with
 * the bubblewrap outside, which sandbox_worker_stop kills.
 *
 * It is in a session of its own, so that a terminal's Ctrl-C ends what this process wants it to end:
 * an interrupt's handler decides what becomes of the programs that run.
 *
 * Root becomes another user first: for root the kernel sets no limit on processes, and nothing in a
 * sandbox should be root's in any sense.
 *
 * What comes over the channel is distrusted: an answer that doesn't carry the token of its request,
 * or lengths beyond the limits, ends the worker.
 */
#include "sandbox/sandbox_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/memory.h"

enum {
    NOBODY = 65533, /* a number that distributions leave free; 65534 has other owners */
    START_SECONDS = 20,
    END_MILLISECONDS = 200, /* from its channel's end to its own */
    LATE_SECONDS = 10,      /* beyond the program's: a worker that is slower is stuck */
    ARGUMENTS = 80,
    READY_LENGTH = 16,
    ANSWER_HEAD = SANDBOX_TOKEN + SANDBOX_HEAD
};
static const char READY[READY_LENGTH + 1] = "primer-sandbox-1";
static const char *const LINKS[SANDBOX_LINKS] = {"/lib", "/lib64", "/bin"};

void sandbox_worker_links(struct sandbox_setting *setting)
{
    for (size_t i = 0; i < SANDBOX_LINKS; i++) {
        const ssize_t length = readlink(LINKS[i], setting->link[i], SANDBOX_PATH - 1);
        setting->link[i][length > 0 && length < SANDBOX_PATH - 1 ? length : 0] = '\0';
    }
}

/* ---- starting and ending ---- */

struct command {
    const char *argument[ARGUMENTS];
    size_t count;
    char number[5][32];
};

static void add(struct command *command, const char *const *arguments)
{
    for (; *arguments != NULL && command->count < ARGUMENTS - 1; arguments++)
        command->argument[command->count++] = *arguments;
    command->argument[command->count] = NULL;
}

#define ADD(command, ...) add((command), (const char *const[]){__VA_ARGS__, NULL})

static void build_command(struct command *command, const struct sandbox_setting *setting)
{
    ADD(command, setting->bwrap, "--unshare-user", "--unshare-ipc", "--unshare-pid",
        "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--as-pid-1", "--new-session",
        "--cap-drop", "ALL");
    ADD(command, "--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--ro-bind", "/usr",
        "/usr");
    for (size_t i = 0; i < SANDBOX_LINKS; i++)
        if (setting->link[i][0] != '\0')
            ADD(command, "--symlink", setting->link[i], LINKS[i]);
        else
            ADD(command, "--ro-bind-try", LINKS[i], LINKS[i]);
    ADD(command, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache");
    ADD(command, "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/zero", "/dev/zero");
    ADD(command, "--dev-bind", "/dev/random", "/dev/random", "--dev-bind", "/dev/urandom",
        "/dev/urandom");
    ADD(command, "--size", "16777216", "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/",
        "--");
    const double values[5] = {setting->seconds, (double)setting->memory, (double)setting->output,
                              SANDBOX_PROBLEM, (double)setting->processes};
    ADD(command, setting->python, "-s", "-S", "-B", "-X", "utf8", "-c", sandbox_script_text);
    for (size_t i = 0; i < 5; i++) {
        snprintf(command->number[i], sizeof command->number[i], i == 0 ? "%.6f" : "%.0f",
                 values[i]);
        ADD(command, command->number[i]);
    }
}

/* In the forked process: nothing here may take a lock. */
static void become_bwrap(const struct command *command, int channel, int complaint)
{
    static const char *const environment[] = {"PYTHONHASHSEED=0", "MALLOC_ARENA_MAX=1",
                                              "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin",
                                              NULL};
    sigset_t none;
    if (setsid() < 0)
        return;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Above the standard three, should the caller have closed some of them. */
    channel = fcntl(channel, F_DUPFD, 3);
    complaint = fcntl(complaint, F_DUPFD, 3);
    if (channel < 0 || complaint < 0 || dup2(channel, 0) < 0 || dup2(channel, 1) < 0 ||
        dup2(complaint, 2) < 0 || chdir("/") != 0)
        return;
    if (close_range(3, ~0U, 0) != 0)
        for (int descriptor = 3; descriptor < 65536; descriptor++)
            close(descriptor);
    /* The kernel's calls: the C library's would speak to threads that this process doesn't have. */
    if (geteuid() == 0 && (syscall(SYS_setgroups, 0, NULL) != 0 ||
                           syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) != 0 ||
                           syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) != 0))
        return;
    execve(command->argument[0], (char *const *)(uintptr_t)command->argument,
           (char *const *)(uintptr_t)environment);
    const char message[] = "bwrap can't be executed\n";
    const ssize_t written = write(2, message, sizeof message - 1);
    (void)written;
}

static void shut(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

primer_status sandbox_worker_start(struct sandbox_worker *worker,
                                   const struct sandbox_setting *setting, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct command command = {.count = 0};
    int channel[2] = {-1, -1}, complaint[2] = {-1, -1};
    build_command(&command, setting);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0 ||
        pipe2(complaint, O_CLOEXEC) != 0 || fcntl(channel[0], F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(complaint[0], F_SETFL, O_NONBLOCK) != 0)
        FAIL(PRIMER_EIO, "sandbox: no channel to a worker: %s", strerror(errno));
    const pid_t process = fork();
    if (process < 0)
        FAIL(PRIMER_EIO, "sandbox: no process for a worker: %s", strerror(errno));
    if (process == 0) {
        become_bwrap(&command, channel[1], complaint[1]);
        _exit(127);
    }
    worker->state = SANDBOX_STARTING;
    worker->process = process;
    worker->channel = channel[0];
    worker->complaint = complaint[0];
    worker->leaving = false;
    worker->deadline = clock_nanoseconds() + START_SECONDS * UINT64_C(1000000000);
    worker->program = NULL;
    buffer_clear(&worker->answer);
    channel[0] = complaint[0] = -1;
cleanup:
    shut(&channel[0]);
    shut(&channel[1]);
    shut(&complaint[0]);
    shut(&complaint[1]);
    return status;
}

void sandbox_worker_stop(struct sandbox_worker *worker)
{
    if (worker->state == SANDBOX_DEAD)
        return;
    shut(&worker->channel);
    shut(&worker->complaint);
    kill(worker->process, SIGKILL);
    while (waitpid(worker->process, NULL, 0) < 0 && errno == EINTR)
        ;
    worker->state = SANDBOX_DEAD;
    worker->program = NULL;
}

/* The end of the channel says that bubblewrap is gone, which holds it too; a moment later it can be
 * asked how. bubblewrap tells of an interpreter that a signal has ended as a shell does: 128 + n. */
bool sandbox_worker_ended_outside(const struct sandbox_worker *worker)
{
    char byte;
    siginfo_t end = {0};
    if (recv(worker->channel, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    const int handle = (int)syscall(SYS_pidfd_open, worker->process, 0);
    if (handle >= 0) {
        struct pollfd wait = {.fd = handle, .events = POLLIN};
        poll(&wait, 1, END_MILLISECONDS);
        close(handle);
    }
    if (waitid(P_PID, (id_t)worker->process, &end, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        end.si_pid != worker->process)
        return false;
    return end.si_code != CLD_EXITED || end.si_status == 128 + SIGKILL;
}

void sandbox_worker_complaint(const struct sandbox_worker *worker, char *text, size_t capacity)
{
    char end[512];
    size_t length = 0;
    /* Its last words may be on their way while its channel is closed already. */
    for (;;) {
        char bytes[4096];
        const ssize_t got = read(worker->complaint, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        const size_t take = (size_t)got < sizeof end ? (size_t)got : sizeof end;
        const size_t keep = length + take <= sizeof end ? length : sizeof end - take;
        memmove(end, end + length - keep, keep);
        memcpy(end + keep, bytes + (size_t)got - take, take);
        length = keep + take;
    }
    while (length > 0 && (end[length - 1] == '\n' || end[length - 1] == ' '))
        length--;
    size_t first = length;
    while (first > 0 && end[first - 1] != '\n')
        first--;
    error_printable(end + first, length - first, text, capacity);
}

/* ---- a program there, its answer back ---- */

static void put_u64(unsigned char *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
}

primer_status sandbox_worker_begin(struct sandbox_worker *worker,
                                   const struct sandbox_setting *setting,
                                   const struct sandbox_program *program, size_t index,
                                   primer_error *error)
{
    if (getrandom(worker->token, SANDBOX_TOKEN, 0) != SANDBOX_TOKEN)
        return error_set(error, PRIMER_EIO, "sandbox: the system gives no random numbers: %s",
                         strerror(errno));
    put_u64(worker->lengths, program->source_length);
    put_u64(worker->lengths + 8, program->input_length);
    worker->program = program;
    worker->index = index;
    worker->sent = 0;
    worker->state = SANDBOX_BUSY;
    worker->deadline =
        clock_nanoseconds() + (uint64_t)ceil((setting->seconds + LATE_SECONDS) * 1e9);
    buffer_clear(&worker->answer);
    return PRIMER_OK;
}

static size_t request_length(const struct sandbox_worker *worker)
{
    return sizeof worker->lengths + worker->program->source_length + worker->program->input_length +
           SANDBOX_TOKEN;
}

/* False: nobody takes it any more. */
static bool send_request(struct sandbox_worker *worker)
{
    const struct sandbox_program *const program = worker->program;
    struct iovec parts[4] = {{worker->lengths, sizeof worker->lengths},
                             {(void *)(uintptr_t)program->source, program->source_length},
                             {(void *)(uintptr_t)program->input, program->input_length},
                             {worker->token, SANDBOX_TOKEN}};
    size_t passed = worker->sent;
    for (size_t i = 0; i < 4; i++) {
        const size_t skip = passed < parts[i].iov_len ? passed : parts[i].iov_len;
        if (skip > 0)
            parts[i].iov_base = (char *)parts[i].iov_base + skip;
        parts[i].iov_len -= skip;
        passed -= skip;
    }
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 4};
    const ssize_t sent = sendmsg(worker->channel, &message, MSG_NOSIGNAL);
    if (sent >= 0)
        worker->sent += (size_t)sent;
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Appends what is there, up to `most` bytes of answer; false: the end of the channel. */
static bool receive_some(struct sandbox_worker *worker, size_t most)
{
    char bytes[65536];
    while (worker->answer.length < most) {
        const size_t left = most - worker->answer.length;
        const ssize_t got =
            recv(worker->channel, bytes, left < sizeof bytes ? left : sizeof bytes, 0);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0 || buffer_append(&worker->answer, bytes, (size_t)got, NULL) != PRIMER_OK)
            return false;
    }
    return true;
}

struct answer_head {
    uint8_t end, leaving;
    uint16_t zero;
    uint32_t exit_code, output, problem;
    double seconds;
};

/* False: not an answer to this request. */
static bool read_head(const struct sandbox_worker *worker, const struct sandbox_setting *setting,
                      struct answer_head *head)
{
    struct cursor cursor = cursor_over(worker->answer.bytes, worker->answer.length);
    const unsigned char *token;
    return cursor_bytes(&cursor, "token", SANDBOX_TOKEN, &token, NULL) == PRIMER_OK &&
           memcmp(token, worker->token, SANDBOX_TOKEN) == 0 &&
           cursor_u8(&cursor, "end", &head->end, NULL) == PRIMER_OK &&
           cursor_u8(&cursor, "leaving", &head->leaving, NULL) == PRIMER_OK &&
           cursor_u16(&cursor, "zero", &head->zero, NULL) == PRIMER_OK &&
           cursor_u32(&cursor, "exit code", &head->exit_code, NULL) == PRIMER_OK &&
           cursor_f64(&cursor, "seconds", &head->seconds, NULL) == PRIMER_OK &&
           cursor_u32(&cursor, "output", &head->output, NULL) == PRIMER_OK &&
           cursor_u32(&cursor, "problem", &head->problem, NULL) == PRIMER_OK &&
           head->end < SANDBOX_ENDS && head->leaving <= 1 && head->zero == 0 &&
           head->exit_code <= 255 && head->seconds >= 0 && head->output <= setting->output &&
           head->problem <= SANDBOX_PROBLEM;
}

/* False: the answer is wrong or can't be held. */
static bool take_answer(struct sandbox_worker *worker, const struct sandbox_setting *setting,
                        struct sandbox_result *result, bool *answered)
{
    struct answer_head head;
    if (!receive_some(worker, ANSWER_HEAD))
        return false;
    if (worker->answer.length < ANSWER_HEAD)
        return true;
    if (!read_head(worker, setting, &head))
        return false;
    const size_t all = (size_t)ANSWER_HEAD + head.output + head.problem;
    if (!receive_some(worker, all))
        return false;
    if (worker->answer.length < all)
        return true;
    const char *const output = worker->answer.bytes + ANSWER_HEAD;
    if (buffer_append(&result->output, output, head.output, NULL) != PRIMER_OK ||
        buffer_append(&result->problem, output + head.output, head.problem, NULL) != PRIMER_OK)
        return false;
    result->end = (enum sandbox_end)head.end;
    result->exit_code = (int)head.exit_code;
    result->seconds = head.seconds;
    worker->leaving = head.leaving != 0;
    worker->state = SANDBOX_IDLE;
    worker->program = NULL;
    *answered = true;
    return true;
}

short sandbox_worker_events(const struct sandbox_worker *worker)
{
    switch (worker->state) {
    case SANDBOX_STARTING:
        return POLLIN;
    case SANDBOX_BUSY:
        return worker->sent < request_length(worker) ? POLLIN | POLLOUT : POLLIN;
    default:
        return 0;
    }
}

bool sandbox_worker_step(struct sandbox_worker *worker, const struct sandbox_setting *setting,
                         struct sandbox_result *result, bool *answered)
{
    *answered = false;
    if (worker->state == SANDBOX_STARTING) {
        if (!receive_some(worker, READY_LENGTH))
            return false;
        if (worker->answer.length == READY_LENGTH) {
            if (memcmp(worker->answer.bytes, READY, READY_LENGTH) != 0)
                return false;
            worker->state = SANDBOX_IDLE;
        }
    } else if (worker->state == SANDBOX_BUSY) {
        if (worker->sent < request_length(worker) && !send_request(worker))
            return false;
        if (!take_answer(worker, setting, result, answered))
            return false;
    } else if (worker->state == SANDBOX_IDLE) {
        char byte; /* nothing is due: what comes is the end, or not ours */
        return recv(worker->channel, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return *answered || clock_nanoseconds() < worker->deadline;
}
