/* result_file.c: a temporary beside it, synced, renamed. */
#include "convert/cli/result_file.h"

#include "convert/stores/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int result_file_open(const char *path, struct result_file *ret, struct error *err)
{
    *ret = (struct result_file)RESULT_FILE_INIT;
    if (path == NULL)
        return 0;
    if (place_open(path, &ret->place, err) < 0)
        return -1;
    struct stat stat;
    if (fstatat(ret->place.folder, ret->place.name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(stat.st_mode))
            return error_set(err, ERROR_DESTINATION,
                             "%s is there and is not a regular file, so it is not replaced", path);
    } else if (errno != ENOENT)
        return error_set_errno(err, ERROR_DESTINATION, errno, "%s cannot be looked at", path);
    temporaries_remove(ret->place.folder);
    ret->path = path;
    return 0;
}

int result_file_apart(const char *output, const char *input, struct error *err)
{
    struct stat a, b;
    if (output == NULL || input == NULL)
        return 0;
    bool same = stat(output, &a) == 0 && stat(input, &b) == 0 ? file_same(&a, &b)
                                                              : strcmp(output, input) == 0;
    if (!same)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "%s is read or written by this command already: give the output a file of "
                     "its own",
                     output);
}

int result_file_write(struct result_file *file, const void *data, size_t size, struct error *err)
{
    if (file->path == NULL)
        return 0;
    if (temporary_write(file->place.folder, file->place.name, data, size, true, err) == 0 &&
        file_sync(file->place.folder, file->path, err) == 0)
        return 0;
    if (err->class == ERROR_DESTINATION)
        err->class = ERROR_IO;
    return error_wrap(err, "%s could not be written, all else is done", file->path);
}

int result_file_write_digest(struct result_file *file, const struct digest *digest,
                             struct error *err)
{
    char text[DIGEST_TEXT_SIZE];
    digest_print(digest, text);
    return result_file_write(file, text, strlen(text), err);
}

int result_file_write_proof(struct result_file *file, const struct proof *proof, struct error *err)
{
    if (file->path == NULL)
        return 0;
    AUTO(json_free_auto) struct json *tree = proof_to_json(proof);
    if (tree == NULL)
        return error_memory(err);
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, PROOF_SIZE_MAX);
    if (json_print(tree, JSON_PLAIN, &text, err) < 0 || bytes_append_text(&text, "\n", err) < 0)
        return error_wrap(err, "%s could not be written, all else is done", file->path);
    return result_file_write(file, text.data, text.size, err);
}

void result_file_done(struct result_file *file)
{
    place_done(&file->place);
}
