/* state.h: what one conversion has finished, kept in a file, so that the same command goes on after
 * a kill.
 *
 *     state_key ─► state_path ─► state_open ─► convert_disk … ─► state_remove (success)
 *                                                          └───► state_free (anything else)
 *
 * In it: finished chunks with all that the proof says of them, places from which a V1 stream can be
 * decoded, and uploads that are open. A chunk is finished when its blob is confirmed at the
 * destination and every source layer it draws on has matched its digest; nothing provisional is
 * ever noted. The Locations of uploads are secrets: the file is 0600, and no error tells them.
 *
 * One process at a time has the file (flock). A chunk is on the disk when it has been noted.
 *
 * Owner: state_free or state_remove. Threads: all calls from any thread, but open, free, remove and
 * find_other. */
#ifndef CONVERT_ENGINE_STATE_H
#define CONVERT_ENGINE_STATE_H

#include "convert/engine/convert.h"
#include "formats/checkpoint.h"

struct state;

/* Which conversion it is: source's manifest, destination as it was named, and the options that
 * change the result. */
int state_key(const struct digest *source, const char *destination,
              const struct convert_options *options, struct digest *ret, struct error *err);

/* Where its file lies, to be freed. where: --state (a file, or a folder with a slash behind it,
 * which is made where only it is missing); NULL: ${XDG_STATE_HOME:-~/.local/state}/tartconv, made
 * where needed. Without HOME: 0 and *ret NULL. */
int state_path(const char *where, const struct digest *key, char **ret, struct error *err);

struct state_name {
    struct digest key, source;
    const char *destination; /* at most STATE_DESTINATION_MAX bytes; copied */
};
#define STATE_DESTINATION_MAX 4096

/* ERROR_LOCKED: another run has it (its pid is named). ERROR_EXISTS: the file is no state file, or
 * another conversion's. ERROR_IO: its head is damaged; what is damaged further on is cut off.
 * restart: what it holds is given up (open uploads are kept in mind), also where it is another
 * conversion's or damaged. */
int state_open(const char *path, const struct state_name *name, bool restart, struct state **ret,
               struct error *err);
/* Leaves the file, but where nothing is in it. Takes NULL; returns NULL. */
struct state *state_free(struct state *state);
/* Removes it. Takes NULL; returns NULL. */
struct state *state_remove(struct state *state);

/* Whether neither a chunk nor a checkpoint is in it: the same command begins at the start. */
bool state_is_empty(struct state *state);

/* Another state beside it, for the same destination from another source: *ret_path, to be freed, or
 * NULL. So a tag that moved can be told. */
int state_find_other(const struct state *state, char **ret_path, struct error *err);

/* --- chunks --- */

struct state_chunk {
    struct proof_chunk proof;
    struct block_counts blocks;
};

/* Whether exactly that chunk is finished. */
bool state_find_chunk(struct state *state, uint64_t offset, uint64_t length,
                      struct state_chunk *ret);
int state_note_chunk(struct state *state, const struct state_chunk *chunk, struct error *err);
/* The destination has lost that blob: its chunks are not finished any more. */
int state_forget_blob(struct state *state, const struct digest *blob, struct error *err);

/* --- checkpoints --- */

/* One that is known already is not noted again. */
int state_note_checkpoint(struct state *state, const struct checkpoint *checkpoint,
                          struct error *err);
/* The place on the disk of the last one at or before offset; 0: none. */
uint64_t state_checkpoint_before(struct state *state, uint64_t offset);
/* The one at exactly that place. ERROR_IO where the file was damaged meanwhile. */
int state_load_checkpoint(struct state *state, uint64_t offset, struct checkpoint *ret,
                          struct error *err);

/* --- uploads (struct upload_watch: the context is the state). A failure is not told: what is lost
 * is a deletion. --- */

void state_session_opened(void *context, const char *location);
void state_session_closed(void *context, const char *location);
/* Takes one that an earlier run left open, to be freed; NULL: none is left. */
char *state_take_session(void *context);

#endif
