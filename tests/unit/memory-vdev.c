/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <string.h>

#include "memory-vdev.h"

struct memory_vdev {
	struct vdev vdev;
	uint8_t *bytes;
};

static int memory_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	if (data)
		memcpy(memory_vdev_bytes(v) + offset, data, len);
	else
		memset(memory_vdev_bytes(v) + offset, 0, len);
	return 0;
}

static int memory_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	memcpy(ret, memory_vdev_bytes(v) + offset, len);
	return 0;
}

static void memory_free(struct vdev *v)
{
	free(memory_vdev_bytes(v));
	free(v);
}

static const struct vdev_ops memory_ops = {
	.write = memory_write,
	.read = memory_read,
	.free = memory_free,
};

struct vdev *memory_vdev_new(const void *data, uint64_t size, uint32_t block_size)
{
	struct memory_vdev *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->vdev = (struct vdev){
		.ops = &memory_ops,
		.size_bytes = size,
		.block_size = block_size,
		.name = "memory",
	};
	m->bytes = calloc(1, size);
	assert_non_null(m->bytes);
	if (data)
		memcpy(m->bytes, data, size);
	return &m->vdev;
}

uint8_t *memory_vdev_bytes(struct vdev *v)
{
	return ((struct memory_vdev *)v)->bytes;
}
