/* secret.c: memory that is overwritten before it is given back. Must not know whose secret it is.
 */
#include "convert/net/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_free(char **secret)
{
    if (*secret != NULL)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

int secret_bytes_init(struct bytes *bytes, size_t room, size_t limit, struct error *err)
{
    bytes_init(bytes, limit);
    while (bytes->size < room) {
        size_t step = room - bytes->size < ZERO_PAGE_SIZE ? room - bytes->size : ZERO_PAGE_SIZE;
        if (bytes_append(bytes, zero_page, step, err) < 0)
            return -1;
    }
    bytes->size = 0;
    return 0;
}

void secret_bytes_done(struct bytes *bytes)
{
    if (bytes->data != NULL)
        explicit_bzero(bytes->data, bytes->capacity);
    bytes_done(bytes);
}

/* As deep as json_parse allowed. */
static void wipe(const struct json *json)
{
    const char *text = json_string(json);
    if (text != NULL)
        explicit_bzero((char *)(uintptr_t)text, strlen(text));
    for (const struct json *child = json_first(json); child != NULL; child = json_next(child))
        wipe(child);
}

void secret_json_free(struct json **json)
{
    if (*json != NULL)
        wipe(*json);
    *json = json_free(*json);
}
