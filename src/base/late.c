/* late.c - declared in late.h. */
#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

static primer_status open_library(struct late_library *library, primer_error *error)
{
    void *const handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return error_set(error, PRIMER_EIO, "cannot load %s", dlerror());
    for (size_t i = 0; i < library->count; i++) {
        const struct late_function *const row = &library->functions[i];
        void *const function = dlsym(handle, row->name);
        if (function == NULL)
            return error_set(error, PRIMER_EIO, "%s has no %s", library->name, row->name);
        /* ISO C has no conversion of one kind of pointer to the other; POSIX has their sizes equal. */
        memcpy((char *)library->table + row->offset, &function, sizeof function);
    }
    return PRIMER_OK;
}

primer_status late_load(struct late_library *library, primer_error *error)
{
    pthread_mutex_lock(&library->lock);
    if (!library->tried)
        open_library(library, &library->problem);
    library->tried = true;
    pthread_mutex_unlock(&library->lock);
    const primer_error *const problem = &library->problem;
    return problem->status == PRIMER_OK ? PRIMER_OK
                                        : error_set(error, problem->status, "%s", problem->message);
}
