/* prefix_folder.c - see prefix_folder.h. A relative $XDG_CACHE_HOME counts as unset (XDG base
 * directory specification). */
#include "command/prefix_folder.h"

#include "base/knob.h"

primer_status prefix_folder_path(struct buffer *path, primer_error *error)
{
    const char *own = knob_text(KNOB_PREFIX_FOLDER), *caches = knob_text(KNOB_XDG_CACHE_HOME);
    const char *user = knob_text(KNOB_USER_HOME);
    if (knob_empty(KNOB_PREFIX_FOLDER))
        return PRIMER_OK;
    if (own != NULL)
        return buffer_text(path, own, error);
    if (caches != NULL && caches[0] == '/')
        return buffer_format(path, error, "%s/primer/prefixes", caches);
    if (user != NULL)
        return buffer_format(path, error, "%s/.cache/primer/prefixes", user);
    return PRIMER_OK;
}
