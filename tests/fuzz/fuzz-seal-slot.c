/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot of the seal without its checksum, which the target puts in: what decodes encodes to the
 * same bytes, and its records stay within it.
 */

#include <string.h>

#include "fuzz.h"
#include "seal-slot.h"
#include "sha256.h"

#define CHECKSUM_OFFSET (SEAL_MAC_OFFSET - SHA256_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[SEAL_SLOT_SIZE] = {}, again[SEAL_SLOT_SIZE];
	struct seal_record record;
	struct seal_slot slot;
	struct sha256 s;
	size_t offset = 0;
	int r;

	memcpy(block, data, MIN(size, (size_t)CHECKSUM_OFFSET));
	sha256_init(&s);
	sha256_add(&s, block, CHECKSUM_OFFSET);
	sha256_finish(&s, block + CHECKSUM_OFFSET);
	if (seal_slot_decode(block, &slot, NULL) < 0)
		return 0;
	seal_slot_encode(&slot, again);
	fuzz_assert(memcmp(block, again, sizeof(block)) == 0);

	while ((r = seal_record_next(&slot, &offset, &record)) > 0) {
		fuzz_assert(record.ciphertext >= slot.records);
		fuzz_assert(record.ciphertext + record.size <= slot.records + slot.records_size);
		fuzz_assert(strlen(record.label) <= SEAL_LABEL_MAX);
	}
	fuzz_assert(r == 0 && offset == slot.records_size);
	return 0;
}
