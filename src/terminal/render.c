/* render.c - colours by SGR escape sequences (ECMA-48), and numbers for people. */
#include "terminal/render.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/knob.h"

enum { USUAL_COLUMNS = 80 };

static enum render_color wanted = RENDER_AUTO;

static const char *const styles[] = {
    [RENDER_PLAIN] = "\033[0m",   [RENDER_DIM] = "\033[2m",   [RENDER_BOLD] = "\033[1m",
    [RENDER_PROMPT] = "\033[36m", [RENDER_WARN] = "\033[33m", [RENDER_FULL] = "\033[31m",
};

void render_setup(enum render_color color)
{
    wanted = color;
    /* A bare container has no locale set, but its terminal shows UTF-8 all the same. */
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
}

bool render_dumb(void)
{
    const char *term = knob_text(KNOB_TERM);
    return term == NULL || strcmp(term, "dumb") == 0;
}

bool render_colored(int descriptor)
{
    if (wanted != RENDER_AUTO)
        return wanted == RENDER_ALWAYS;
    return isatty(descriptor) != 0 && knob_text(KNOB_NO_COLOR) == NULL && !render_dumb();
}

const char *render_style(int descriptor, enum render_style style)
{
    return render_colored(descriptor) ? styles[style] : "";
}

bool render_unicode(void)
{
    return MB_CUR_MAX > 1;
}

size_t render_columns(int descriptor)
{
    struct winsize size;
    size_t columns = 0;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return knob_number(KNOB_COLUMNS, &columns) && columns > 0 ? columns : USUAL_COLUMNS;
}

const char *render_bytes(uint64_t bytes, char out[RENDER_TEXT])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(out, RENDER_TEXT, "%.*f %s", decimals, value, units[unit]);
    return out;
}

const char *render_duration(double seconds, char out[RENDER_TEXT])
{
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(out, RENDER_TEXT, "? s");
    else if (seconds < 1)
        snprintf(out, RENDER_TEXT, "%.3f s", seconds);
    else if (seconds < 100)
        snprintf(out, RENDER_TEXT, "%.1f s", seconds);
    else if (seconds < 5970)
        snprintf(out, RENDER_TEXT, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(out, RENDER_TEXT, "%d h %d min", (int)(seconds / 3600), (int)seconds / 60 % 60);
    return out;
}

const char *render_count(uint64_t count, char out[RENDER_TEXT])
{
    char digits[32];
    const size_t length =
        (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[written++] = ',';
        out[written++] = digits[i];
    }
    out[written] = '\0';
    return out;
}

const char *render_gauge(size_t used, size_t total, size_t cells, char out[RENDER_TEXT])
{
    const char *full = render_unicode() ? "\xe2\x96\xb0" : "#",
               *empty = render_unicode() ? "\xe2\x96\xb1" : "-";
    const double share = total == 0 ? 0 : (double)used / (double)total;
    const size_t filled = used == 0 ? 0 : (size_t)(share * (double)cells + 0.5);
    size_t written = 0;
    for (size_t i = 0; i < cells && written + 16 < RENDER_TEXT; i++) {
        const char *cell = i < filled ? full : empty;
        memcpy(out + written, cell, strlen(cell));
        written += strlen(cell);
    }
    const double percent = share * 100;
    snprintf(out + written, RENDER_TEXT - written, percent > 0 && percent < 1 ? " <1%%" : " %.0f%%",
             percent);
    return out;
}
