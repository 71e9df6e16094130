/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A header of the re-keying journal: what decodes encodes to the same bytes, and its piece lies within
 * the layer and within the journal.
 */

#include <string.h>

#include "fuzz.h"
#include "rekey-journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[REKEY_HEADER_SIZE] = {}, again[REKEY_HEADER_SIZE];
	struct rekey_entry entry;

	memcpy(block, data, MIN(size, (size_t)REKEY_MAC_OFFSET));
	if (rekey_entry_decode(block, &entry, NULL) < 0)
		return 0;
	rekey_entry_encode(&entry, again);
	fuzz_assert(memcmp(block, again, sizeof(block)) == 0);
	fuzz_assert(entry.position + entry.length >= entry.position);
	fuzz_assert(entry.position + entry.length <= entry.size);
	fuzz_assert(entry.length <= entry.capacity && entry.capacity <= REKEY_CAPACITY_MAX);
	fuzz_assert(rekey_header_offset(entry.sequence) + REKEY_HEADER_SIZE <=
		    rekey_data_offset(0, entry.capacity));
	return 0;
}
