/* result_file.h: a file that a command writes beside its result (a proof, a digest): looked at
 * before the work begins, written whole or not at all after it.
 *
 * Owner: result_file_done. */
#ifndef CONVERT_CLI_RESULT_FILE_H
#define CONVERT_CLI_RESULT_FILE_H

#include "convert/engine/proof.h"
#include "convert/stores/files.h"

struct result_file {
    const char *path; /* NULL: none is wanted */
    struct place place;
};
#define RESULT_FILE_INIT                                                                           \
    {                                                                                              \
        .path = NULL, .place = PLACE_INIT                                                          \
    }

/* ERROR_DESTINATION where it cannot be written there, or where something is there that is no
 * regular file: a device or a link would be renamed away. A regular file is replaced in the end. */
int result_file_open(const char *path, struct result_file *ret, struct error *err);
/* ERROR_USAGE where both are the same file: the output would replace what is read. NULL: none. */
int result_file_apart(const char *output, const char *input, struct error *err);
/* Does nothing where none is wanted. ERROR_IO where it fails now. */
int result_file_write(struct result_file *file, const void *data, size_t size, struct error *err);
int result_file_write_digest(struct result_file *file, const struct digest *digest,
                             struct error *err);
int result_file_write_proof(struct result_file *file, const struct proof *proof, struct error *err);
void result_file_done(struct result_file *file);

#endif
