/* credential_helper.h: the programs docker-credential-NAME, which keep credentials for docker and
 * its kin. Run without a shell, found in PATH, ended after HELPER_SECONDS; what they say on
 * standard error goes where ours goes.
 *
 * server: how the helper knows the registry. Errors: ERROR_SETTINGS: a name that cannot be one;
 * ERROR_NO_SUCH_FILE: no such program; ERROR_CREDENTIALS: it failed, took too long or gave
 * something else. Threads: any. */
#ifndef CONVERT_NET_CREDENTIAL_HELPER_H
#define CONVERT_NET_CREDENTIAL_HELPER_H

#include "convert/net/credentials.h"

#define HELPER_SECONDS  30
#define HELPER_NAME_MAX 64

/* 1: found, ret without a source; 0: it knows none; -1. */
int helper_get(const char *name, const char *server, struct credential *ret, struct error *err);
int helper_store(const char *name, const char *server, const struct credential *credential,
                 struct error *err);
/* 1: erased, or it does not tell; 0: it knew none; -1. */
int helper_erase(const char *name, const char *server, struct error *err);

#endif
