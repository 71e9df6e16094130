/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checks that every virtual block device shares.
 */

#include <string.h>

#include "overflow.h"
#include "vdev.h"

static int range_check(const struct vdev *v, uint64_t len, uint64_t offset)
{
	if ((len | offset) & (v->block_size - 1))
		return -EINVAL;
	return offset > v->size_bytes || len > v->size_bytes - offset ? -EINVAL : 0;
}

int vdev_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	int r;

	r = range_check(v, len, offset);
	if (r < 0)
		return r;
	if (len == 0)
		return 0;
	return v->ops->write ? v->ops->write(v, data, len, offset) : -EROFS;
}

int vdev_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	int r;

	r = range_check(v, len, offset);
	if (r < 0)
		return r;
	return len == 0 ? 0 : v->ops->read(v, ret, len, offset);
}

int vdev_write_tagged(
	struct vdev *v, const void *data, const uint8_t *tags, uint64_t len, uint64_t offset)
{
	int r;

	r = v->tag_size ? range_check(v, len, offset) : -EINVAL;
	if (r < 0)
		return r;
	if (len == 0)
		return 0;
	return v->ops->write_tagged ? v->ops->write_tagged(v, data, tags, len, offset) : -EROFS;
}

int vdev_read_tagged(struct vdev *v, void *ret, uint8_t *ret_tags, uint64_t len, uint64_t offset)
{
	int r;

	r = v->tag_size ? range_check(v, len, offset) : -EINVAL;
	if (r < 0)
		return r;
	return len == 0 ? 0 : v->ops->read_tagged(v, ret, ret_tags, len, offset);
}

bool vdev_is_hole(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len)
{
	if (v->ops->is_hole && range_check(v, len, offset) >= 0)
		return v->ops->is_hole(v, len, offset, ret_len);
	*ret_len = len;
	return false;
}

int vdev_finish(struct vdev *v, struct diag *diag)
{
	return v->ops->finish ? v->ops->finish(v, diag) : 0;
}

int vdev_read_bytes(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	uint64_t begin = align_down_u64(offset, v->block_size), end;
	_cleanup_free_ uint8_t *bounce = NULL;
	int r;

	if (add_overflows(offset, len, &end) || align_up_overflows(end, v->block_size, &end))
		return -EINVAL;
	if (begin == offset && end == offset + len)
		return vdev_read(v, ret, len, offset);

	bounce = malloc(end - begin);
	if (!bounce)
		return -ENOMEM;
	r = vdev_read(v, bounce, end - begin, begin);
	if (r < 0)
		return r;
	memcpy(ret, bounce + (offset - begin), len);
	return 0;
}
