/* lanes.c: a counter, some threads, and the lowest failure. Knows nothing of what the work is.
 */
#include "convert/engine/lanes.h"

#include <assert.h>
#include <pthread.h>

struct lanes {
    size_t piece_count;
    lanes_work *work;
    void *context;
    pthread_mutex_t lock;
    size_t next;         /* under lock, like all below */
    size_t failed_piece; /* piece_count: none */
    struct error error;
};

struct lane {
    struct lanes *lanes;
    size_t index;
    pthread_t thread;
};

static void *lane_main(void *argument)
{
    const struct lane *lane = argument;
    struct lanes *lanes = lane->lanes;
    for (;;) {
        pthread_mutex_lock(&lanes->lock);
        size_t piece = lanes->next;
        if (piece < lanes->failed_piece)
            lanes->next++;
        else
            piece = lanes->piece_count;
        pthread_mutex_unlock(&lanes->lock);
        if (piece == lanes->piece_count)
            return NULL;
        struct error error = ERROR_INIT;
        if (lanes->work(lanes->context, lane->index, piece, &error) == 0)
            continue;
        pthread_mutex_lock(&lanes->lock);
        if (piece < lanes->failed_piece) {
            lanes->failed_piece = piece;
            lanes->error = error;
        }
        pthread_mutex_unlock(&lanes->lock);
    }
}

int lanes_run(size_t lane_count, size_t piece_count, lanes_work *work, void *context,
              struct error *err)
{
    assert(lane_count >= 1 && lane_count <= LANES_MAX);
    struct lanes lanes = {
        .piece_count = piece_count, .work = work, .context = context, .failed_piece = piece_count};
    struct lane lane[LANES_MAX];
    pthread_mutex_init(&lanes.lock, NULL); /* cannot fail on Linux */
    size_t started = 1;                    /* lane 0 is the caller's thread */
    int failed = 0;
    for (size_t i = 0; i < lane_count; i++) {
        lane[i].lanes = &lanes;
        lane[i].index = i;
    }
    while (started < lane_count && failed == 0) {
        failed = pthread_create(&lane[started].thread, NULL, lane_main, &lane[started]);
        if (failed == 0)
            started++;
    }
    /* fewer lanes than wished for do the same work */
    lane_main(&lane[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(lane[i].thread, NULL);
    pthread_mutex_destroy(&lanes.lock);
    if (lanes.failed_piece == piece_count)
        return 0;
    *err = lanes.error;
    return -1;
}
