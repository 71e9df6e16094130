/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of ranges behind a lock, and two ways to complete it.
 */

#include "coverage.h"

void coverage_init(struct coverage *c)
{
	*c = (struct coverage){};
	(void)pthread_mutex_init(&c->lock, NULL);
}

void coverage_done(struct coverage *c)
{
	extents_done(&c->seen);
	(void)pthread_mutex_destroy(&c->lock);
}

int coverage_add(struct coverage *c, uint64_t offset, uint64_t len)
{
	int r;

	(void)pthread_mutex_lock(&c->lock);
	r = extents_add(&c->seen, offset, len);
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

int coverage_write_rest(struct coverage *c, struct vdev *v)
{
	struct extent gap;

	while (extents_gap(&c->seen, 0, v->size_bytes, &gap)) {
		int r = vdev_write(v, NULL, gap.end - gap.begin, gap.begin);

		if (r < 0)
			return r;
	}
	return 0;
}

int coverage_read_rest(struct coverage *c, struct vdev *v)
{
	_cleanup_free_ uint8_t *buffer = NULL;
	uint64_t size = MAX(VDEV_CHUNK_SIZE, v->block_size);
	struct extent gap;

	while (extents_gap(&c->seen, 0, v->size_bytes, &gap)) {
		int r;

		if (!buffer)
			buffer = malloc(size);
		if (!buffer)
			return -ENOMEM;
		r = vdev_read(v, buffer, MIN(gap.end - gap.begin, size), gap.begin);
		if (r < 0 && r != -EILSEQ)
			return r;
	}
	return 0;
}
