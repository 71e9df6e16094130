/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-integrity as a store of tags that a layer above makes and checks. What is stored lies where it
 * does with tags of its own.
 */

#include <string.h>

#include "filter-integrity.h"

/* Tags of zeros for a stretch that has no data either. */
#define ZERO_TAGS_SIZE 65536U

static uint64_t tag_offset(const struct integrity_vdev *v, uint64_t offset)
{
	return integrity_tag_byte(&v->geo, offset >> SECTOR_SHIFT);
}

static uint64_t data_offset(const struct integrity_vdev *v, uint64_t offset)
{
	return integrity_data_sector(&v->geo, offset >> SECTOR_SHIFT) * SECTOR_SIZE;
}

int integrity_store_write_tagged(
	struct vdev *vdev, const void *data, const uint8_t *tags, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	const uint8_t *from = data;
	int r;

	r = coverage_add(&v->coverage, offset, len);
	if (r <= 0)
		return r < 0 ? r : -EALREADY;
	for (uint64_t done = 0, n, tag_bytes; done < len; done += n, tags += tag_bytes) {
		n = integrity_piece_length(v, len - done, offset + done);
		tag_bytes = n / vdev->block_size * v->geo.tag_size;
		r = vdev_write(v->data, from + done, n, data_offset(v, offset + done));
		if (r >= 0)
			r = block_assembler_put(
				v->sink, tags, tag_bytes, tag_offset(v, offset + done));
		if (r < 0)
			return r;
	}
	return 0;
}

int integrity_store_read_tagged(
	struct vdev *vdev, void *ret, uint8_t *ret_tags, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	uint8_t *to = ret;

	for (uint64_t done = 0, n, tag_bytes; done < len; done += n, ret_tags += tag_bytes) {
		n = integrity_piece_length(v, len - done, offset + done);
		tag_bytes = n / vdev->block_size * v->geo.tag_size;
		int r = vdev_read(v->data, to + done, n, data_offset(v, offset + done));
		if (r >= 0)
			r = vdev_read_bytes(
				v->meta, ret_tags, tag_bytes, tag_offset(v, offset + done));
		/* Tags that wait for their neighbours; parity is made while they do. */
		if (r >= 0 && v->mode == FILTER_CREATE)
			block_assembler_peek(
				v->sink, ret_tags, tag_bytes, tag_offset(v, offset + done));
		if (r >= 0)
			r = integrity_overlay_patch(v, to + done, ret_tags, n, offset + done);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the layer above does not cover, and never reads, gets zeros. */
int integrity_store_write(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	static const uint8_t zeros[ZERO_TAGS_SIZE];
	struct integrity_vdev *v = integrity_vdev(vdev);
	uint64_t most = (uint64_t)(ZERO_TAGS_SIZE / v->geo.tag_size) * vdev->block_size;
	int r;

	if (data)
		return -EINVAL;
	r = coverage_add(&v->coverage, offset, len);
	if (r <= 0)
		return r < 0 ? r : -EALREADY;
	for (uint64_t done = 0, n; done < len; done += n) {
		n = integrity_piece_length(v, MIN(len - done, most), offset + done);
		r = vdev_write(v->data, NULL, n, data_offset(v, offset + done));
		if (r >= 0)
			r = block_assembler_put(v->sink, zeros,
				n / vdev->block_size * v->geo.tag_size,
				tag_offset(v, offset + done));
		if (r < 0)
			return r;
	}
	return 0;
}

int integrity_store_read(struct vdev *vdev, void *ret, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	uint8_t *to = ret;

	for (uint64_t done = 0, n; done < len; done += n) {
		n = integrity_piece_length(v, len - done, offset + done);
		int r = vdev_read(v->data, to + done, n, data_offset(v, offset + done));
		if (r >= 0)
			r = integrity_overlay_patch(v, to + done, NULL, n, offset + done);
		if (r < 0)
			return r;
	}
	return 0;
}
