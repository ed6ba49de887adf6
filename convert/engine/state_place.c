/* state_place.c: how a conversion's state is called and where it lies. Opens none.
 */
#include "convert/engine/state.h"

#include "convert/engine/state_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX         ".state"
#define LOOKED_AT_MAX  4096u /* other states in the folder */
#define SOURCE_OFFSET  32u   /* in a head: key, source, destination */
#define DESTINATION_AT 64u

int state_key(const struct digest *source, const char *destination,
              const struct convert_options *options, struct digest *ret, struct error *err)
{
    AUTO(bytes_done) struct bytes text;
    bytes_init(&text, 1u << 20);
    char digest[DIGEST_TEXT_SIZE], encoder[16];
    digest_print(source, digest);
    const char *library = encoder_kind_library(options->encoder);
    const char *time = options->upload_time == UPLOAD_TIME_SET ? options->upload_time_text : "";
    /* a NUL ends each name, so that no two conversions are written alike */
    if (bytes_printf(&text, err, "state 1\n%s\n%s", digest, destination) < 0 ||
        bytes_append(&text, "", 1, err) < 0 ||
        bytes_printf(&text, err, "to %d chunk %llu v1 %llu\nencoder %s %s\n", (int)options->to,
                     (unsigned long long)options->chunk_size,
                     (unsigned long long)options->v1_layer_size,
                     encoder_kind_name(options->encoder, encoder), library ? library : "") < 0 ||
        bytes_printf(&text, err, "reuse %s\n", options->reuse != NULL ? options->reuse->text : "") <
            0 ||
        bytes_printf(&text, err, "%d%d%d%d%d%d\ntime %d %s", options->encode_all,
                     options->keep_blocks, options->disk_digest, options->plain,
                     options->drop_foreign, options->decode, (int)options->upload_time, time) < 0)
        return -1;
    return digest_of(text.data, text.size, ret, err);
}

static int folder_make(const char *path, struct error *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return error_set_errno(err, ERROR_IO, errno,
                           "the folder %s for state files cannot be made (--state names another "
                           "place, --no-state does without)",
                           path);
}

/* Every folder of the path that is missing, from its second part on. */
static int folders_make(char *path, struct error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int status = folder_make(path, err);
        *slash = '/';
        if (status < 0)
            return -1;
    }
    return 0;
}

static bool is_absolute(const char *path)
{
    return path != NULL && path[0] == '/';
}

static char *path_print(const char *folder, const char *between, const struct digest *key)
{
    char hex[DIGEST_TEXT_SIZE], *path;
    digest_print_hex(key, hex);
    return asprintf(&path, "%s%s%s" SUFFIX, folder, between, hex) < 0 ? NULL : path;
}

int state_path(const char *where, const struct digest *key, char **ret, struct error *err)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    *ret = NULL;
    AUTO_FREE char *path = NULL;
    if (where != NULL && where[0] != '\0' && where[strlen(where) - 1] == '/') {
        if (folder_make(where, err) < 0)
            return -1;
        path = path_print(where, "", key);
    } else if (where != NULL)
        path = strdup(where);
    else if (is_absolute(base)) /* others are to be ignored, says the XDG specification */
        path = path_print(base, "/tartconv/", key);
    else if (is_absolute(home))
        path = path_print(home, "/.local/state/tartconv/", key);
    else
        return 0;
    if (path == NULL)
        return error_memory(err);
    if (where == NULL && folders_make(path, err) < 0)
        return -1;
    *ret = take_ptr(&path);
    return 0;
}

/* --- its neighbours --- */

static bool is_state_name(const char *name)
{
    size_t size = strlen(name), suffix = strlen(SUFFIX);
    return size > suffix && strcmp(name + size - suffix, SUFFIX) == 0;
}

/* Whether the file is a state for the same destination from another source. */
static int is_other(const struct state_file *file, const char *name, const struct bytes *head,
                    struct error *err)
{
    AUTO(bytes_done) struct bytes there;
    bytes_init(&there, STATE_RECORD_MAX);
    if (strcmp(name, file->place.name) == 0 || !is_state_name(name))
        return 0;
    int found = state_file_peek(file->place.folder, name, &there, err);
    if (found <= 0)
        return found;
    return there.size == head->size && there.size >= DESTINATION_AT &&
           memcmp(there.data + SOURCE_OFFSET, head->data + SOURCE_OFFSET, 32) != 0 &&
           memcmp(there.data + DESTINATION_AT, head->data + DESTINATION_AT,
                  head->size - DESTINATION_AT) == 0;
}

int state_file_find_other(const struct state_file *file, const struct bytes *head, char **ret_path,
                          struct error *err)
{
    *ret_path = NULL;
    AUTO_CLOSE int fd = dup(file->place.folder);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL)
        return error_set_errno(err, ERROR_IO, errno, "the folder of %s", file->path);
    fd = -1; /* the folder's */
    rewinddir(folder);
    int found = 0;
    const struct dirent *entry;
    for (size_t i = 0; i < LOOKED_AT_MAX && found == 0 && (entry = readdir(folder)) != NULL; i++) {
        found = is_other(file, entry->d_name, head, err);
        if (found == 1) {
            size_t parent = strlen(file->path) - strlen(file->place.name);
            if (asprintf(ret_path, "%.*s%s", (int)parent, file->path, entry->d_name) < 0) {
                *ret_path = NULL;
                found = error_memory(err);
            }
        }
    }
    closedir(folder);
    return found < 0 ? -1 : 0;
}
