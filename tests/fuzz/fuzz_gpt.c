/* fuzz_gpt.c: any bytes as a disk's start and end, with any size. Checksums are put right first
 * where the input asks for it, else hardly an input would pass them. Besides what the sanitizers
 * see, what is called good must be possible. */
#include "formats/gpt.h"
#include "formats/model/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HEADER_SIZE 92u
#define PREFIX_SIZE 13u /* flags (1), disk size (8), head's size (4) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Makes a header at that place, of which the input keeps all but signature, revision and checksums.
 */
static void header_seal(uint8_t *data, size_t size, uint32_t sector_size, size_t at)
{
    if (at > size || size - at < HEADER_SIZE)
        return;
    uint8_t *header = data + at;
    memcpy(header, "EFI PART\0\0\1", 12);
    uint64_t array_lba = load_le64(header + 72);
    uint64_t array_size = (uint64_t)load_le32(header + 80) * load_le32(header + 84);
    if (array_lba >= 2 && array_lba < size / sector_size &&
        array_size <= size - array_lba * sector_size) {
        uint8_t *array = data + array_lba * sector_size;
        store_le32(header + 88, (uint32_t)crc32_z(0, array, (size_t)array_size));
    }
    uint32_t header_size = load_le32(header + 12);
    if (header_size > size - at)
        return;
    store_le32(header + 16, 0);
    store_le32(header + 16, (uint32_t)crc32(0, header, header_size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX_SIZE)
        return 0;
    uint64_t disk_size = load_le64(data + 1);
    size_t head_size = load_le32(data + 9), rest = size - PREFIX_SIZE;
    if (head_size > rest)
        head_size = rest;
    uint8_t *head = malloc(head_size + 1), *tail = malloc(rest - head_size + 1);
    if (head == NULL || tail == NULL)
        abort();
    memcpy(head, data + PREFIX_SIZE, head_size);
    memcpy(tail, data + PREFIX_SIZE + head_size, rest - head_size);
    size_t tail_size = rest - head_size;
    uint32_t sector_size = (data[0] & 4) != 0 ? 4096 : 512;
    if ((data[0] & 1) != 0)
        header_seal(head, head_size, sector_size, sector_size);
    if ((data[0] & 2) != 0 && tail_size >= sector_size)
        header_seal(tail, tail_size, sector_size, tail_size - sector_size);

    struct gpt gpt;
    gpt_read(head, head_size, tail, tail_size, disk_size, &gpt);
    bool found = gpt.primary == GPT_GOOD || gpt.backup == GPT_GOOD;
    if (found && (gpt.sector_size == 0 || gpt.disk_size == 0 || gpt.disk_size > INT64_MAX ||
                  gpt.disk_size % gpt.sector_size != 0))
        abort();
    if ((gpt.primary == GPT_DAMAGED) != (gpt.why[0] != '\0') ||
        (gpt.backup == GPT_DAMAGED) != (gpt.backup_why[0] != '\0'))
        abort();
    free(head);
    free(tail);
    return 0;
}
