/* prefix_disk_folder.h - the folder of the disk cache: its budget, what goes, what was left behind.
 */
#ifndef ENGINE_PREFIX_DISK_FOLDER_H
#define ENGINE_PREFIX_DISK_FOLDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/prefix_disk.h"

#define PREFIX_DISK_NAME 48 /* bytes of a file's name, the NUL included */

struct prefix_disk {
    int folder;              /* descriptor */
    pthread_mutex_t lock;    /* guards the two below */
    uint64_t budget;         /* bytes; 0: not decided yet */
    uint64_t allowance;      /* bytes that may be written before the folder is looked at again */
    atomic_uint counter;     /* of the names of files being written */
    atomic_bool told;        /* that something could not be kept */
    atomic_llong idle_until; /* nanoseconds: after a failed write none is tried until then */
};

/* Makes room for `bytes` more; false where the budget doesn't allow a file of that size. */
bool prefix_disk_folder_admit(struct prefix_disk *disk, uint64_t bytes);
/* The name of a page's file. */
void prefix_disk_folder_name(const struct prefix_key *key, char name[PREFIX_DISK_NAME]);
/* Says once, at level info, what could not be done. `number` is an errno value. */
void prefix_disk_folder_refused(struct prefix_disk *disk, const char *what, int number);

#endif
