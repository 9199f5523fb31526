/* home.c - the folder of the program's own files. */
#include "terminal/home.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/knob.h"

static primer_status append_folder(struct buffer *path, primer_error *error)
{
    const char *home = knob_text(KNOB_HOME), *data = knob_text(KNOB_XDG_DATA_HOME);
    const char *user = knob_text(KNOB_USER_HOME);
    if (home != NULL)
        return buffer_text(path, home, error);
    if (data != NULL)
        return buffer_format(path, error, "%s/primer", data);
    if (user != NULL)
        return buffer_format(path, error, "%s/.local/share/primer", user);
    return error_set(error, PRIMER_EIO,
                     "no folder to keep things in: neither PRIMER_HOME nor HOME is set");
}

static primer_status make_folders(char *path, primer_error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int made = mkdir(path, 0700);
        const int number = errno;
        if (made != 0 && number != EEXIST) {
            const primer_status status = error_set(
                error, PRIMER_EIO, "%s: cannot make the folder: %s", path, strerror(number));
            *slash = '/';
            return status;
        }
        *slash = '/';
    }
    return PRIMER_OK;
}

primer_status home_path(const char *leaf, struct buffer *path, primer_error *error)
{
    FORWARD(append_folder(path, error));
    FORWARD(buffer_format(path, error, "/%s", leaf));
    return make_folders(path->bytes, error);
}
