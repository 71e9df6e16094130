/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The begin of a device. The first byte of the input says where the rest of it lies, so that small
 * inputs reach the superblocks that are not at the begin.
 */

#include <stdlib.h>
#include <string.h>

#include "fs-probe.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t offsets[] = { 0, 1024, 65536 };
	struct fs_info info;

	if (size == 0)
		return 0;
	size_t offset = offsets[data[0] % ARRAY_SIZE(offsets)];
	size_t length = MIN(size - 1, FS_PROBE_SIZE - offset);
	/* Exactly as long as the input, so that a read behind its end is seen. */
	uint8_t *device = calloc(1, offset + length + 1);
	if (!device)
		return 0;
	memcpy(device + offset, data + 1, length);
	if (fs_probe(device, offset + length, &info) == 0 &&
		(!is_pow2(info.block_size) || info.block_size < 512))
		abort();
	free(device);
	return 0;
}
