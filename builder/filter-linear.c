/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-linear: a range of the device below.
 */

#include "filter-util.h"
#include "layer-linear.h"

struct linear_vdev {
	struct vdev vdev;
	struct vdev *data;
	uint64_t offset; /* bytes */
};

static struct linear_vdev *linear_vdev(struct vdev *v)
{
	return (struct linear_vdev *)v;
}

static int linear_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	return vdev_write(linear_vdev(v)->data, data, len, offset + linear_vdev(v)->offset);
}

static int linear_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	return vdev_read(linear_vdev(v)->data, ret, len, offset + linear_vdev(v)->offset);
}

static bool linear_is_hole(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len)
{
	return vdev_is_hole(linear_vdev(v)->data, len, offset + linear_vdev(v)->offset, ret_len);
}

static void linear_free(struct vdev *v)
{
	free(linear_vdev(v));
}

static const struct vdev_ops linear_ops = {
	.write = linear_write,
	.read = linear_read,
	.is_hole = linear_is_hole,
	.free = linear_free,
};

static int linear_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct linear_fields *p = linear_fields(args->layer);
	struct vdev *data = args->below[0];
	struct linear_vdev *l;
	uint64_t size;
	int r;

	r = filter_size(args, &size, diag);
	if (r >= 0)
		r = filter_check_alignment(data, p->offset * SECTOR_SIZE, data->block_size, diag);
	if (r < 0)
		return r;
	if (size % data->block_size)
		return diag_set(diag, -EINVAL, "%ju bytes are no multiple of the block size %u",
			(uintmax_t)size, data->block_size);

	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct linear_vdev){
		.vdev = { .ops = &linear_ops,
			.size_bytes = size,
			.block_size = data->block_size,
			.name = args->layer->name },
		.data = data,
		.offset = p->offset * SECTOR_SIZE,
	};
	*ret = &l->vdev;
	return 0;
}

const struct filter_type filter_type_linear = {
	.type = &layer_type_linear,
	.open = linear_open,
};
