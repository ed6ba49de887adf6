/* state.c: what is finished, in memory and in the state's file. Knows what the records mean;
 * state_file.c knows how they are kept.
 */
#include "convert/engine/state.h"

#include "convert/engine/state_file.h"

#include <pthread.h>
#include <string.h>

enum { RECORD_CHUNK = 2, RECORD_FORGOTTEN, RECORD_CHECKPOINT, RECORD_OPENED, RECORD_CLOSED };

#define CHUNK_RECORD_SIZE 108u
#define HEAD_FIXED_SIZE   64u
#define LOCATION_MAX      16384u
#define SESSIONS_MAX      4096u

struct place_of_checkpoint {
    uint64_t offset; /* on the disk */
    size_t layer;
    uint64_t at; /* of its record */
};

struct session {
    char *location;
    bool old; /* an earlier run's */
};

struct state {
    struct state_file file;
    struct bytes head;
    pthread_mutex_t lock;
    /* under lock, with the file: */
    struct state_chunk *chunks;
    size_t chunk_count, chunk_capacity;
    struct place_of_checkpoint *checkpoints;
    size_t checkpoint_count, checkpoint_capacity;
    struct session *sessions;
    size_t session_count, session_capacity;
};

/* --- records --- */

static void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

static void chunk_print(const struct state_chunk *chunk, uint8_t record[CHUNK_RECORD_SIZE])
{
    store_le64(record, chunk->proof.offset);
    store_le64(record + 8, chunk->proof.length);
    memcpy(record + 16, chunk->proof.content.bytes, 32);
    memcpy(record + 48, chunk->proof.blob.digest.bytes, 32);
    store_le64(record + 80, chunk->proof.blob.size);
    store_le32(record + 88, chunk->proof.basis);
    store_le64(record + 92, chunk->blocks.encoded);
    store_le64(record + 100, chunk->blocks.carried);
}

static bool chunk_parse(const struct state_record *record, struct state_chunk *ret)
{
    const uint8_t *data = record->data;
    uint64_t end;
    if (record->size != CHUNK_RECORD_SIZE || load_le32(data + 88) > BASIS_SAME_BLOB)
        return false;
    *ret =
        (struct state_chunk){.proof = {.offset = load_le64(data),
                                       .length = load_le64(data + 8),
                                       .blob = {.has_digest = true, .size = load_le64(data + 80)},
                                       .basis = load_le32(data + 88)},
                             .blocks = {load_le64(data + 92), load_le64(data + 100)}};
    memcpy(ret->proof.content.bytes, data + 16, 32);
    memcpy(ret->proof.blob.digest.bytes, data + 48, 32);
    return ret->proof.blob.size <= INT64_MAX && ret->proof.length > 0 &&
           add_sizes(ret->proof.offset, ret->proof.length, &end) &&
           ret->blocks.encoded <= INT64_MAX && ret->blocks.carried <= INT64_MAX;
}

/* --- lists; all under the lock --- */

/* Room for one more. */
static int list_grow(void *list, size_t count, size_t *capacity, size_t size, struct error *err)
{
    void **array = list;
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = reallocarray(*array, wanted, size);
    if (grown == NULL)
        return error_memory(err);
    *array = grown;
    *capacity = wanted;
    return 0;
}

static int chunk_keep(struct state *state, const struct state_chunk *chunk, struct error *err)
{
    for (size_t i = 0; i < state->chunk_count; i++)
        if (state->chunks[i].proof.offset == chunk->proof.offset) {
            state->chunks[i] = *chunk;
            return 0;
        }
    if (list_grow(&state->chunks, state->chunk_count, &state->chunk_capacity, sizeof *state->chunks,
                  err) < 0)
        return -1;
    state->chunks[state->chunk_count++] = *chunk;
    return 0;
}

static void chunks_forget(struct state *state, const uint8_t *blob)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->chunk_count; i++)
        if (memcmp(state->chunks[i].proof.blob.digest.bytes, blob, 32) != 0)
            state->chunks[kept++] = state->chunks[i];
    state->chunk_count = kept;
}

static int checkpoint_keep(struct state *state, const struct place_of_checkpoint *place,
                           struct error *err)
{
    if (list_grow(&state->checkpoints, state->checkpoint_count, &state->checkpoint_capacity,
                  sizeof *state->checkpoints, err) < 0)
        return -1;
    state->checkpoints[state->checkpoint_count++] = *place;
    return 0;
}

/* The last one at a place: of several layers that end within one block it needs the fewest. */
static const struct place_of_checkpoint *checkpoint_at(const struct state *state, uint64_t offset)
{
    const struct place_of_checkpoint *best = NULL;
    for (size_t i = 0; i < state->checkpoint_count; i++)
        if (state->checkpoints[i].offset == offset &&
            (best == NULL || state->checkpoints[i].layer > best->layer))
            best = &state->checkpoints[i];
    return best;
}

static int session_keep(struct state *state, const void *location, size_t size, bool old,
                        struct error *err)
{
    if (list_grow(&state->sessions, state->session_count, &state->session_capacity,
                  sizeof *state->sessions, err) < 0)
        return -1;
    char *copy = strndup(location, size);
    if (copy == NULL)
        return error_memory(err);
    state->sessions[state->session_count++] = (struct session){copy, old};
    return 0;
}

static void session_drop(struct state *state, const void *location, size_t size)
{
    for (size_t i = 0; i < state->session_count; i++) {
        struct session *session = &state->sessions[i];
        if (strlen(session->location) != size || memcmp(session->location, location, size) != 0)
            continue;
        free(session->location);
        *session = state->sessions[--state->session_count];
        return;
    }
}

/* One record of an earlier run: 1; 0 where it makes no sense; -1. */
static int record_take(void *context, const struct state_record *record, struct error *err)
{
    struct state *state = context;
    struct state_chunk chunk;
    struct place_of_checkpoint place = {.at = record->at};
    int status = 0;
    switch (record->type) {
    case RECORD_CHUNK:
        if (!chunk_parse(record, &chunk))
            return 0;
        status = chunk_keep(state, &chunk, err);
        break;
    case RECORD_FORGOTTEN:
        if (record->size != 32)
            return 0;
        chunks_forget(state, record->data);
        break;
    case RECORD_CHECKPOINT:
        if (!checkpoint_place(record->data, record->size, &place.offset, &place.layer))
            return 0;
        status = checkpoint_keep(state, &place, err);
        break;
    case RECORD_OPENED:
        if (record->size > LOCATION_MAX || state->session_count == SESSIONS_MAX)
            return 0;
        status = session_keep(state, record->data, record->size, true, err);
        break;
    case RECORD_CLOSED:
        session_drop(state, record->data, record->size);
        break;
    default:
        return 0;
    }
    return status < 0 ? -1 : 1;
}

/* --- life --- */

static int head_make(const struct state_name *name, struct bytes *ret, struct error *err)
{
    size_t size = strlen(name->destination);
    if (size > STATE_DESTINATION_MAX)
        return error_set(err, ERROR_REFERENCE, "the destination's name has %zu bytes, limit %d",
                         size, STATE_DESTINATION_MAX);
    if (bytes_append(ret, name->key.bytes, 32, err) < 0 ||
        bytes_append(ret, name->source.bytes, 32, err) < 0)
        return -1;
    return bytes_append(ret, name->destination, size, err);
}

/* What is given up is cut off; the open uploads are written again. */
static int state_restart(struct state *state, struct error *err)
{
    state->chunk_count = state->checkpoint_count = 0;
    if (state_file_clear(&state->file, err) < 0)
        return -1;
    for (size_t i = 0; i < state->session_count; i++) {
        const char *location = state->sessions[i].location;
        if (state_file_append(&state->file, RECORD_OPENED, location, strlen(location), false, NULL,
                              err) < 0)
            return -1;
    }
    return 0;
}

static void state_done(struct state *state)
{
    state_file_close(&state->file);
    for (size_t i = 0; i < state->session_count; i++)
        free(state->sessions[i].location);
    free(state->sessions);
    free(state->checkpoints);
    free(state->chunks);
    bytes_done(&state->head);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

int state_open(const char *path, const struct state_name *name, bool restart, struct state **ret,
               struct error *err)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return error_memory(err);
    pthread_mutex_init(&state->lock, NULL); /* cannot fail on Linux */
    state->file = (struct state_file)STATE_FILE_INIT;
    bytes_init(&state->head, HEAD_FIXED_SIZE + STATE_DESTINATION_MAX);
    bool kept = false;
    if (head_make(name, &state->head, err) < 0 ||
        state_file_open(path, &state->head, restart, &state->file, &kept, err) < 0 ||
        (kept && state_file_read(&state->file, record_take, state, err) < 0) ||
        (kept && restart && state_restart(state, err) < 0)) {
        state_done(state);
        return -1;
    }
    *ret = state;
    return 0;
}

struct state *state_free(struct state *state)
{
    if (state == NULL)
        return NULL;
    if (state_is_empty(state) && state->session_count == 0)
        return state_remove(state);
    state_done(state);
    return NULL;
}

struct state *state_remove(struct state *state)
{
    if (state == NULL)
        return NULL;
    state_file_remove(&state->file);
    state_done(state);
    return NULL;
}

bool state_is_empty(struct state *state)
{
    pthread_mutex_lock(&state->lock);
    bool empty = state->chunk_count == 0 && state->checkpoint_count == 0;
    pthread_mutex_unlock(&state->lock);
    return empty;
}

int state_find_other(const struct state *state, char **ret_path, struct error *err)
{
    return state_file_find_other(&state->file, &state->head, ret_path, err);
}

/* --- chunks --- */

bool state_find_chunk(struct state *state, uint64_t offset, uint64_t length,
                      struct state_chunk *ret)
{
    bool found = false;
    pthread_mutex_lock(&state->lock);
    for (size_t i = 0; i < state->chunk_count && !found; i++) {
        const struct proof_chunk *proof = &state->chunks[i].proof;
        found = proof->offset == offset && proof->length == length;
        if (found)
            *ret = state->chunks[i];
    }
    pthread_mutex_unlock(&state->lock);
    return found;
}

int state_note_chunk(struct state *state, const struct state_chunk *chunk, struct error *err)
{
    uint8_t record[CHUNK_RECORD_SIZE];
    chunk_print(chunk, record);
    pthread_mutex_lock(&state->lock);
    int status =
        state_file_append(&state->file, RECORD_CHUNK, record, sizeof record, true, NULL, err);
    if (status == 0)
        status = chunk_keep(state, chunk, err);
    pthread_mutex_unlock(&state->lock);
    return status;
}

int state_forget_blob(struct state *state, const struct digest *blob, struct error *err)
{
    pthread_mutex_lock(&state->lock);
    chunks_forget(state, blob->bytes);
    int status =
        state_file_append(&state->file, RECORD_FORGOTTEN, blob->bytes, 32, true, NULL, err);
    pthread_mutex_unlock(&state->lock);
    return status;
}

/* --- checkpoints --- */

int state_note_checkpoint(struct state *state, const struct checkpoint *checkpoint,
                          struct error *err)
{
    struct place_of_checkpoint place = {.offset = checkpoint->state.decoded,
                                        .layer = checkpoint->layer};
    AUTO(bytes_done) struct bytes record;
    bytes_init(&record, CHECKPOINT_SIZE_MAX);
    if (checkpoint_print(checkpoint, &record, err) < 0)
        return -1;
    int status = 0;
    pthread_mutex_lock(&state->lock);
    const struct place_of_checkpoint *known = checkpoint_at(state, place.offset);
    if (known == NULL || known->layer < place.layer) {
        status = state_file_append(&state->file, RECORD_CHECKPOINT, record.data, record.size, false,
                                   &place.at, err);
        if (status == 0)
            status = checkpoint_keep(state, &place, err);
    }
    pthread_mutex_unlock(&state->lock);
    return status;
}

uint64_t state_checkpoint_before(struct state *state, uint64_t offset)
{
    uint64_t best = 0;
    pthread_mutex_lock(&state->lock);
    for (size_t i = 0; i < state->checkpoint_count; i++)
        if (state->checkpoints[i].offset <= offset && state->checkpoints[i].offset > best)
            best = state->checkpoints[i].offset;
    pthread_mutex_unlock(&state->lock);
    return best;
}

int state_load_checkpoint(struct state *state, uint64_t offset, struct checkpoint *ret,
                          struct error *err)
{
    AUTO(bytes_done) struct bytes record;
    bytes_init(&record, STATE_RECORD_MAX);
    int status = error_set(err, ERROR_INTERNAL, "no checkpoint at disk byte %llu",
                           (unsigned long long)offset);
    pthread_mutex_lock(&state->lock);
    const struct place_of_checkpoint *place = checkpoint_at(state, offset);
    if (place != NULL)
        status = state_file_load(&state->file, place->at, &record, err);
    pthread_mutex_unlock(&state->lock);
    if (status == 0 && !checkpoint_parse(record.data, record.size, ret))
        status = error_set(err, ERROR_IO, "the state file %s is damaged: begin anew with --restart",
                           state->file.path);
    return status;
}

/* --- uploads --- */

void state_session_opened(void *context, const char *location)
{
    struct state *state = context;
    struct error ignored;
    size_t size = strlen(location);
    pthread_mutex_lock(&state->lock);
    if (size <= LOCATION_MAX && state->session_count < SESSIONS_MAX &&
        state_file_append(&state->file, RECORD_OPENED, location, size, false, NULL, &ignored) == 0)
        (void)session_keep(state, location, size, false, &ignored);
    pthread_mutex_unlock(&state->lock);
}

void state_session_closed(void *context, const char *location)
{
    struct state *state = context;
    struct error ignored;
    size_t size = strlen(location);
    pthread_mutex_lock(&state->lock);
    if (size <= LOCATION_MAX)
        (void)state_file_append(&state->file, RECORD_CLOSED, location, size, false, NULL, &ignored);
    session_drop(state, location, size);
    pthread_mutex_unlock(&state->lock);
}

char *state_take_session(void *context)
{
    struct state *state = context;
    char *location = NULL;
    pthread_mutex_lock(&state->lock);
    for (size_t i = 0; i < state->session_count && location == NULL; i++)
        if (state->sessions[i].old)
            location = strdup(state->sessions[i].location);
    pthread_mutex_unlock(&state->lock);
    if (location != NULL)
        state_session_closed(state, location);
    return location;
}
