/* prefix_folder.h - where the program keeps prefixes on disk.
 *
 *   PRIMER_PREFIX_FOLDER (empty: nowhere), else $XDG_CACHE_HOME/primer/prefixes, else
 *   ~/.cache/primer/prefixes
 */
#ifndef COMMAND_PREFIX_FOLDER_H
#define COMMAND_PREFIX_FOLDER_H

#include "base/buffer.h"

/* Appends the folder's path; nothing where prefixes are not to be kept, or no folder is known. The
 * library makes it. */
primer_status prefix_folder_path(struct buffer *path, primer_error *error);

#endif
