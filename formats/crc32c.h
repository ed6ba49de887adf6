/* crc32c.h: CRC-32C (polynomial 0x82F63B78, reflected) as raw state, without inversion at either
 * end, forwards and backwards: ext4's metadata uses it so. Pure; no state is kept. */
#ifndef FORMATS_CRC32C_H
#define FORMATS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_START 0xFFFFFFFFu

/* The state after size bytes of data, from the one before. */
uint32_t crc32c(uint32_t state, const void *data, size_t size);

/* The state before size bytes of data, from the one after:
 * crc32c_undo(crc32c(s, data, n), data, n) == s. */
uint32_t crc32c_undo(uint32_t state, const void *data, size_t size);

/* Four bytes as ext4 feeds numbers, little-endian. A state before them XOR the number is what
 * crc32c_undo_number(state, 0) gives: a number that was fed can so be had back where the state
 * before is known. */
uint32_t crc32c_number(uint32_t state, uint32_t number);
uint32_t crc32c_undo_number(uint32_t state, uint32_t number);

#endif
