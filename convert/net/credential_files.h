/* credential_files.h: one file with credentials: containers' auth.json or Docker's config.json,
 * and the helpers that it names.
 *
 * Threads: any; store and erase hold a lock on the file's folder. */
#ifndef CONVERT_NET_CREDENTIAL_FILES_H
#define CONVERT_NET_CREDENTIAL_FILES_H

#include "convert/net/credentials.h"

enum credential_file_kind {
    CREDENTIAL_FILE_CONTAINERS, /* has entries for HOST/PATH, too */
    CREDENTIAL_FILE_DOCKER,     /* whatever is behind a host is of no meaning */
};

struct credential_query {
    const char *host;       /* as in the reference */
    const char *repository; /* NULL: none */
    void (*warn)(void *context,
                 const char *text); /* NULL: nobody: a credsStore that is not there */
    void *context;
};

/* Whether both names are one registry: case does not count, and the hub has several. */
bool credential_same_host(const char *a, const char *b);

/* 1: found; 0: none; -1. An absent file is none, or ERROR_NO_SUCH_FILE where it is required. */
int credential_file_find(const char *path, enum credential_file_kind kind, bool required,
                         const struct credential_query *query, struct credential *ret,
                         struct error *err);

/* As credentials_store and credentials_erase, with the file's path; its folder is made. */
int credential_file_store(const char *path, const char *host, const struct credential *credential,
                          char **ret_where, struct error *err);
int credential_file_erase(const char *path, const char *host, char **ret_where, struct error *err);

#endif
