/* http_trust.c: a folder of certificates as skopeo and docker lay it out: NAME.crt is a CA,
 * NAME.cert with NAME.key is what we show. libcurl takes either the system's bundle or ours, so the
 * two are put together here. */
#include "convert/net/http_curl.h"

#include "formats/model/auto.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define AUTHORITIES_MAX (8u << 20) /* bytes; the system's are about 220 KiB */

static void file_done(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

static int read_pem(const char *path, struct bytes *ret, struct error *err)
{
    AUTO(file_done) FILE *file = fopen(path, "re");
    char data[16384];
    size_t got = 0;
    if (file == NULL)
        return error_set_errno(err, ERROR_SETTINGS, errno, "cannot read %s", path);
    while ((got = fread(data, 1, sizeof data, file)) > 0) {
        if (got > ret->limit - ret->size)
            return error_set(err, ERROR_SETTINGS, "%s: the certificates are over %u MiB in all",
                             path, AUTHORITIES_MAX >> 20);
        if (bytes_append(ret, data, got, err) < 0)
            return -1;
    }
    if (ferror(file))
        return error_set_errno(err, ERROR_SETTINGS, errno, "cannot read %s", path);
    return bytes_append_text(ret, "\n", err);
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

static int join(const char *dir, int length, const char *name, const char *end, char **ret,
                struct error *err)
{
    if (asprintf(ret, "%s/%.*s%s", dir, length, name, end) >= 0)
        return 0;
    *ret = NULL;
    return error_memory(err);
}

static int add_pair(struct trust_files *files, const char *name, struct error *err)
{
    int stem = (int)(strlen(name) - strlen(".cert"));
    if (files->certificate != NULL)
        return 0;
    if (join(files->dir, stem, name, ".cert", &files->certificate, err) < 0 ||
        join(files->dir, stem, name, ".key", &files->key, err) < 0)
        return -1;
    AUTO(file_done) FILE *key = fopen(files->key, "re");
    if (key == NULL)
        return error_set_errno(err, ERROR_SETTINGS, errno, "%s needs its key, %s",
                               files->certificate, files->key);
    return 0;
}

static int add_authority(struct trust_files *files, const char *name, struct error *err)
{
    AUTO_FREE char *path = NULL;
    const char *system = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (join(files->dir, (int)strlen(name), name, "", &path, err) < 0)
        return -1;
    /* without a bundle of the system's, its folder of CAs or nothing is what libcurl uses */
    struct error ignored = ERROR_INIT;
    if (files->authorities.size == 0 && system != NULL)
        (void)read_pem(system, &files->authorities, &ignored);
    size_t before = files->authorities.size;
    if (read_pem(path, &files->authorities, err) < 0)
        return -1;
    /* libcurl passes over what it cannot read, as long as there is something it can */
    if (memmem(files->authorities.data + before, files->authorities.size - before, "-----BEGIN ",
               strlen("-----BEGIN ")) == NULL)
        return error_set(err, ERROR_SETTINGS, "%s holds no certificate (PEM)", path);
    return 0;
}

static int add_file(struct trust_files *files, const char *name, struct error *err)
{
    if (ends_with(name, ".crt"))
        return add_authority(files, name, err);
    if (ends_with(name, ".cert"))
        return add_pair(files, name, err);
    return 0;
}

struct trust_files *trust_files_read(const char *dir, struct error *err)
{
    struct dirent **names = NULL;
    struct trust_files *files = calloc(1, sizeof *files);
    if (files == NULL || (files->dir = strdup(dir)) == NULL) {
        error_memory(err);
        return trust_files_free(files);
    }
    bytes_init(&files->authorities, AUTHORITIES_MAX);
    int count = scandir(dir, &names, NULL, alphasort);
    bool ok = count >= 0;
    if (!ok)
        error_set_errno(err, ERROR_SETTINGS, errno, "cannot read the certificates in %s", dir);
    for (int i = 0; i < count; i++) {
        ok = ok && add_file(files, names[i]->d_name, err) == 0;
        free(names[i]);
    }
    free(names);
    return ok ? files : trust_files_free(files);
}

struct trust_files *trust_files_free(struct trust_files *files)
{
    if (files == NULL)
        return NULL;
    free(files->dir);
    bytes_done(&files->authorities);
    free(files->certificate);
    free(files->key);
    free(files);
    return NULL;
}
