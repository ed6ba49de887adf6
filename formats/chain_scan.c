/* chain_scan.c: where blocks can begin in a layer, found by following every chain of headers to the
 * layer's end. Must not judge which of several chains is the true one.
 *
 * A chain is begun wherever a header stands among the first bytes, for a disk's data can look like
 * blocks, and a head is found only by what follows it. Chains that come to the same byte are one
 * from there on; a chain that comes to a byte where no header stands is dead.
 */
#include "formats/chain_parts.h"

#include "formats/model/auto.h"

#include <string.h>

#define LOOK      APPLELZ4_HEADER_BLOCK /* bytes from a place on that settle what stands there */
#define LINKS_MAX 16384u
#define HEADS_MAX ((size_t)2 * CHAIN_HEADS_MAX) /* before the dead are swept out */
#define NOWHERE   UINT64_MAX

/* A chain, alive or dead or gone into another. */
struct link {
    uint64_t next;    /* where its next header must stand; NOWHERE: in `part` */
    uint64_t at;      /* of its last block */
    uint64_t block;   /* bytes of it */
    uint64_t decoded; /* since it began */
    uint64_t weight;  /* what its heads have decoded more than those of the one it went into */
    uint32_t into;    /* itself, or the one it went into */
    uint32_t blocks;
    uint32_t ending;
    bool alive, ended;
    uint8_t part[LOOK], part_size; /* of a header that the layer's end cuts */
};

struct chain_scan {
    uint64_t size; /* seen so far */
    uint8_t carry[LOOK - 1];
    size_t carry_size;  /* places not looked at yet: the last bytes seen */
    uint64_t heads_end; /* from here on no head is kept and no chain begun */

    struct link *links;
    uint32_t link_count;
    uint32_t *heap; /* of links alive, by next */
    size_t heap_size;
    struct chain_head *heads; /* ending: a link; decoded: of it when the head was met */
    size_t head_count, head_capacity;

    uint8_t *front; /* CHAIN_END_GOOD */
    size_t front_size;
};

struct chain_scan *chain_scan_free(struct chain_scan *scan)
{
    if (scan != NULL) {
        free(scan->links);
        free(scan->heap);
        free(scan->heads);
        free(scan->front);
        free(scan);
    }
    return NULL;
}

static void scan_reset(struct chain_scan *scan)
{
    scan->size = 0;
    scan->carry_size = scan->heap_size = scan->head_count = scan->front_size = 0;
    scan->link_count = 0;
    scan->heads_end = CHAIN_BLOCK_MAX + 1;
}

struct chain_scan *chain_scan_new(struct error *err)
{
    struct chain_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) {
        error_memory(err);
        return NULL;
    }
    scan->links = malloc(LINKS_MAX * sizeof *scan->links);
    scan->heap = malloc(LINKS_MAX * sizeof *scan->heap);
    scan->front = malloc(CHAIN_END_GOOD);
    if (scan->links == NULL || scan->heap == NULL || scan->front == NULL) {
        error_memory(err);
        return chain_scan_free(scan);
    }
    scan_reset(scan);
    return scan;
}

/* --- the heap --- */

static uint64_t heap_next(const struct chain_scan *scan)
{
    return scan->heap_size == 0 ? NOWHERE : scan->links[scan->heap[0]].next;
}

static void heap_push(struct chain_scan *scan, uint32_t link)
{
    size_t at = scan->heap_size++;
    uint64_t next = scan->links[link].next;
    while (at > 0 && scan->links[scan->heap[(at - 1) / 2]].next > next) {
        scan->heap[at] = scan->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    scan->heap[at] = link;
}

static uint32_t heap_pop(struct chain_scan *scan)
{
    uint32_t first = scan->heap[0], last = scan->heap[--scan->heap_size];
    uint64_t next = scan->links[last].next;
    size_t at = 0, child;
    while ((child = 2 * at + 1) < scan->heap_size) {
        if (child + 1 < scan->heap_size &&
            scan->links[scan->heap[child + 1]].next < scan->links[scan->heap[child]].next)
            child++;
        if (scan->links[scan->heap[child]].next >= next)
            break;
        scan->heap[at] = scan->heap[child];
        at = child;
    }
    scan->heap[at] = last;
    return first;
}

/* --- chains and heads --- */

static uint32_t link_root(struct chain_scan *scan, uint32_t id, uint64_t *ret_weight)
{
    uint64_t weight = 0;
    while (scan->links[id].into != id) {
        struct link *link = &scan->links[id];
        const struct link *into = &scan->links[link->into];
        if (into->into != link->into) { /* so that the next time the way is shorter */
            link->weight += into->weight;
            link->into = into->into;
        }
        weight += link->weight;
        id = link->into;
    }
    *ret_weight = weight;
    return id;
}

/* Forgets what is dead; links get new numbers. */
static void sweep(struct chain_scan *scan)
{
    size_t kept = 0;
    for (size_t i = 0; i < scan->head_count; i++) {
        struct chain_head head = scan->heads[i];
        uint64_t weight;
        head.ending = link_root(scan, head.ending, &weight);
        head.decoded -= weight;
        if (scan->links[head.ending].alive)
            scan->heads[kept++] = head;
    }
    scan->head_count = kept;
    uint32_t links = 0;
    for (uint32_t i = 0; i < scan->link_count; i++)
        if (scan->links[i].into == i && scan->links[i].alive) {
            scan->links[i].ending = links; /* its new number, for now */
            links++;
        }
    for (size_t i = 0; i < kept; i++)
        scan->heads[i].ending = scan->links[scan->heads[i].ending].ending;
    for (size_t i = 0; i < scan->heap_size; i++)
        scan->heap[i] = scan->links[scan->heap[i]].ending;
    uint32_t to = 0;
    for (uint32_t i = 0; i < scan->link_count; i++)
        if (scan->links[i].into == i && scan->links[i].alive) {
            scan->links[to] = scan->links[i];
            scan->links[to].into = to;
            to++;
        }
    scan->link_count = links;
}

/* Room for one more head at `at`; where there is none even without the dead, none is kept from here
 * on. */
static int heads_reserve(struct chain_scan *scan, uint64_t at, struct error *err)
{
    if (scan->head_count < scan->head_capacity)
        return 0;
    size_t capacity = scan->head_capacity == 0 ? 1024 : 2 * scan->head_capacity;
    if (capacity > HEADS_MAX) {
        sweep(scan);
        if (scan->head_count > CHAIN_HEADS_MAX)
            scan->heads_end = at;
        return 0;
    }
    struct chain_head *heads = realloc(scan->heads, capacity * sizeof *heads);
    if (heads == NULL)
        return error_memory(err);
    scan->heads = heads;
    scan->head_capacity = capacity;
    return 0;
}

/* The chains that come to `at`, as one; LINKS_MAX: none does. */
static uint32_t chains_join(struct chain_scan *scan, uint64_t at, bool is_header)
{
    uint32_t one = LINKS_MAX;
    while (heap_next(scan) == at) {
        uint32_t id = heap_pop(scan);
        struct link *link = &scan->links[id];
        if (!is_header || link->ended)
            link->alive = false; /* nothing follows the end mark */
        else if (one == LINKS_MAX)
            one = id;
        else {
            struct link *into = &scan->links[one];
            link->into = one;
            link->weight = link->decoded - into->decoded;
            if (link->blocks > into->blocks)
                into->blocks = link->blocks;
        }
    }
    return one;
}

/* A new chain; LINKS_MAX where there are too many: none is begun from here on. */
static uint32_t link_begin(struct chain_scan *scan, uint64_t at)
{
    if (scan->link_count == LINKS_MAX) {
        sweep(scan);
        if (scan->link_count > LINKS_MAX / 2 + LINKS_MAX / 4) {
            scan->heads_end = at;
            return LINKS_MAX;
        }
    }
    uint32_t id = scan->link_count++;
    scan->links[id] = (struct link){.into = id, .alive = true};
    return id;
}

static void link_advance(struct chain_scan *scan, uint32_t id, uint64_t at,
                         const struct chain_header *header)
{
    struct link *link = &scan->links[id];
    link->blocks++;
    link->ended = header->magic == APPLELZ4_END;
    link->block = header->block;
    link->next = at + header->block;
    link->decoded += header->decoded;
    heap_push(scan, id);
}

/* Looks at a place where a chain must go on or one can begin. `left` bytes are at hand, LOOK or all
 * that the layer has. */
static int visit(struct chain_scan *scan, uint64_t at, const uint8_t *bytes, size_t left,
                 struct error *err)
{
    struct chain_header header = {.magic = APPLELZ4_UNKNOWN};
    int status = chain_header_read(bytes, left, &header);
    if (status >= 0 && at < scan->heads_end && heads_reserve(scan, at, err) < 0)
        return -1; /* links have other numbers now: before any is taken in hand */
    uint32_t id = chains_join(scan, at, status >= 0);
    if (status < 0 || (id == LINKS_MAX && at >= scan->heads_end))
        return 0;
    if (id == LINKS_MAX && (id = link_begin(scan, at)) == LINKS_MAX)
        return 0;
    struct link *link = &scan->links[id];
    link->at = at;
    link->next = NOWHERE;
    if (at < scan->heads_end) {
        uint64_t decoded = link->decoded;
        scan->heads[scan->head_count++] = (struct chain_head){(uint32_t)at, id, decoded};
    }
    if (status > 0) {
        link_advance(scan, id, at, &header);
        return 0;
    }
    link->part_size = (uint8_t)left;
    memcpy(link->part, bytes, left);
    return 0;
}

/* The next place in window[from..to) that looks like a magic; `to` where there is none. */
static size_t magic_find(const uint8_t *window, size_t from, size_t to)
{
    while (from < to) {
        const uint8_t *found = memchr(window + from, 'b', to - from);
        if (found == NULL)
            return to;
        if (found[1] == 'v' && found[2] == '4')
            return (size_t)(found - window);
        from = (size_t)(found - window) + 1;
    }
    return to;
}

/* Looks at all places of a window behind which LOOK bytes are at hand. */
static int window_scan(struct chain_scan *scan, const uint8_t *window, size_t size, uint64_t base,
                       struct error *err)
{
    size_t end = size < LOOK ? 0 : size - (LOOK - 1);
    for (size_t p = 0; p < end; p++) {
        uint64_t next = heap_next(scan) - base;
        size_t stop = next < end ? (size_t)next : end;
        if (base + p <= CHAIN_BLOCK_MAX) {
            uint64_t room = CHAIN_BLOCK_MAX + 1 - base;
            size_t most = room < stop ? (size_t)room : stop;
            size_t found = magic_find(window, p, most);
            p = found < most ? found : stop;
        } else
            p = stop;
        if (p < end && visit(scan, base + p, window + p, LOOK, err) < 0)
            return -1;
    }
    return 0;
}

int chain_scan_push(struct chain_scan *scan, const uint8_t *data, size_t size, struct error *err)
{
    if (size == 0)
        return 0;
    if (scan->front_size < CHAIN_END_GOOD) {
        size_t room = CHAIN_END_GOOD - scan->front_size, step = size < room ? size : room;
        memcpy(scan->front + scan->front_size, data, step);
        scan->front_size += step;
    }
    uint8_t seam[2 * (LOOK - 1)];
    size_t step = size < LOOK - 1 ? size : LOOK - 1, seam_size = scan->carry_size + step;
    memcpy(seam, scan->carry, scan->carry_size);
    memcpy(seam + scan->carry_size, data, step);
    if (window_scan(scan, seam, seam_size, scan->size - scan->carry_size, err) < 0 ||
        window_scan(scan, data, size, scan->size, err) < 0)
        return -1;
    scan->size += size;
    if (size >= LOOK - 1) {
        scan->carry_size = LOOK - 1;
        memcpy(scan->carry, data + size - (LOOK - 1), LOOK - 1);
    } else {
        scan->carry_size = seam_size < LOOK - 1 ? seam_size : LOOK - 1;
        memcpy(scan->carry, seam + seam_size - scan->carry_size, scan->carry_size);
    }
    return 0;
}

/* --- the end --- */

/* The last places, behind which the layer ends; the end is a boundary itself. */
static int end_scan(struct chain_scan *scan, struct error *err)
{
    for (size_t i = 0; i < scan->carry_size; i++) {
        uint64_t at = scan->size - scan->carry_size + i;
        if (visit(scan, at, scan->carry + i, scan->carry_size - i, err) < 0)
            return -1;
    }
    sweep(scan);
    if (scan->size == 0 || scan->size >= scan->heads_end)
        return 0;
    if (heads_reserve(scan, scan->size, err) < 0)
        return -1;
    uint32_t id = scan->link_count;
    for (uint32_t i = 0; i < scan->link_count; i++)
        if (scan->links[i].next == scan->size && !scan->links[i].ended)
            id = i;
    if (id == scan->link_count && (id = link_begin(scan, scan->size)) == LINKS_MAX)
        return 0;
    struct link *link = &scan->links[id];
    link->next = scan->size;
    if (scan->size < scan->heads_end)
        scan->heads[scan->head_count++] =
            (struct chain_head){(uint32_t)scan->size, id, link->decoded};
    return 0;
}

static struct chain_ending ending_of(const struct link *link, uint64_t size)
{
    struct chain_ending ending = {.block_at = link->at, .blocks = link->blocks};
    if (link->next == NOWHERE) {
        ending.cut.at = CHAIN_HEADER;
        ending.cut.part_size = link->part_size;
        memcpy(ending.cut.part, link->part, link->part_size);
    } else if (link->next > size)
        ending.cut = (struct chain_cut){CHAIN_PAYLOAD, link->next - size, link->block, {0}, 0};
    else
        ending.cut.at = link->ended ? CHAIN_ENDED : CHAIN_BOUNDARY;
    return ending;
}

/* The chains that are left, and their heads: as many as are kept of either. */
static int layer_fill(struct chain_scan *scan, struct chain_layer *ret, struct error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scan->link_count; i++)
        scan->links[i].ending = UINT32_MAX;
    for (size_t i = 0; i < scan->head_count; i++) {
        struct link *link = &scan->links[scan->heads[i].ending];
        bool is_new = link->ending == UINT32_MAX;
        if (i == CHAIN_HEADS_MAX || (is_new && count == CHAIN_CHAINS_MAX)) {
            scan->heads_end = scan->heads[i].at;
            scan->head_count = i;
        } else if (is_new)
            link->ending = count++;
    }
    ret->heads_end = scan->heads_end;
    if (count == 0)
        return 0;
    ret->endings = calloc(count, sizeof *ret->endings);
    ret->heads = calloc(scan->head_count, sizeof *ret->heads);
    if (ret->endings == NULL || ret->heads == NULL)
        return error_memory(err);
    ret->ending_count = count;
    ret->head_count = scan->head_count;
    for (size_t i = 0; i < scan->head_count; i++) {
        const struct link *link = &scan->links[scan->heads[i].ending];
        ret->endings[link->ending] = ending_of(link, scan->size);
        ret->heads[i] = scan->heads[i];
        ret->heads[i].ending = link->ending;
        ret->heads[i].decoded = link->decoded - scan->heads[i].decoded;
    }
    ret->begins = ret->heads[0].at == 0;
    ret->reaches_back = ret->begins && chain_reaches_back(scan->front, scan->front_size);
    return 0;
}

int chain_scan_end(struct chain_scan *scan, struct chain_layer *ret, struct error *err)
{
    struct digest digest = ret->digest;
    *ret = (struct chain_layer){.digest = digest, .size = scan->size, .whole = true};
    memcpy(ret->first, scan->front,
           scan->front_size < sizeof ret->first ? scan->front_size : sizeof ret->first);
    int status = end_scan(scan, err);
    if (status == 0) {
        sweep(scan);
        status = layer_fill(scan, ret, err);
    }
    if (status < 0)
        chain_layer_done(ret);
    scan_reset(scan);
    return status;
}
