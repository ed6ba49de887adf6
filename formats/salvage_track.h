/* salvage_track.h: blocks decoded with what is known of each byte. Private to formats/.
 *
 * Beside the decoded bytes lie marks, one a byte: a literal has the mark of the block's own bytes,
 * a match copies marks with the bytes. A lost byte is 0, in the window as on the disk, and so is
 * whatever copies it. */
#ifndef FORMATS_SALVAGE_TRACK_H
#define FORMATS_SALVAGE_TRACK_H

#include "formats/codec/applelz4.h"

/* In the order of how little is known. */
enum salvage_mark { MARK_KNOWN, MARK_UNVERIFIED, MARK_LOST };

/* Whether a whole block, header included, is one: its sequences parse exactly to the size that it
 * declares, and none reaches back further than `history` bytes before it. A stored block always
 * does. */
bool track_fits(const uint8_t *block, size_t size, uint64_t history);

/* The last APPLELZ4_WINDOW bytes of the disk and, behind them, the block that was decoded last. */
struct track {
    uint8_t *data, *marks;
    size_t capacity, size; /* of the block */
};

int track_init(struct track *track, struct error *err);
void track_done(struct track *track); /* takes a zeroed one too */
/* To the disk's start. */
void track_reset(struct track *track);
/* The block that was decoded last becomes part of the window; then `size` lost bytes follow. */
void track_skip(struct track *track, uint64_t size);
/* Decodes one more block; what was decoded before becomes part of the window. mark: of its own
 * bytes. 1; 0 where it is none; -1: err. */
int track_decode(struct track *track, const uint8_t *block, size_t size, enum salvage_mark mark,
                 struct error *err);

#endif
