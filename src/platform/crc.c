/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRC-32 and CRC-32C, eight bytes at a time: from eight tables, or by the instruction of SSE 4.2.
 */

#include <pthread.h>

#include "bytes.h"
#include "crc.h"

#define POLYNOMIAL_CRC32  UINT32_C(0xedb88320)
#define POLYNOMIAL_CRC32C UINT32_C(0x82f63b78)

/* table[k][b]: what byte b does to the register k bytes later. */
struct crc_tables {
	uint32_t table[8][256];
};

static struct crc_tables crc32_tables, crc32c_tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(struct crc_tables *t, uint32_t polynomial)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t state = b;

		for (unsigned i = 0; i < 8; i++)
			state = (state >> 1) ^ (state & 1 ? polynomial : 0);
		t->table[0][b] = state;
	}
	for (unsigned k = 1; k < 8; k++)
		for (unsigned b = 0; b < 256; b++) {
			uint32_t before = t->table[k - 1][b];

			t->table[k][b] = (before >> 8) ^ t->table[0][before & 0xff];
		}
}

static void fill_all_tables(void)
{
	fill_tables(&crc32_tables, POLYNOMIAL_CRC32);
	fill_tables(&crc32c_tables, POLYNOMIAL_CRC32C);
}

static uint32_t update(const struct crc_tables *t, uint32_t state, const uint8_t *p, size_t size)
{
	(void)pthread_once(&tables_once, fill_all_tables);
	for (; size >= 8; p += 8, size -= 8) {
		uint64_t word = get_le64(p) ^ state;

		state = 0;
		for (unsigned i = 0; i < 8; i++)
			state ^= t->table[7 - i][word >> (8 * i) & 0xff];
	}
	for (; size > 0; p++, size--)
		state = (state >> 8) ^ t->table[0][(state ^ *p) & 0xff];
	return state;
}

uint32_t crc32_update(uint32_t state, const void *data, size_t size)
{
	return update(&crc32_tables, state, data, size);
}

uint32_t crc32c_update_portable(uint32_t state, const void *data, size_t size)
{
	return update(&crc32c_tables, state, data, size);
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_update_sse42(
	uint32_t state, const uint8_t *p, size_t size)
{
	uint64_t wide = state;

	for (; size >= 8; p += 8, size -= 8)
		wide = __builtin_ia32_crc32di(wide, get_le64(p));
	state = (uint32_t)wide;
	for (; size > 0; p++, size--)
		state = __builtin_ia32_crc32qi(state, *p);
	return state;
}

uint32_t crc32c_update(uint32_t state, const void *data, size_t size)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_update_sse42(state, data, size);
	return crc32c_update_portable(state, data, size);
}
#else
uint32_t crc32c_update(uint32_t state, const void *data, size_t size)
{
	return crc32c_update_portable(state, data, size);
}
#endif
