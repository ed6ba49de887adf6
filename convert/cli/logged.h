/* logged.h: one image's work told to an event log (--log): convert, normalise and repair.
 *
 *     logged_begin ─► convert() with logged.watch, under logged's observer ─► logged_end
 *
 * Owner: logged_end, or logged_done where it is not reached. Not to be copied once begun. */
#ifndef CONVERT_CLI_LOGGED_H
#define CONVERT_CLI_LOGGED_H

#include "convert/cli/options.h"
#include "convert/fleet/event_log.h"

struct logged {
    struct event_log *log; /* NULL: none is wanted */
    struct image_event image;
    struct event_observer observer;
    struct convert_watch watch;
    struct run *run;
    const struct observer *before; /* the run's own */
    uint64_t begun_ms;
};

/* action: "convert", "normalise", "copy", "repair". Nothing is logged of a dry run. From here on
 * the run speaks to the log, too. */
int logged_begin(const struct options *options, const char *action, struct run *run,
                 struct logged *ret, struct error *err);
/* status: of the work, with its error in *err: returned as it is, but that -1 and err tell of a log
 * that could not be written where the work ended well. */
int logged_end(struct logged *logged, int status, const struct conversion *conversion,
               struct error *err);
void logged_done(struct logged *logged);

#endif
