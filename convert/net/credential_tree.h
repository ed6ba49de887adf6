/* credential_tree.h: a credentials file as a JSON tree: read, looked into by host, written back
 * with all else that it holds.
 *
 * Owner: trees are released by secret_json_free, files by tree_file_done. Threads: plain values. */
#ifndef CONVERT_NET_CREDENTIAL_TREE_H
#define CONVERT_NET_CREDENTIAL_TREE_H

#include "convert/net/credential_files.h"

/* 1: read, an object; 0: absent; -1: ERROR_SETTINGS, with its name. An empty file is an empty
 * object. */
int tree_read(const char *path, struct json **ret, struct error *err);

/* How Docker's files and helpers name the host. */
const char *tree_docker_key(const char *host);
/* How a new entry in that file names it. */
const char *tree_key(const char *path, const char *host);
/* Whether an entry with that key is the host's own. */
bool tree_key_is(const char *key, enum credential_file_kind kind, const char *host);
/* The helper that credHelpers names for the host; NULL: none. */
const char *tree_helper(const struct json *tree, const char *host);
/* Removes the host's own entries; whether there were any. Takes NULL. */
bool tree_remove_host(struct json *auths, const char *host);

/* A file that is being changed: its folder is locked. */
struct tree_file {
    char *path; /* behind links */
    int folder; /* -1: none */
    struct json *tree;
};
#define TREE_FILE_INIT                                                                             \
    {                                                                                              \
        .folder = -1                                                                               \
    }

/* make: an absent file is an empty object, and its folder is made (0700); else ERROR_NO_SUCH_FILE.
 * ERROR_LOCKED where another has the folder for long. */
int tree_file_open(const char *path, bool make, struct tree_file *ret, struct error *err);
/* By rename, 0600. ERROR_DESTINATION. */
int tree_file_write(struct tree_file *file, struct error *err);
void tree_file_done(struct tree_file *file);

#endif
