/* convert_state.c: when a conversion has a state file, and what becomes of it. What is in it is
 * state.h's business.
 */
#include "convert/engine/convert_parts.h"

#include "formats/model/auto.h"

#include <stdio.h>
#include <string.h>

/* A layout that is killed keeps its blobs and a disk file is begun anew, so what a state spares is
 * transfers. Only chunks of V2 have blobs of their own, and only a manifest says which source it
 * was. */
static bool has_state(const struct job *job)
{
    const struct convert_options *options = job->options;
    return !options->no_state && !options->dry_run && job->image.manifest != NULL &&
           job->salvage == NULL && job->plan.count > 0 && job->plan.format == DISK_V2 &&
           (options->state != NULL || job->from->transport == TRANSPORT_REGISTRY ||
            job->to->transport == TRANSPORT_REGISTRY);
}

static int tell_other(const struct job *job, struct error *err)
{
    AUTO_FREE char *other = NULL;
    if (state_find_other(job->state, &other, err) < 0)
        return -1;
    if (other != NULL)
        run_warning(job->run,
                    "%s is another image than an earlier run began with, so this run begins anew; "
                    "the state of that one is kept in %s",
                    job->from->text, other);
    return 0;
}

int convert_begin_state(struct job *job, struct error *err)
{
    if (!has_state(job))
        return 0;
    struct state_name name = {.source = job->image.digest, .destination = job->to->text};
    AUTO_FREE char *path = NULL;
    if (state_key(&name.source, name.destination, job->options, &name.key, err) < 0 ||
        state_path(job->options->state, &name.key, &path, err) < 0)
        return -1;
    if (path == NULL) {
        run_warning(job->run, "without HOME and --state this run cannot be gone on with after a "
                              "kill");
        return 0;
    }
    if (state_open(path, &name, job->options->restart, &job->state, err) < 0)
        return -1;
    job->watch = (struct upload_watch){.context = job->state,
                                       .opened = state_session_opened,
                                       .closed = state_session_closed,
                                       .left = state_take_session};
    if (!state_is_empty(job->state))
        run_detail(job->run, "going on where an earlier run ended (%s)", path);
    return tell_other(job, err);
}

void convert_end_state(struct job *job, struct error *failed)
{
    if (failed == NULL) {
        job->state = state_remove(job->state);
        return;
    }
    if (job->state != NULL && failed->class == ERROR_UNREACHABLE && !state_is_empty(job->state)) {
        failed->class = ERROR_STOPPED;
        size_t used = strlen(failed->text);
        snprintf(failed->text + used, sizeof failed->text - used,
                 "; what is done is kept, and the same command goes on from there");
    }
    job->state = state_free(job->state);
}
