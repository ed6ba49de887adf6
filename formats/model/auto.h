/* auto.h: clean-up at the end of a scope, defined once. A variable marked so is released whichever
 * way the scope is left; hand a value on by `return take_ptr(&variable)`, which leaves NULL behind.
 */
#ifndef FORMATS_MODEL_AUTO_H
#define FORMATS_MODEL_AUTO_H

#include <stdlib.h>

/* AUTO(fn): at scope end calls fn(&variable). */
#define AUTO(fn) __attribute__((cleanup(fn)))

static inline void auto_free(void *pointer)
{
    free(*(void **)pointer);
}
#define AUTO_FREE AUTO(auto_free)

/* Returns *pointer and leaves NULL there: ownership moves to the caller. */
#define take_ptr(pointer)                                                                          \
    ({                                                                                             \
        __typeof__(*(pointer)) taken_ = *(pointer);                                                \
        *(pointer) = NULL;                                                                         \
        taken_;                                                                                    \
    })

#endif
