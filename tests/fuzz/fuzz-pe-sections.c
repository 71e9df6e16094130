/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the beginning of a PE image, of which the last eight say how large the file is.
 */

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "pe-sections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pe_section sections[PE_SECTIONS_MAX];
	uint64_t file_size;
	int n;

	if (size < 8)
		return 0;
	size -= 8;
	file_size = get_le64(data + size);
	n = pe_sections_read(data, size, file_size, sections);
	fuzz_assert(n == -EINVAL || n == -ERANGE || (n > 0 && n <= (int)PE_SECTIONS_MAX));
	for (int i = 0; i < n; i++) {
		const struct pe_section *s = &sections[i];

		fuzz_assert(strlen(s->name) <= 8);
		fuzz_assert(s->file_size == 0 ||
			    (uint64_t)s->file_offset + s->file_size <= file_size);
	}
	return 0;
}
