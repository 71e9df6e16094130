/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Partition tables of disk images, by libfdisk. Sectors have 512 bytes.
 */

#include "diag.h"
#include "macro.h"

#define GPT_ALIGNMENT	   (UINT64_C(1) << 20) /* bytes; also what is kept free at both ends */
#define GPT_LABEL_MAX	   36U		       /* UTF-16 code units */
#define GPT_PARTITIONS_MAX 128U
/* Attributes of the Discoverable Partitions Specification. */
#define GPT_READ_ONLY (UINT64_C(1) << 60)
#define GPT_NO_AUTO   (UINT64_C(1) << 63)

struct gpt_partition {
	const char *label;
	const char *type; /* UUIDs, as text */
	const char *uuid;
	uint64_t attributes;
	uint64_t offset; /* bytes; a multiple of 512, like bytes */
	uint64_t bytes;
};

/* False if dmstack was built without libfdisk; then gpt_write() gives -EOPNOTSUPP. */
bool gpt_is_supported(void);
/*
 * Writes both partition tables and the protective MBR to a file that has its size already; name is
 * for messages. What lies in the partitions is not touched. -EINVAL: libfdisk takes something
 * otherwise than it was meant.
 */
int gpt_write(int fd, const char *name, const char *disk_uuid,
	const struct gpt_partition *partitions, size_t n, struct diag *diag) _must_check_;
