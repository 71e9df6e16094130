/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data and tags of dm-integrity. The device below is a row of areas, each with the tags of its
 * data in front of it; with a metadata device there is one area, and its tags are over there.
 *
 *	| superblock | journal | tags 0 | data 0 | tags 1 | data 1 | ...
 *
 * A tag is H(salt, LE64 number of the block's first 512-byte sector, data), cut or padded with
 * zeros to the tag size. Tags lie back to back, so chunks share blocks of the device below; the
 * assembler sees to that. Source: the kernel's admin-guide/device-mapper/dm-integrity.rst.
 */

#include <string.h>

#include "bytes.h"
#include "filter-integrity.h"
#include "integrity-sb.h"
#include "overflow.h"

/* What is written as zeros is hashed from a buffer of this many bytes. */
#define ZEROS_SIZE 65536U
#define HEAD_SIZE  8U /* the sector number in front of the data */
/* The kernel's tag of a block that was discarded. */
#define DISCARD_FILLER 0xf6

int integrity_context_make(void *userdata, void **ret)
{
	struct integrity_vdev *v = userdata;
	uint64_t n = integrity_piece_size(v) / v->vdev.block_size;
	struct integrity_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->tags = malloc(n * v->geo.tag_size);
	c->found = malloc(MAX(n * v->geo.tag_size, (uint64_t)v->vdev.block_size));
	c->digests = malloc(n * digest_size(v->digest));
	c->heads = malloc(n * HEAD_SIZE);
	c->zeros = calloc(1, ZEROS_SIZE);
	c->block = malloc(v->meta->block_size);
	r = c->tags && c->found && c->digests && c->heads && c->zeros && c->block ? 0 : -ENOMEM;
	if (r >= 0)
		r = digest_clone(v->digest, &c->digest);
	if (r < 0) {
		integrity_context_destroy(c);
		return r;
	}
	*ret = c;
	return 0;
}

void integrity_context_destroy(void *context)
{
	struct integrity_context *c = context;

	if (!c)
		return;
	digest_free(c->digest);
	free(c->tags);
	free(c->found);
	free(c->digests);
	free(c->heads);
	free(c->zeros);
	free(c->block);
	free(c);
}

/* Digests of n blocks, to c->digests. */
static int make_digests(
	struct integrity_vdev *v, struct integrity_context *c, const uint8_t *data, uint64_t n)
{
	uint64_t step = data ? n : MIN(n, (uint64_t)ZEROS_SIZE / v->vdev.block_size);
	size_t size = digest_size(c->digest);
	int r = 0;

	for (uint64_t done = 0; done < n && r >= 0; done += step) {
		struct digest_blocks blocks = {
			.heads = c->heads + done * HEAD_SIZE,
			.head_size = HEAD_SIZE,
			.data = data ?: c->zeros,
			.data_size = v->vdev.block_size,
			.n = MIN(step, n - done),
		};

		r = digest_blocks(c->digest, &blocks, c->digests + done * size, size);
	}
	return r;
}

int integrity_make_tags(struct integrity_vdev *v, struct integrity_context *c, const uint8_t *data,
	uint64_t n, uint64_t sector)
{
	size_t size = digest_size(c->digest), tag_size = v->geo.tag_size;
	size_t keep = MIN(tag_size, size);
	int r;

	for (uint64_t i = 0; i < n; i++)
		put_le64(c->heads + i * HEAD_SIZE,
			sector + i * (v->vdev.block_size >> SECTOR_SHIFT));
	r = make_digests(v, c, data, n);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(c->tags + i * tag_size, c->digests + i * size, keep);
		memset(c->tags + i * tag_size + keep, 0, tag_size - keep);
	}
	return 0;
}

uint64_t integrity_piece_length(const struct integrity_vdev *v, uint64_t len, uint64_t offset)
{
	uint64_t run = integrity_run_sectors(&v->geo, offset >> SECTOR_SHIFT) * SECTOR_SIZE;

	len = MIN(len, integrity_piece_size(v));
	return MIN(len, run);
}

/*
 * The last tags of an area, up to byte end, seldom fill their block. What is behind them stays as
 * it is, and goes in now, so that the block is done with and need not be kept in memory until the
 * end.
 */
static int pad_run(struct integrity_vdev *v, struct integrity_context *c, uint64_t end)
{
	uint64_t begin = align_down_u64(end, v->meta->block_size), used = end - begin;
	int r;

	if (used == 0)
		return 0;
	r = vdev_read(v->meta, c->block, v->meta->block_size, begin);
	if (r < 0)
		return r;
	return block_assembler_put(v->sink, c->block + used, v->meta->block_size - used, end);
}

/* True if an area ends there (bytes of the mapping). */
static bool is_area_end(const struct integrity_vdev *v, uint64_t end)
{
	uint64_t area = UINT64_C(1) << v->geo.log2_interleave_sectors;

	return end == v->vdev.size_bytes || (!v->geo.has_meta && (end >> SECTOR_SHIFT) % area == 0);
}

static int write_piece(struct integrity_vdev *v, struct integrity_context *c, const uint8_t *data,
	uint64_t len, uint64_t offset)
{
	uint64_t sector = offset >> SECTOR_SHIFT, n = len / v->vdev.block_size, tags;
	int r;

	r = vdev_write(v->data, data, len, integrity_data_sector(&v->geo, sector) * SECTOR_SIZE);
	if (r >= 0)
		r = integrity_make_tags(v, c, data, n, sector);
	if (r < 0)
		return r;
	tags = integrity_tag_byte(&v->geo, sector);
	r = block_assembler_put(v->sink, c->tags, n * v->geo.tag_size, tags);
	if (r >= 0 && is_area_end(v, offset + len))
		r = pad_run(v, c, tags + n * v->geo.tag_size);
	return r;
}

int integrity_write(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	const uint8_t *from = data;
	void *context;
	int r;

	r = coverage_add(&v->coverage, offset, len);
	if (r <= 0)
		return r < 0 ? r : -EALREADY;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	for (uint64_t done = 0, n; done < len && r >= 0; done += n) {
		n = integrity_piece_length(v, len - done, offset + done);
		r = write_piece(v, context, from ? from + done : NULL, n, offset + done);
	}
	context_pool_put(&v->pool, context);
	return r;
}

static void report_block(struct integrity_vdev *v, uint64_t offset, const char *what)
{
	if (!v->report)
		return;
	v->report(v->userdata, &(struct damage){
				       .layer = v->layer,
				       .part = "data",
				       .offset = offset,
				       .length = v->vdev.block_size,
				       .what = what,
			       });
}

/* Whether a tag stands for a discarded block, which the kernel then does not check. */
static bool is_discarded(const struct integrity_vdev *v, const uint8_t *tag)
{
	if (!v->layer->common.discard)
		return false;
	for (uint32_t i = 0; i < v->geo.tag_size; i++)
		if (tag[i] != DISCARD_FILLER)
			return false;
	return true;
}

/* A tag that is wrong: 1: it was computed anew, into c->found; 0: it stays, and was reported. */
static int judge_block(
	struct integrity_vdev *v, struct integrity_context *c, uint64_t i, uint64_t offset)
{
	size_t tag_size = v->geo.tag_size;
	struct integrity_change *change = v->change;

	if (!change || !change->accepts(change->userdata, offset >> SECTOR_SHIFT)) {
		report_block(v, offset, "data and tag do not belong together");
		return 0;
	}
	memcpy(c->found + i * tag_size, c->tags + i * tag_size, tag_size);
	atomic_fetch_add(&change->n_tags, 1);
	if (change->list)
		report_block(v, offset, "the tag was computed anew");
	return 1;
}

/* Data and tags of a piece, as they are with what is in the journal. */
static int load_piece(struct integrity_vdev *v, struct integrity_context *c, uint8_t *ret,
	uint64_t len, uint64_t offset)
{
	uint64_t sector = offset >> SECTOR_SHIFT;
	int r;

	r = vdev_read(v->data, ret, len, integrity_data_sector(&v->geo, sector) * SECTOR_SIZE);
	if (r < 0 || v->mode == FILTER_CREATE)
		return r;
	r = vdev_read_bytes(v->meta, c->found, len / v->vdev.block_size * v->geo.tag_size,
		integrity_tag_byte(&v->geo, sector));
	return r < 0 ? r : integrity_overlay_patch(v, ret, c->found, len, offset);
}

static int read_piece(struct integrity_vdev *v, struct integrity_context *c, uint8_t *ret,
	uint64_t len, uint64_t offset)
{
	uint64_t sector = offset >> SECTOR_SHIFT, n = len / v->vdev.block_size;
	size_t tag_size = v->geo.tag_size;
	bool damaged = false, changed = false;
	int r;

	r = load_piece(v, c, ret, len, offset);
	if (r < 0 || v->mode == FILTER_CREATE)
		return r;
	r = integrity_make_tags(v, c, ret, n, sector);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *found = c->found + i * tag_size;

		if (memcmp(found, c->tags + i * tag_size, tag_size) == 0 || is_discarded(v, found))
			continue;
		if (judge_block(v, c, i, offset + i * v->vdev.block_size))
			changed = true;
		else
			damaged = true;
	}
	if (changed)
		r = integrity_change_tags(
			v, c->found, n * tag_size, integrity_tag_byte(&v->geo, sector));
	return r < 0 ? r : damaged ? -EILSEQ : 0;
}

int integrity_read(struct vdev *vdev, void *ret, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	bool damaged = false;
	uint8_t *to = ret;
	void *context;
	int r = 0;

	if (v->mode == FILTER_READ)
		r = coverage_add(&v->coverage, offset, len);
	if (r < 0)
		return r;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	/* All of it, so that every damaged block is told. */
	for (uint64_t done = 0, n; done < len; done += n) {
		n = integrity_piece_length(v, len - done, offset + done);
		r = read_piece(v, context, to + done, n, offset + done);
		if (r == -EILSEQ)
			damaged = true;
		else if (r < 0)
			break;
	}
	context_pool_put(&v->pool, context);
	if (r < 0 && r != -EILSEQ)
		return r;
	return damaged ? -EILSEQ : 0;
}
