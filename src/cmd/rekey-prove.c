/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the key of before is right, before the first byte is made anew with it: a wrong one would
 * turn everything into noise, under a key that nobody needs then. The first unit that fits proves
 * it; the first ones are looked at, where all that was ever used has something, then some everywhere.
 */

#include <string.h>

#include "bytes.h"
#include "rekey-convert.h"

#define FIRST	   512
#define EVERYWHERE 1024

/* What is noise when it is encrypted, and none when it is not, has the right key. */
enum rekey_sign rekey_sign_of(const uint8_t *raw, const uint8_t *plain, size_t size)
{
	enum rekey_sign sign = REKEY_SILENT;

	for (size_t i = 0; i < size; i += BYTES_NOISE_SIZE) {
		if (!bytes_are_noise(raw + i))
			continue;
		if (!bytes_are_noise(plain + i))
			return REKEY_RIGHT;
		sign = REKEY_WRONG;
	}
	return sign;
}

static uint64_t choose(uint64_t n, uint64_t i)
{
	return i < FIRST || n <= EVERYWHERE ? i : n / EVERYWHERE * (i - FIRST);
}

int rekey_prove(const struct rekey_type *type, struct rekey_state *state, struct diag *diag)
{
	uint64_t n = state->size / state->unit;
	uint64_t looks = MIN(n, (uint64_t)FIRST + EVERYWHERE);
	bool is_wrong = false;

	for (uint64_t i = 0; type->look && i < looks; i++) {
		uint64_t unit = choose(n, i);
		int r = type->look(state, unit);

		if (r < 0)
			return diag_set(diag, r, "cannot check the key with unit %ju: %s",
				(uintmax_t)unit, strerror(-r));
		if (r == REKEY_RIGHT)
			return 0;
		is_wrong |= r == REKEY_WRONG;
	}
	return is_wrong
		       ? diag_set(diag, -EKEYREJECTED,
				 "its key is not the one of what lies there, as far as %ju places tell; "
				 "nothing was changed",
				 (uintmax_t)looks)
		       : 0;
}
