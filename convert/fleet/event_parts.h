/* event_parts.h: what the event log's files share: its clock, and events that nobody waits for.
 * Private to event_*.c and history_*.c. */
#ifndef CONVERT_FLEET_EVENT_PARTS_H
#define CONVERT_FLEET_EVENT_PARTS_H

#include "convert/fleet/event_log.h"

#define EVENT_TIME_SIZE 25 /* 2026-11-24T13:30:00.123Z */

uint64_t event_now(void); /* milliseconds since 1970 */
void event_time_print(uint64_t ms, char ret[EVENT_TIME_SIZE]);
/* Exactly that form. */
bool event_time_parse(const char *text, uint64_t *ret_ms);

/* As event_log_write; a failure is told by the next event that somebody waits for. */
void event_log_note(struct event_log *log, const char *event, struct json *members);

#endif
