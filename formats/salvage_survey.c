/* salvage_survey.c: walks the stream from block to block and finds its thread again where it
 * breaks. Decodes nothing, and knows no places. docs/formats/disk-v1.md, "Salvage".
 */
#include "formats/salvage_parts.h"

#include "formats/model/auto.h"

#include <inttypes.h>
#include <string.h>

/* Of more, the shortest are forgotten. */
#define THREADS_MAX 1024u
/* What a stored block of the usual size can hold; a larger one, if any is in the stream. */
#define EARLY_LEAST (BLOCK_SIZE + BLOCK_SIZE / 255 + 16 + APPLELZ4_HEADER_BLOCK)

static void survey_done(struct survey *survey)
{
    stream_done(&survey->stream);
    for (size_t i = 0; i < survey->thread_count; i++)
        free(survey->threads[i].items);
    free(survey->threads);
}

/* --- threads --- */

/* The shortest of those that neither begin the disk nor are in hand. */
static void thread_forget(struct survey *survey)
{
    size_t least = 1;
    for (size_t i = 2; i + 1 < survey->thread_count; i++)
        if (survey->threads[i].length < survey->threads[least].length)
            least = i;
    survey->island_count -= survey->threads[least].count;
    free(survey->threads[least].items);
    survey->thread_count--;
    memmove(&survey->threads[least], &survey->threads[least + 1],
            (survey->thread_count - least) * sizeof *survey->threads);
}

static int thread_begin(struct survey *survey, struct error *err)
{
    if (survey->thread_count > 1 && thread_in_hand(survey)->count == 0) {
        thread_in_hand(survey)->length = 0;
        return 0;
    }
    if (survey->thread_count == THREADS_MAX)
        thread_forget(survey);
    if (survey->thread_count == survey->capacity) {
        size_t capacity = survey->capacity == 0 ? 4 : survey->capacity * 2;
        struct thread *threads = reallocarray(survey->threads, capacity, sizeof *threads);
        if (threads == NULL)
            return error_memory(err);
        survey->threads = threads;
        survey->capacity = capacity;
    }
    survey->threads[survey->thread_count++] = (struct thread){.items = NULL};
    return 0;
}

/* --- islands --- */

static bool is_early(const struct survey *survey)
{
    if (survey->guessed == UINT64_MAX)
        return false;
    uint64_t reach = survey->decoded_max > BLOCK_SIZE ? APPLELZ4_BLOCK_MAX : EARLY_LEAST;
    return survey->at - survey->guessed < reach;
}

/* Whether a block goes on with an island: all of one are alike, and end in the layer in which the
 * first did; one that lies in two layers is alone. */
static bool island_goes_on(const struct survey *survey, const struct island *island,
                           const struct island *block)
{
    return island->early == block->early && island->odd == block->odd &&
           !layers_end_between(survey->stream.layers, survey->stream.ended, island->at,
                               block->at + block->size);
}

static int island_extend(struct survey *survey, struct thread *thread, const struct island *block,
                         struct error *err)
{
    struct island *last = thread->open ? &thread->items[thread->count - 1] : NULL;
    bool full = survey->island_count >= ISLANDS_MAX;
    thread->length += block->length;
    if (last != NULL && (full || island_goes_on(survey, last, block))) {
        last->size += block->size;
        last->length += block->length;
        last->blocks++;
        last->early |= block->early;
        last->odd |= block->odd;
        return 0;
    }
    if (thread->count == thread->capacity) {
        size_t capacity = thread->capacity == 0 ? 4 : thread->capacity * 2;
        struct island *items = reallocarray(thread->items, capacity, sizeof *items);
        if (items == NULL)
            return error_memory(err);
        thread->items = items;
        thread->capacity = capacity;
    }
    thread->items[thread->count++] = *block;
    survey->island_count++;
    thread->open = true;
    return 0;
}

/* Whether the header of the block in hand is proved, as far as that is known by now: its layer
 * ended inside of it. */
static bool header_is_proved(const struct survey *survey, const struct header *header)
{
    const struct salvage_stream *stream = &survey->stream;
    return layers_end_between(stream->layers, stream->ended, survey->at,
                              survey->at + header->size) &&
           layers_prove(stream->layers, stream->ended, survey->at, APPLELZ4_HEADER_BLOCK);
}

/* The block in hand, `size` bytes of the stream. */
static int island_add(struct survey *survey, const struct header *header, uint64_t size, bool lost,
                      struct error *err)
{
    struct thread *thread = thread_in_hand(survey);
    if (header->decoded > survey->decoded_max && !lost)
        survey->decoded_max = header->decoded;
    const struct island block = {
        .at = survey->at,
        .size = size,
        .offset = thread->length,
        .length = header->decoded,
        .blocks = 1,
        .early = is_early(survey),
        .lost = lost,
        .certain = lost && size != header->size && header_is_proved(survey, header),
        .odd = header->decoded != BLOCK_SIZE,
    };
    if (lost)
        thread->open = false;
    if (header->decoded > 0 && island_extend(survey, thread, &block, err) < 0)
        return -1;
    if (lost)
        thread->open = false;
    return 0;
}

/* --- the stream --- */

/* What came before `at` and what comes have a gap between them, of unknown length. */
static int gap_cross(struct survey *survey, uint64_t at, struct error *err)
{
    thread_in_hand(survey)->open = false;
    if (thread_begin(survey, err) < 0)
        return -1;
    int found = find_thread(survey, at, err);
    survey->guessed = survey->resumed;
    return found;
}

static int block_take(struct survey *survey, const struct header *header, struct error *err)
{
    struct thread *thread = thread_in_hand(survey);
    uint64_t history = survey->thread_count > 1 ? APPLELZ4_WINDOW : thread->length;
    int sound = block_is_sound(survey, survey->at, header, history, err);
    if (sound < 0)
        return -1;
    if (sound == 1) {
        if (island_add(survey, header, header->size, false, err) < 0)
            return -1;
        survey->at += header->size;
        return 1;
    }
    uint64_t next;
    int bridged = block_bridge(survey, header, &next, err);
    if (bridged == 0)
        return gap_cross(survey, survey->at + 1, err);
    if (bridged < 0)
        return -1;
    if (island_add(survey, header, next - survey->at, true, err) < 0)
        return -1;
    survey->damaged_block = true;
    if (!header_is_proved(survey, header))
        survey->guessed = next;
    survey->at = survey->resumed = next;
    return 1;
}

/* Whether only the end mark can follow: what is there and what is missing behind `at` is as long.
 */
static int is_before_end(struct survey *survey, bool *ret, struct error *err)
{
    const struct salvage_stream *stream = &survey->stream;
    const uint8_t *bytes;
    size_t size;
    if (stream_lend(&survey->stream, survey->at, APPLELZ4_HEADER_BLOCK, &bytes, &size, err) < 0)
        return -1;
    uint64_t left = size;
    if (size <= APPLELZ4_MAGIC_SIZE)
        for (size_t i = stream->ended; i-- > 0;) {
            if (stream->layers[i].start + stream->layers[i].size < survey->at)
                break;
            left += stream->layers[i].missing;
        }
    *ret =
        size <= APPLELZ4_MAGIC_SIZE && left == APPLELZ4_MAGIC_SIZE && thread_in_hand(survey)->open;
    return 0;
}

/* 1, 0 at the end, -1. */
static int survey_step(struct survey *survey, struct error *err)
{
    struct header header;
    bool before_end;
    stream_forget(&survey->stream, survey->at);
    if (header_at(survey, survey->at, &header, err) < 0 ||
        is_before_end(survey, &before_end, err) < 0)
        return -1;
    if (header.kind == HEADER_END || before_end) {
        survey->damaged_block |= header.kind != HEADER_END;
        survey->ended = true;
        return 0;
    }
    if (survey->at != survey->resumed &&
        layers_hole_at(survey->stream.layers, survey->stream.ended, survey->at))
        return gap_cross(survey, survey->at, err);
    if (header.kind == HEADER_NONE)
        return gap_cross(survey, survey->at + 1, err);
    return block_take(survey, &header, err);
}

static int survey_run(struct survey *survey, const struct disk *disk, struct blobs *blobs,
                      const struct salvage_watch *watch, struct error *err)
{
    if (stream_init(&survey->stream, disk, blobs, watch, err) < 0)
        return -1;
    survey->stream.expected = survey->proving;
    survey->resumed = survey->guessed = UINT64_MAX;
    int status = thread_begin(survey, err) < 0 ? -1 : 1;
    while (status == 1)
        status = survey_step(survey, err);
    return status < 0 ? -1 : stream_drain(&survey->stream, err);
}

/* --- what it says --- */

static bool all_good(const struct survey *survey)
{
    for (size_t i = 0; i < survey->stream.disk->layer_count; i++)
        if (!survey->stream.layers[i].good)
            return false;
    return true;
}

/* What is found does not fit the disk: some header that parsed lies. */
static int survey_again(struct salvage *salvage, const struct salvage_watch *watch,
                        struct error *err)
{
    AUTO(survey_done) struct survey survey = {.proving = salvage->layers};
    if (survey_run(&survey, salvage->disk, salvage->blobs, watch, err) < 0)
        return -1;
    if (survey_fits(&survey))
        return survey_place(salvage, &survey, watch, err);
    if (!salvage->disk->has_size)
        return error_set(err, ERROR_DISK_SIZE,
                         "the manifest does not say how large the disk is, and its layers are too "
                         "damaged to tell");
    return error_set(err, ERROR_DISK_SIZE,
                     "what can be read does not fit a disk of the %" PRIu64
                     " bytes that the manifest says, so no place on it is sure",
                     salvage->disk->size);
}

static int survey_judge(struct survey *survey, struct salvage *salvage,
                        const struct salvage_watch *watch, struct error *err)
{
    salvage->layers = take_ptr(&survey->stream.layers);
    if (!salvage->damaged)
        return 0;
    int status = survey_fits(survey) ? survey_place(salvage, survey, watch, err)
                                     : survey_again(salvage, watch, err);
    if (status == 0 && salvage->island_count == 0)
        return error_set(err, ERROR_STREAM_BLOCK,
                         salvage->unplaced == 0
                             ? "nothing is left of the disk: no block of it can be proved to be one"
                             : "of no block that is left is it known where on the disk it lies");
    return status;
}

int salvage_survey(const struct disk *disk, struct blobs *blobs, const struct salvage_watch *watch,
                   struct salvage **ret, struct error *err)
{
    AUTO(survey_done) struct survey survey = {.proving = NULL};
    struct salvage *salvage = calloc(1, sizeof *salvage);
    if (salvage == NULL)
        return error_memory(err);
    salvage->disk = disk;
    salvage->blobs = blobs;
    int status = survey_run(&survey, disk, blobs, watch, err);
    if (status == 0) {
        salvage->damaged = survey.thread_count > 1 || survey.damaged_block || !all_good(&survey);
        status = survey_judge(&survey, salvage, watch, err);
    }
    if (status < 0) {
        salvage_free(salvage);
        return -1;
    }
    *ret = salvage;
    return 0;
}

struct salvage *salvage_free(struct salvage *salvage)
{
    if (salvage == NULL)
        return NULL;
    free(salvage->layers);
    free(salvage->islands);
    free(salvage->ranges.items);
    free(salvage);
    return NULL;
}
