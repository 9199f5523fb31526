/* late.c - declared in late.h. */
#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

primer_status late_open(const char *library, const struct late_function *functions, size_t count,
                        void *table, primer_error *error)
{
    void *const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return error_set(error, PRIMER_EIO, "cannot load %s", dlerror());
    for (size_t i = 0; i < count; i++) {
        void *const function = dlsym(handle, functions[i].name);
        if (function == NULL)
            return error_set(error, PRIMER_EIO, "%s has no %s", library, functions[i].name);
        /* ISO C has no conversion of one kind of pointer to the other; POSIX has their sizes equal. */
        memcpy((char *)table + functions[i].offset, &function, sizeof function);
    }
    return PRIMER_OK;
}
