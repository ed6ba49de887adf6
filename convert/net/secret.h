/* secret.h: wiping what held a user's name, a password or a token. json_parse and json_print have
 * copies of their own while they work, which are not wiped.
 *
 * Threads: no state. */
#ifndef CONVERT_NET_SECRET_H
#define CONVERT_NET_SECRET_H

#include "formats/model/bytes.h"
#include "formats/model/json.h"

/* Overwrites before it frees; takes NULL; leaves NULL. */
void secret_free(char **secret);
#define AUTO_SECRET __attribute__((cleanup(secret_free)))

/* As bytes_init, with room for `room` bytes at once: a buffer that does not grow leaves no copies
 * behind. limit >= room. */
int secret_bytes_init(struct bytes *bytes, size_t room, size_t limit, struct error *err);
void secret_bytes_done(struct bytes *bytes);

/* As json_free_auto. */
void secret_json_free(struct json **json);

#endif
