/* tar.c: headers of tar archives, as POSIX (pax) and GNU have them, read and written. Must not know
 * what the entries mean. */
#include "convert/stores/tar.h"

#include "convert/stores/files.h"

#include <stdio.h>
#include <string.h>

#define NAME           "the archive"
#define EXTENSION_MAX  (1u << 20) /* bytes of a pax header or a long name */
#define USTAR_SIZE_MAX 077777777777ull

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK_SIZE, "a header is a block");

/* --- fields --------------------------------------------------------------------------------------
 */

/* Over the whole header, with blanks for the sum itself. Some old programs added signed bytes. */
static void header_sums(const struct header *header, unsigned *ret, int *ret_signed)
{
    struct header copy = *header;
    memset(copy.sum, ' ', sizeof copy.sum);
    uint8_t block[sizeof copy];
    memcpy(block, &copy, sizeof block);
    *ret = 0;
    *ret_signed = 0;
    for (size_t i = 0; i < sizeof block; i++) {
        *ret += block[i];
        *ret_signed += (int8_t)block[i];
    }
}

/* Octal digits, blanks around them. */
static bool octal_read(const char *field, size_t size, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        value = value * 8 + (uint64_t)(field[i] - '0');
    *ret = value;
    return i == size || field[i] == ' ' || field[i] == '\0';
}

/* A size, in octal digits or, as GNU has it, in binary behind a set bit. */
static bool size_read(const char *field, size_t size, uint64_t *ret)
{
    const uint8_t *bytes = (const uint8_t *)field;
    if (bytes[0] != 0x80)
        return octal_read(field, size, ret);
    uint64_t value = 0;
    for (size_t i = 1; i < size; i++) {
        if (value > (uint64_t)INT64_MAX >> 8)
            return false;
        value = value << 8 | bytes[i];
    }
    *ret = value;
    return true;
}

static bool header_fits(const struct header *header)
{
    uint64_t stated;
    unsigned sum;
    int signed_sum;
    header_sums(header, &sum, &signed_sum);
    return octal_read(header->sum, sizeof header->sum, &stated) &&
           (stated == sum || (signed_sum >= 0 && stated == (unsigned)signed_sum));
}

/* --- reading -------------------------------------------------------------------------------------
 */

struct list {
    int fd;
    uint64_t size;
    uint64_t position; /* of the next header */
    uint64_t count;
    /* what pax headers and GNU's long names say of the next entry */
    struct bytes name;
    bool has_name, has_size, sparse;
    uint64_t next_size;
};

static void list_forget(struct list *list)
{
    list->name.size = 0;
    list->has_name = list->has_size = list->sparse = false;
}

static void list_done(struct list *list)
{
    bytes_done(&list->name);
}

static int invalid(const struct list *list, const char *what, struct error *err)
{
    return error_set(err, ERROR_LAYOUT_INVALID, "it is damaged: %s at byte %llu", what,
                     (unsigned long long)list->position);
}

/* The next header: 1, 0 at the end, -1. */
static int header_read(const struct list *list, struct header *ret, struct error *err)
{
    if (list->position >= list->size)
        return 0;
    uint8_t block[sizeof *ret];
    uint64_t left = list->size - list->position;
    size_t size = left < sizeof block ? (size_t)left : sizeof block;
    if (file_read_at(list->fd, NAME, list->position, block, size, err) < 0)
        return -1;
    if (size == sizeof block && bytes_are_zero(block, sizeof block))
        return 0;
    memset(block + size, 0, sizeof block - size);
    memcpy(ret, block, sizeof block);
    if (size == sizeof block && header_fits(ret))
        return 1;
    if (list->count == 0)
        return error_set(err, ERROR_NO_SUCH_IMAGE, "it is no tar archive");
    return invalid(list, size < sizeof block ? "it is cut off in a header" : "no header", err);
}

/* The bytes of a pax header or long name. */
static int extension_read(const struct list *list, uint64_t size, struct bytes *ret,
                          struct error *err)
{
    if (size > EXTENSION_MAX)
        return invalid(list, "a name or pax header longer than 1 MiB", err);
    AUTO_FREE uint8_t *data = malloc((size_t)size + 1);
    if (data == NULL)
        return error_memory(err);
    if (file_read_at(list->fd, NAME, list->position + TAR_BLOCK_SIZE, data, (size_t)size, err) < 0)
        return -1;
    ret->size = 0;
    return bytes_append(ret, data, (size_t)size, err);
}

/* One "LENGTH KEY=VALUE\n" of a pax header: how long it is; 0 where it is none. */
static size_t record_split(const char *text, size_t left, const char **ret_key,
                           const char **ret_value, size_t *ret_value_size)
{
    size_t length = 0, i = 0;
    for (; i < left && i < 8 && text[i] >= '0' && text[i] <= '9'; i++)
        length = length * 10 + (size_t)(text[i] - '0');
    if (i == 0 || i == left || text[i] != ' ' || length <= i + 1 || length > left ||
        text[length - 1] != '\n')
        return 0;
    const char *value = memchr(text + i, '=', length - i);
    if (value == NULL)
        return 0;
    *ret_key = text + i + 1;
    *ret_value = value + 1;
    *ret_value_size = (size_t)(text + length - 1 - *ret_value);
    return length;
}

static bool key_is(const char *key, const char *wanted)
{
    return strncmp(key, wanted, strlen(wanted)) == 0;
}

/* global: what is said of all entries, where a name or a size would make no sense. */
static int record_take(struct list *list, const char *key, const char *value, size_t size,
                       bool global, struct error *err)
{
    char digits[32] = "";
    if (key_is(key, "GNU.sparse."))
        list->sparse = true;
    if (key_is(key, "path=")) {
        if (global || size > list->name.limit || memchr(value, '\0', size) != NULL)
            return invalid(list, "a pax header with no name", err);
        list->name.size = 0;
        list->has_name = true;
        return bytes_append(&list->name, value, size, err);
    }
    if (key_is(key, "size=")) {
        memcpy(digits, value, size < sizeof digits ? size : 0);
        list->has_size = true;
        if (global || !parse_size(digits, &list->next_size))
            return invalid(list, "a pax header with no size", err);
    }
    return 0;
}

static int pax_take(struct list *list, uint64_t size, bool global, struct error *err)
{
    AUTO(bytes_done) struct bytes data;
    bytes_init(&data, EXTENSION_MAX);
    if (extension_read(list, size, &data, err) < 0)
        return -1;
    const char *text = (const char *)data.data, *key, *value;
    size_t value_size;
    for (size_t done = 0, length; done < data.size; done += length) {
        length = record_split(text + done, data.size - done, &key, &value, &value_size);
        if (length == 0)
            return invalid(list, "a pax header that is none", err);
        if (record_take(list, key, value, value_size, global, err) < 0)
            return -1;
    }
    return 0;
}

/* GNU's own way; a pax header's name goes before it. */
static int long_name_take(struct list *list, uint64_t size, struct error *err)
{
    if (list->has_name)
        return 0;
    if (extension_read(list, size, &list->name, err) < 0)
        return -1;
    const uint8_t *end =
        list->name.size == 0 ? NULL : memchr(list->name.data, '\0', list->name.size);
    if (end != NULL)
        list->name.size = (size_t)(end - list->name.data);
    list->has_name = true;
    return 0;
}

/* A field that a NUL ends, or its own end does. */
static int field_append(struct list *list, const char *field, size_t size, struct error *err)
{
    return bytes_append(&list->name, field, strnlen(field, size), err);
}

static const char *entry_name(struct list *list, const struct header *header, struct error *err)
{
    if (!list->has_name) {
        list->name.size = 0;
        bool prefixed = memcmp(header->magic, "ustar", 6) == 0 && header->prefix[0] != '\0';
        if ((prefixed && (field_append(list, header->prefix, sizeof header->prefix, err) < 0 ||
                          bytes_append(&list->name, "/", 1, err) < 0)) ||
            field_append(list, header->name, sizeof header->name, err) < 0)
            return NULL;
    }
    return bytes_text(&list->name, err);
}

/* Without "./" and doubled slashes; false where it leads out. */
static bool name_set(struct tar_entry *entry, const char *name)
{
    size_t used = 0;
    if (name[0] == '/')
        return false;
    while (*name != '\0') {
        size_t part = strcspn(name, "/");
        if (part == 2 && name[0] == '.' && name[1] == '.')
            return false;
        bool counts = part > 0 && !(part == 1 && name[0] == '.');
        for (size_t i = 0; counts && i < part + 1; i++) {
            char c = i == 0 ? '/' : name[i - 1];
            if ((i > 0 || used > 0) && used < sizeof entry->name - 1)
                entry->name[used++] = c;
        }
        name += part + (name[part] == '/' ? 1 : 0);
    }
    entry->name[used] = '\0';
    return true;
}

/* What can be taken: 1; a folder: 0; -1. */
static int kind_check(const struct list *list, const struct header *header, const char *name,
                      struct error *err)
{
    size_t size = strlen(name);
    switch (header->type) {
    case '0':
    case '\0':
    case '7':
        if (list->sparse)
            break;
        return size == 0 || name[size - 1] != '/'; /* V7 has no other folders */
    case '5':
        return 0;
    case '1':
    case '2':
        return error_set(err, ERROR_LAYOUT_INVALID,
                         "entry %.80s is a %s link, which is not taken from an archive", name,
                         header->type == '1' ? "hard" : "symbolic");
    case '3':
    case '4':
    case '6':
        return error_set(err, ERROR_LAYOUT_INVALID,
                         "entry %.80s is neither a file nor a folder, and is not taken from an "
                         "archive",
                         name);
    case 'S':
        break;
    default:
        return error_set(err, ERROR_UNSUPPORTED, "entry %.80s is of a kind that is not known: '%c'",
                         name, header->type);
    }
    return error_set(err, ERROR_UNSUPPORTED,
                     "entry %.80s is stored as a sparse file; make the archive without that", name);
}

static int entry_visit(struct list *list, const struct header *header, uint64_t size,
                       struct tar_visitor *visitor, struct error *err)
{
    struct tar_entry entry = {.offset = list->position + TAR_BLOCK_SIZE, .size = size};
    const char *name = entry_name(list, header, err);
    if (name == NULL)
        return -1;
    if (!name_set(&entry, name))
        return error_set(err, ERROR_LAYOUT_INVALID, "entry %.80s leads out of the archive", name);
    int file = kind_check(list, header, name, err);
    if (file == 0 && size > 0)
        return invalid(list, "a folder with bytes", err);
    list_forget(list);
    return file > 0 ? visitor->visit(visitor, &entry, err) : file;
}

/* What one header stands for; *ret_end: where its bytes end. */
static int header_take(struct list *list, const struct header *header, struct tar_visitor *visitor,
                       uint64_t *ret_end, struct error *err)
{
    uint64_t size;
    bool extension = header->type != '\0' && strchr("xXgLK", header->type) != NULL;
    if (++list->count > TAR_ENTRIES_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "it has more than %d entries", TAR_ENTRIES_MAX);
    if (!size_read(header->size, sizeof header->size, &size))
        return invalid(list, "a header with no size", err);
    if (!extension && list->has_size)
        size = list->next_size;
    if (!add_sizes(list->position, TAR_BLOCK_SIZE, ret_end) ||
        !add_sizes(*ret_end, size, ret_end) || *ret_end > list->size)
        return error_set(err, ERROR_LAYOUT_INVALID,
                         "it is cut off: the entry at byte %llu has %llu bytes, the archive %llu",
                         (unsigned long long)list->position, (unsigned long long)size,
                         (unsigned long long)list->size);
    switch (header->type) {
    case 'x':
    case 'X':
    case 'g':
        return pax_take(list, size, header->type == 'g', err);
    case 'L':
        return long_name_take(list, size, err);
    case 'K': /* where a link leads; links are refused anyway */
        return 0;
    default:
        return entry_visit(list, header, size, visitor, err);
    }
}

int tar_list(int fd, uint64_t size, struct tar_visitor *visitor, struct error *err)
{
    AUTO(list_done) struct list list = {.fd = fd, .size = size};
    bytes_init(&list.name, EXTENSION_MAX);
    struct header header;
    uint64_t end = 0;
    int status;
    while ((status = header_read(&list, &header, err)) > 0) {
        if (header_take(&list, &header, visitor, &end, err) < 0)
            return -1;
        list.position = (end + TAR_BLOCK_SIZE - 1) / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
    }
    return status;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static int header_append(const char *name, char type, uint64_t size, struct bytes *ret,
                         struct error *err)
{
    struct header header = {.mode = "0000644",
                            .uid = "0000000",
                            .gid = "0000000",
                            .mtime = "00000000000",
                            .type = type,
                            .magic = "ustar",
                            .version = {'0', '0'},
                            .major = "0000000",
                            .minor = "0000000"};
    if (strlen(name) >= sizeof header.name)
        return error_set(err, ERROR_INTERNAL, "a tar entry's name is longer than its place");
    memcpy(header.name, name, strlen(name));
    snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)size);
    unsigned sum;
    int signed_sum;
    header_sums(&header, &sum, &signed_sum);
    snprintf(header.sum, sizeof header.sum, "%06o", sum & 0777777u);
    header.sum[sizeof header.sum - 1] = ' ';
    return bytes_append(ret, &header, sizeof header, err);
}

/* A pax header that says the size. */
static int size_append(const char *name, uint64_t size, struct bytes *ret, struct error *err)
{
    char record[64], long_name[128];
    /* The record's length counts itself; 19 digits of size make it two digits long. */
    int length = snprintf(record, sizeof record, "00 size=%llu\n", (unsigned long long)size);
    snprintf(record, sizeof record, "%d size=%llu\n", length, (unsigned long long)size);
    snprintf(long_name, sizeof long_name, "PaxHeader/%s", name);
    if (header_append(long_name, 'x', (uint64_t)length, ret, err) < 0 ||
        bytes_append(ret, record, (size_t)length, err) < 0)
        return -1;
    return bytes_append(ret, zero_page, TAR_BLOCK_SIZE - (size_t)length, err);
}

int tar_header(const char *name, uint64_t size, struct bytes *ret, struct error *err)
{
    if (size <= USTAR_SIZE_MAX)
        return header_append(name, '0', size, ret, err);
    return size_append(name, size, ret, err) < 0
               ? -1
               : header_append(name, '0', USTAR_SIZE_MAX, ret, err);
}
