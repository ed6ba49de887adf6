/* http_script_wire.h: bytes in and out of a connection, for http_script.h. */
#ifndef TESTS_UNIT_HTTP_SCRIPT_WIRE_H
#define TESTS_UNIT_HTTP_SCRIPT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct script_request {
    char *data; /* NUL-terminated */
    size_t size, capacity;
    size_t head, body; /* head: with its empty line; body: as Content-Length says */
};

static inline bool script_receive(int fd, struct script_request *request, size_t wanted)
{
    while (request->size < wanted) {
        if (request->capacity < wanted) {
            request->capacity = wanted + (8u << 10);
            char *more = realloc(request->data, request->capacity + 1);
            if (more == NULL)
                return false;
            request->data = more;
        }
        ssize_t got = recv(fd, request->data + request->size, wanted - request->size, 0);
        if (got <= 0)
            return false;
        request->size += (size_t)got;
        request->data[request->size] = '\0';
    }
    return true;
}

static inline bool script_send(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

static inline bool script_send_chunked(int fd, const char *body, size_t size, bool end)
{
    char line[32];
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < 4096 ? size - at : 4096;
        snprintf(line, sizeof line, "%zx\r\n", piece);
        if (!script_send(fd, line, strlen(line)) || !script_send(fd, body + at, piece) ||
            !script_send(fd, "\r\n", 2))
            return false;
        at += piece;
    }
    return !end || script_send(fd, "0\r\n\r\n", 5);
}

static inline void script_pause(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Reads away what comes until the client goes. */
static inline void script_drain(int fd)
{
    static const size_t size = 64u << 10;
    char *data = malloc(size);
    while (data != NULL && recv(fd, data, size, 0) > 0)
        ;
    free(data);
}

#endif
