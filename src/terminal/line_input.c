/* line_input.c - libedit where the keyboard is a terminal that can move its cursor, else plain
 * reading.
 *
 * Every key is waited for here, together with the pipe that Ctrl-C writes to, so that none is
 * missed between two reads. Libedit's own handling of signals stays off: where a signal ends or
 * stops (Ctrl-Z) the program, give_terminal_back is called before; when it goes on, the wait ends
 * early and the line is drawn again, in a terminal that the shell has had meanwhile.
 *
 * What is pasted comes between marks (bracketed paste): its newlines become part of the line, and
 * nothing is sent before Enter.
 *
 * The history is a file as libedit writes it, a line appended as soon as it was entered, so that
 * programs that run at the same time keep each other's lines:
 *
 *   _HiStOrY_V2_   then per line its bytes, those that are not visible ASCII as \ooo
 */
#include "terminal/line_input.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/memory.h"
#include "terminal/interrupt.h"
#include "terminal/render.h"

enum { HISTORY_LINES = 1000, HISTORY_BYTES = 1 << 20, LONGEST_LINE = 1 << 20, ESCAPE_MARK = 1 };
#define HISTORY_HEAD "_HiStOrY_V2_\n"
#define PASTE_ON     "\033[?2004h" /* asks the terminal for the marks */
#define PASTE_OFF    "\033[?2004l"
#define PASTE_END    "\033[201~"

static struct termios found; /* how the terminal was before libedit had it */
static atomic_bool resumed;  /* the program was stopped, or is about to be */

struct line_input {
    EditLine *edit; /* NULL: plain reading */
    History *history;
    FILE *screen;
    char *history_path;
    const char *prompt; /* of the read that is going on */
    bool interrupted;   /* it ended by Ctrl-C */
};

/* Inside a signal's handler. */
static void give_terminal_back(void)
{
    sigset_t stop, former;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU); /* of a job in the background */
    pthread_sigmask(SIG_BLOCK, &stop, &former);
    tcsetattr(STDIN_FILENO, TCSANOW, &found);
    if (write(STDERR_FILENO, PASTE_OFF, strlen(PASTE_OFF)) < 0)
        errno = 0;
    pthread_sigmask(SIG_SETMASK, &former, NULL);
}

/* Ctrl-Z: the signal comes again when this returns, and stops the program. */
static void handle_stop(int number)
{
    const int former = errno;
    atomic_store(&resumed, true);
    give_terminal_back();
    signal(number, SIG_DFL);
    raise(number);
    errno = former;
}

static void handle_continue(int number)
{
    (void)number;
    atomic_store(&resumed, true);
}

/* Without SA_RESTART: poll must end. A signal that is ignored stays so. */
static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction action, former;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &former) == 0 && former.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void draw_again(EditLine *edit)
{
    catch_signal(SIGTSTP, handle_stop);
    el_set(edit, EL_PREP_TERM, 0);
    el_resize(edit);
    el_set(edit, EL_PREP_TERM, 1);
    fputs(PASTE_ON, stderr);
    el_set(edit, EL_REFRESH);
}

/* One byte from the keyboard: 1; 0 at the end; -1 for Ctrl-C (then *interrupted) or an error.
 * `edit`: whose line is drawn again after a stop; NULL: none. */
static int read_byte(EditLine *edit, char *byte, bool *interrupted)
{
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = interrupt_descriptor(), .events = POLLIN}};
    for (;;) {
        ready[0].revents = ready[1].revents = 0;
        if (edit != NULL && atomic_exchange(&resumed, false))
            draw_again(edit);
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return -1;
        if ((ready[1].revents & POLLIN) != 0) {
            interrupt_target(NULL);
            *interrupted = true;
            return -1;
        }
        if (ready[0].revents == 0)
            continue;
        const ssize_t count = read(STDIN_FILENO, byte, 1);
        if (count >= 0 || errno != EINTR)
            return (int)count;
    }
}

/* What libedit calls for a key. Bytes that are no character are left out. */
static int read_character(EditLine *edit, wchar_t *character)
{
    struct line_input *input = NULL;
    char bytes[MB_LEN_MAX];
    size_t length = 0;
    el_get(edit, EL_CLIENTDATA, &input);
    for (;;) {
        const int count = read_byte(edit, &bytes[length], &input->interrupted);
        if (count <= 0)
            return count;
        mbstate_t state = {0};
        const size_t used = mbrtowc(character, bytes, ++length, &state);
        if (used == (size_t)-2 && length < sizeof bytes)
            continue;
        if (used != (size_t)-1 && used != (size_t)-2)
            return 1;
        length = 0;
    }
}

/* What libedit calls at the first mark: all up to the last one goes into the line. */
static unsigned char take_paste(EditLine *edit, int key)
{
    struct line_input *input = NULL;
    struct buffer text = {0};
    const size_t end = strlen(PASTE_END);
    bool ended = false;
    (void)key;
    el_get(edit, EL_CLIENTDATA, &input);
    for (char byte; !ended && text.length < LONGEST_LINE;) {
        if (read_byte(NULL, &byte, &input->interrupted) <= 0 ||
            buffer_append(&text, &byte, 1, NULL) != PRIMER_OK)
            break;
        if (byte == '\r')
            text.bytes[text.length - 1] = '\n';
        ended = text.length >= end && memcmp(text.bytes + text.length - end, PASTE_END, end) == 0;
    }
    if (ended)
        text.length -= end;
    while (text.length > 0 && text.bytes[text.length - 1] == '\n')
        text.length--;
    if (text.length > 0)
        text.bytes[text.length] = '\0';
    const bool inserted = text.length == 0 || el_insertstr(edit, text.bytes) == 0;
    buffer_free(&text);
    return input->interrupted ? CC_EOF : inserted ? CC_REFRESH : CC_ERROR;
}

static char *give_prompt(EditLine *edit)
{
    struct line_input *input = NULL;
    el_get(edit, EL_CLIENTDATA, &input);
    return (char *)(uintptr_t)input->prompt;
}

/* Keys that terminals send and libedit doesn't know by itself. */
static void bind_keys(EditLine *edit)
{
    static const char *const keys[][2] = {
        {"^R", "em-inc-search-prev"},  {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},  {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},   {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},  {"\\e[3~", "ed-delete-next-char"},
        {"^W", "ed-delete-prev-word"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        el_set(edit, EL_BIND, keys[i][0], keys[i][1], NULL);
    /* The wide call keeps these pointers; the narrow one copies, and never frees the copies. */
    el_wset(edit, EL_ADDFN, L"primer-paste", L"insert what is pasted", take_paste);
    el_set(edit, EL_BIND, "\\e[200~", "primer-paste", NULL);
}

/* Makes the file short again where it has grown, or new where it is none of libedit's. */
static void renew_history(const struct line_input *input, bool loaded)
{
    HistEvent event;
    struct stat facts;
    if (stat(input->history_path, &facts) != 0 || facts.st_size == 0 ||
        (loaded && facts.st_size <= HISTORY_BYTES))
        return;
    const mode_t mask = umask(0077);
    history(input->history, &event, H_SAVE, input->history_path);
    umask(mask);
}

static void load_history(struct line_input *input)
{
    HistEvent event;
    input->history = history_init();
    if (input->history == NULL)
        return;
    history(input->history, &event, H_SETSIZE, HISTORY_LINES);
    history(input->history, &event, H_SETUNIQUE, 1);
    if (input->history_path != NULL)
        renew_history(input, history(input->history, &event, H_LOAD, input->history_path) >= 0);
    el_set(input->edit, EL_HIST, history, input->history);
}

static void start_editing(struct line_input *input)
{
    const int copy = dup(STDERR_FILENO);
    input->screen = copy < 0 ? NULL : fdopen(copy, "w");
    if (input->screen == NULL) {
        if (copy >= 0)
            close(copy);
        return;
    }
    const bool known = tcgetattr(STDIN_FILENO, &found) == 0;
    input->edit = el_init("primer", stdin, input->screen, stderr);
    if (input->edit == NULL)
        return;
    if (known) {
        interrupt_tidy(give_terminal_back);
        catch_signal(SIGTSTP, handle_stop);
        catch_signal(SIGCONT, handle_continue);
    }
    el_set(input->edit, EL_CLIENTDATA, input);
    el_set(input->edit, EL_PROMPT_ESC, give_prompt, ESCAPE_MARK);
    el_set(input->edit, EL_EDITOR, "emacs");
    el_set(input->edit, EL_SIGNAL, 0);
    el_set(input->edit, EL_GETCFN, read_character);
    bind_keys(input->edit);
    fputs(PASTE_ON, stderr);
    load_history(input);
    el_source(input->edit, NULL);
}

primer_status line_input_create(struct line_input **out, const char *history_path,
                                primer_error *error)
{
    struct line_input *input = memory_allocate(1, sizeof *input);
    if (input == NULL)
        return memory_failure(error, "line editing", sizeof *input);
    if (history_path != NULL) {
        input->history_path = memory_copy_text(history_path);
        if (input->history_path == NULL) {
            memory_free(input);
            return memory_failure(error, "the history's name", strlen(history_path) + 1);
        }
    }
    if (isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0 && !render_dumb())
        start_editing(input);
    *out = input;
    return PRIMER_OK;
}

void line_input_free(struct line_input *input)
{
    if (input == NULL)
        return;
    interrupt_tidy(NULL);
    if (input->edit != NULL) {
        fputs(PASTE_OFF, stderr);
        catch_signal(SIGTSTP, SIG_DFL);
        catch_signal(SIGCONT, SIG_DFL);
    }
    if (input->history != NULL)
        history_end(input->history);
    if (input->edit != NULL)
        el_end(input->edit);
    if (input->screen != NULL)
        fclose(input->screen);
    memory_free(input->history_path);
    memory_free(input);
}

static enum line_result read_edited(struct line_input *input, struct buffer *line)
{
    int length = 0;
    input->interrupted = false;
    if (atomic_exchange(&resumed, false)) { /* during the answer */
        catch_signal(SIGTSTP, handle_stop);
        fputs(PASTE_ON, stderr);
    }
    el_resize(input->edit);
    el_set(input->edit, EL_PREP_TERM, 1); /* before the prompt: who sees it may type at once */
    const char *text = el_gets(input->edit, &length);
    if (input->interrupted) {
        fputc('\n', stderr);
        return LINE_INTERRUPTED;
    }
    if (text == NULL)
        return length == 0 ? LINE_END : LINE_FAILED;
    size_t bytes = (size_t)length;
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r'))
        bytes--;
    return buffer_append(line, text, bytes, NULL) == PRIMER_OK ? LINE_TEXT : LINE_FAILED;
}

/* The prompt without what stands between escape marks. */
static void show_plain_prompt(const char *prompt)
{
    bool escape = false;
    for (; *prompt != '\0'; prompt++) {
        if (*prompt == ESCAPE_MARK)
            escape = !escape;
        else if (!escape)
            fputc(*prompt, stderr);
    }
    fflush(stderr);
}

static enum line_result read_plain(struct buffer *line)
{
    bool interrupted = false;
    for (;;) {
        char c;
        const int count = read_byte(NULL, &c, &interrupted);
        if (count < 0)
            return interrupted ? LINE_INTERRUPTED : LINE_FAILED;
        if (count == 0)
            return line->length > 0 ? LINE_TEXT : LINE_END;
        if (c == '\n')
            return LINE_TEXT;
        if (line->length >= LONGEST_LINE)
            return LINE_LONG;
        if (buffer_append(line, &c, 1, NULL) != PRIMER_OK)
            return LINE_FAILED;
    }
}

enum line_result line_input_read(struct line_input *input, const char *prompt, struct buffer *line)
{
    buffer_clear(line);
    if (buffer_append(line, "", 0, NULL) != PRIMER_OK)
        return LINE_FAILED;
    if (input->edit != NULL) {
        input->prompt = prompt;
        return read_edited(input, line);
    }
    show_plain_prompt(prompt);
    return read_plain(line);
}

static primer_status write_entry(const char *text, struct buffer *entry)
{
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte > ' ' && byte < 0x7f && byte != '\\')
            FORWARD(buffer_append(entry, text, 1, NULL));
        else
            FORWARD(buffer_format(entry, NULL, "\\%03o", byte));
    }
    return buffer_text(entry, "\n", NULL);
}

/* A history that can't be kept is no reason not to talk. */
static void append_history(const char *path, const char *text)
{
    struct stat facts;
    struct buffer entry = {0};
    struct flock lock = {.l_type = F_WRLCK};
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file >= 0 && fcntl(file, F_SETLKW, &lock) == 0 && fstat(file, &facts) == 0 &&
        buffer_text(&entry, facts.st_size == 0 ? HISTORY_HEAD : "", NULL) == PRIMER_OK &&
        write_entry(text, &entry) == PRIMER_OK &&
        write(file, entry.bytes, entry.length) != (ssize_t)entry.length &&
        ftruncate(file, facts.st_size) != 0)
        errno = 0;
    if (file >= 0)
        close(file);
    buffer_free(&entry);
}

void line_input_remember(struct line_input *input, const char *text)
{
    HistEvent event;
    if (input->history == NULL || *text == '\0')
        return;
    history(input->history, &event, H_ENTER, text);
    if (input->history_path != NULL)
        append_history(input->history_path, text);
}
