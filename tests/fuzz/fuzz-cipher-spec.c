/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cipher word of a dm-crypt table. What can be computed offline is known in all its parts.
 */

#include <stdlib.h>
#include <string.h>

#include "cipher-spec.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cipher_spec spec;
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	if (cipher_spec_parse(text, &spec, NULL) == 0 && cipher_spec_is_offline(&spec)) {
		bool has_iv = spec.iv != CIPHER_IV_NONE;

		if (spec.mode == CIPHER_MODE_OTHER || !cipher_spec_key_sizes(&spec) ||
			spec.block_size == 0 || has_iv != (spec.iv_size > 0) ||
			spec.iv_size > CIPHER_IV_SIZE_MAX)
			abort();
	}
	free(text);
	return 0;
}
