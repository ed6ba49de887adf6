/* sync_setup.h: what every verb of `tartconv sync` (and what goes by its logs) begins with: the
 * batch file, what it, the settings and the command line say together, the images, and the logs of
 * before.
 *
 * Owner: sync_setup_done. Not to be copied: members point into it. */
#ifndef CONVERT_CLI_SYNC_SETUP_H
#define CONVERT_CLI_SYNC_SETUP_H

#include "convert/cli/options.h"
#include "convert/fleet/plan.h"

struct sync_setup {
    struct batch_file batch;
    struct mirror *mirrors; /* all of the batch's, borrowed, with what the settings say of them */
    size_t mirror_count;
    struct side_host *hosts; /* of the settings */
    const char **realm_hosts;
    size_t host_count;
    struct sides sides;
    struct network *network;
    struct tasks tasks;
    bool has_history;
    struct history history;
};

/* file NULL: none, and no images: for commands that go by logs. Asks the registries for their
 * lists. run's threads become the batch's, where the command line says nothing. */
int sync_setup_make(const struct options *options, const char *file, struct run *run,
                    struct sync_setup *ret, struct error *err);
void sync_setup_done(struct sync_setup *setup);
/* Of images that are known again by logs alone, where none was given. */
void sync_setup_warn(const struct sync_setup *setup, struct run *run);
/* NULL: no log was given. */
const struct history *sync_setup_history(const struct sync_setup *setup);

#endif
