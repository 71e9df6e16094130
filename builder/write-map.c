/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The set of written ranges behind a lock.
 */

#include "write-map.h"

void write_map_init(struct write_map *map)
{
	*map = (struct write_map){};
	(void)pthread_mutex_init(&map->lock, NULL);
}

void write_map_done(struct write_map *map)
{
	extents_done(&map->written);
	(void)pthread_mutex_destroy(&map->lock);
}

int write_map_add(struct write_map *map, uint64_t offset, uint64_t len)
{
	int r;

	(void)pthread_mutex_lock(&map->lock);
	r = extents_add(&map->written, offset, len);
	(void)pthread_mutex_unlock(&map->lock);
	if (r < 0)
		return r;
	return r == 0 ? -EALREADY : 0;
}

int write_map_fill(struct write_map *map, struct vdev *v)
{
	struct extent gap;

	while (extents_gap(&map->written, 0, v->size_bytes, &gap)) {
		int r = vdev_write(v, NULL, gap.end - gap.begin, gap.begin);

		if (r < 0)
			return r;
	}
	return 0;
}
