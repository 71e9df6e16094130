/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LUKS2 headers. After a first byte that is even comes the JSON text alone, else the bytes of a
 * device. What is read keeps what luks2.h says, and what is written from it is read again as the
 * same.
 */

#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "luks2.h"

static void check_areas(const struct luks2 *h)
{
	uint64_t begin = 2 * h->header_size, end = begin + h->keyslots_size;

	fuzz_assert(h->n_keyslots <= LUKS2_KEYSLOTS_MAX && h->n_digests <= LUKS2_DIGESTS_MAX);
	fuzz_assert(h->n_tokens <= LUKS2_TOKENS_MAX && h->keyslots_size <= 128U << 20);
	fuzz_assert(h->segment.offset == 0 || h->segment.offset >= end);
	for (size_t i = 0; i < h->n_keyslots; i++) {
		const struct luks2_keyslot *k = &h->keyslots[i];

		fuzz_assert(k->id < LUKS2_KEYSLOTS_MAX && k->priority <= 2);
		fuzz_assert(k->key_size >= 1 && k->key_size <= 512 && k->area_key_size <= 512);
		fuzz_assert(k->area_size >= (uint64_t)k->key_size * k->stripes);
		fuzz_assert(k->area_offset >= begin && k->area_offset <= end);
		fuzz_assert(k->area_size <= end - k->area_offset);
		fuzz_assert(k->kdf.iterations >= 1 && k->kdf.salt_size <= LUKS2_SALT_MAX);
		if (k->kdf.type == LUKS2_PBKDF2)
			fuzz_assert(k->kdf.iterations <= LUKS2_ITERATIONS_MAX);
		else
			fuzz_assert((uint64_t)k->kdf.iterations * k->kdf.memory_kib <=
				    LUKS2_ARGON2_COST_MAX);
		for (size_t j = 0; j < i; j++)
			fuzz_assert(h->keyslots[j].id != k->id &&
				    (h->keyslots[j].area_offset >= k->area_offset + k->area_size ||
					    k->area_offset >= h->keyslots[j].area_offset +
								      h->keyslots[j].area_size));
	}
}

static void check_again(const struct luks2 *h)
{
	_cleanup_free_ struct luks2 *again = calloc(1, sizeof(*again));
	_cleanup_(buf_done) struct buf text = {}, more = {};

	fuzz_assert(again);
	luks2_json_encode(h, NULL, &text);
	again->header_size = h->header_size;
	fuzz_assert(luks2_json_decode(buf_str(&text), text.size, again, NULL) == 0);
	luks2_json_encode(again, NULL, &more);
	fuzz_assert(text.size == more.size && memcmp(text.data, more.data, text.size) == 0);
}

/* Sees no more of the device than it asks for, as where it is read. */
static int decode(const uint8_t *data, size_t size, struct luks2 *ret, struct diag *diag)
{
	size_t seen = 0, wanted = 0;
	int r;

	for (;;) {
		_cleanup_free_ uint8_t *bytes = malloc(seen + 1);

		fuzz_assert(bytes);
		memcpy(bytes, data, seen);
		r = luks2_decode(bytes, seen, ret, seen == size ? NULL : &wanted, diag);
		if (r <= 0)
			return r;
		fuzz_assert(wanted > seen && wanted <= 2 * (size_t)LUKS2_HEADER_SIZE_MAX);
		seen = MIN(wanted, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ struct luks2 *h = calloc(1, sizeof(*h));
	_cleanup_(diag_done) struct diag diag = {};
	int r;

	fuzz_assert(h);
	if (size < 1)
		return 0;
	h->header_size = LUKS2_HEADER_SIZE_MIN;
	r = data[0] % 2 ? decode(data + 1, size - 1, h, &diag)
			: luks2_json_decode((const char *)data + 1, size - 1, h, &diag);
	if (r < 0) {
		fuzz_assert(diag.what);
		return 0;
	}
	check_areas(h);
	check_again(h);
	return 0;
}
