/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel does to a device when it opens it, and in the background afterwards: it writes
 * back what is in the journal, and computes tags that are not there. Here nothing is open, so the
 * blocks can be taken in any order, by all threads.
 */

#include <string.h>

#include "filter-integrity.h"
#include "integrity-repair.h"
#include "overflow.h"

struct repair {
	struct integrity_vdev *v;
	enum integrity_repair_kind kind;
	uint8_t *bitmap; /* of blocks whose tags are not up to date; NULL: there is none */
	uint64_t bitmap_bytes;
	unsigned log2_bit; /* sectors that a bit stands for */
	uint64_t first;	   /* tags of sectors from here on are not there yet */
	struct integrity_repair result;
};

static void repair_done(struct repair *repair)
{
	free(repair->bitmap);
}

int integrity_change_tags(
	struct integrity_vdev *v, const uint8_t *tags, uint64_t len, uint64_t offset)
{
	uint64_t begin = align_down_u64(offset, v->meta->block_size);
	uint64_t size = align_up_u64(offset + len, v->meta->block_size) - begin;
	_cleanup_free_ uint8_t *blocks = malloc(size);
	int r;

	if (!blocks)
		return -ENOMEM;
	(void)pthread_mutex_lock(&v->tags_lock);
	r = vdev_read(v->meta, blocks, size, begin);
	if (r >= 0) {
		memcpy(blocks + (offset - begin), tags, len);
		r = vdev_write(v->meta, blocks, size, begin);
	}
	(void)pthread_mutex_unlock(&v->tags_lock);
	return r;
}

static int rewrite_piece(struct integrity_vdev *v, struct integrity_context *c, const uint8_t *data,
	uint64_t len, uint64_t offset)
{
	uint64_t sector = offset >> SECTOR_SHIFT, n = len / v->vdev.block_size;
	int r;

	r = integrity_make_tags(v, c, data, n, sector);
	if (r >= 0)
		r = vdev_write(
			v->data, data, len, integrity_data_sector(&v->geo, sector) * SECTOR_SIZE);
	if (r >= 0)
		r = integrity_change_tags(
			v, c->tags, n * v->geo.tag_size, integrity_tag_byte(&v->geo, sector));
	return r;
}

int integrity_rewrite(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	const uint8_t *from = data;
	void *context = NULL;
	int r;

	/* What is in the journal would come back over it. */
	if (v->overlay.in_use)
		return -EBUSY;
	if (!data)
		return -EINVAL;
	r = context_pool_get(&v->pool, &context);
	for (uint64_t done = 0, n; r >= 0 && done < len; done += n) {
		n = integrity_piece_length(v, len - done, offset + done);
		r = rewrite_piece(v, context, from + done, n, offset + done);
	}
	if (context)
		context_pool_put(&v->pool, context);
	return r;
}

/* All that was written so far is on the disk before anything that is written from now on. */
static int barrier(struct integrity_vdev *v, struct diag *diag)
{
	int r;

	r = vdev_finish(v->data, diag);
	return r < 0 || v->meta == v->data ? r : vdev_finish(v->meta, diag);
}

static int write_back(struct repair *repair)
{
	struct integrity_vdev *v = repair->v;
	const struct integrity_overlay *o = &v->overlay;
	_cleanup_free_ uint8_t *block = malloc(v->vdev.block_size);
	uint8_t tag[INTEGRITY_TAG_SIZE_MAX];
	int r = block ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->n && r >= 0; i++) {
		uint64_t sector = o->items[i].sector;

		r = integrity_overlay_get(v, &o->items[i], block, tag);
		if (r >= 0)
			r = vdev_write(v->data, block, v->vdev.block_size,
				integrity_data_sector(&v->geo, sector) * SECTOR_SIZE);
		if (r >= 0)
			r = integrity_change_tags(
				v, tag, v->geo.tag_size, integrity_tag_byte(&v->geo, sector));
	}
	repair->result.replayed_blocks = o->n;
	return r;
}

static int write_sections(struct integrity_vdev *v, uint32_t first, uint32_t count, uint8_t seq)
{
	struct integrity_journal journal = v->journal;
	size_t size = (size_t)v->geo.section_sectors * SECTOR_SIZE;
	_cleanup_free_ uint8_t *section = malloc(size);
	int r = section ? 0 : -ENOMEM;

	journal.free_section = 0;
	journal.commit_seq = seq;
	for (uint32_t i = 0; i < count && r >= 0; i++) {
		uint32_t at = (uint32_t)(((uint64_t)first + i) % v->geo.journal_sections);

		r = integrity_journal_section(&journal, at, section);
		if (r >= 0)
			r = vdev_write(v->meta, section, size, integrity_section_offset(v, at));
	}
	return r;
}

/*
 * The oldest section first and the newest last, each with nothing else on its way: whoever comes
 * upon a journal that is half emptied must not take an old part of it for the newest.
 */
static int empty_journal(struct integrity_vdev *v, uint32_t first, uint8_t seq, struct diag *diag)
{
	uint32_t n = v->geo.journal_sections;
	int r;

	r = write_sections(v, first, 1, seq);
	if (r >= 0 && n > 1)
		r = barrier(v, diag);
	if (r >= 0 && n > 2)
		r = write_sections(v, first + 1, n - 2, seq);
	if (r >= 0 && n > 2)
		r = barrier(v, diag);
	if (r >= 0 && n > 1)
		r = write_sections(v, first + n - 1, 1, seq);
	return r < 0 ? r : barrier(v, diag);
}

static int replay(struct repair *repair, struct diag *diag)
{
	struct integrity_vdev *v = repair->v;
	struct integrity_overlay *o = &v->overlay;
	int r;

	if (!o->in_use)
		return 0;
	r = write_back(repair);
	if (r >= 0)
		r = barrier(v, diag);
	if (r >= 0)
		r = empty_journal(v, o->plan.first, o->plan.erase_seq, diag);
	o->n = 0;
	return r;
}

static bool is_unfinished(void *userdata, uint64_t sector)
{
	const struct repair *repair = userdata;
	uint64_t bit = sector >> repair->log2_bit;

	if (repair->kind != INTEGRITY_RECALCULATE || sector >= repair->first)
		return true;
	return repair->bitmap && repair->bitmap[bit / 8] & 1U << bit % 8;
}

/* The bitmap lies where the journal was, a bit in the order of its bytes. */
static int load_bitmap(struct repair *repair)
{
	struct integrity_vdev *v = repair->v;
	const struct integrity_sb *sb = &integrity_fields(v->layer)->sb;

	repair->log2_bit = sb->log2_sectors_per_block + sb->log2_blocks_per_bitmap_bit;
	repair->bitmap_bytes = (v->geo.provided_sectors >> repair->log2_bit) / 8 + 1;
	/* The kernel recalculates all if the bitmap is not the one that it would make. */
	if (sb->log2_blocks_per_bitmap_bit != v->geo.log2_blocks_per_bitmap_bit ||
		repair->bitmap_bytes > integrity_journal_sectors(&v->geo) * SECTOR_SIZE) {
		repair->first = 0;
		return 0;
	}
	repair->bitmap = malloc(repair->bitmap_bytes);
	if (!repair->bitmap)
		return -ENOMEM;
	return vdev_read_bytes(
		v->meta, repair->bitmap, repair->bitmap_bytes, integrity_section_offset(v, 0));
}

/* What is unfinished; with no word of it in the superblock, everything is meant. */
static int find_unfinished(struct repair *repair)
{
	const struct integrity_sb *sb = &integrity_fields(repair->v->layer)->sb;
	bool recalculating = (sb->flags & INTEGRITY_SB_RECALCULATING) &&
			     sb->recalc_sector < sb->provided_sectors;

	if (recalculating)
		repair->first = sb->recalc_sector;
	else if (sb->flags & INTEGRITY_SB_DIRTY_BITMAP)
		repair->first = UINT64_MAX;
	if (sb->flags & INTEGRITY_SB_DIRTY_BITMAP)
		return load_bitmap(repair);
	return 0;
}

static int compute_tags(struct repair *repair, const struct pipeline *pipeline, struct diag *diag)
{
	struct integrity_vdev *v = repair->v;
	uint64_t damaged;
	int r;

	v->change->accepts = is_unfinished;
	v->change->userdata = repair;
	v->change->list = repair->kind == INTEGRITY_ACCEPT;
	r = find_unfinished(repair);
	if (r >= 0)
		r = pipeline_verify(pipeline, &v->vdev, &damaged, diag);
	if (r < 0)
		return r;
	repair->result.tags = atomic_load(&v->change->n_tags);
	repair->result.damaged_blocks = damaged / v->vdev.block_size;
	return 0;
}

/* All tags are there: says so. A bitmap gives way to a journal first. */
static int finish(struct repair *repair, struct diag *diag)
{
	struct integrity_vdev *v = repair->v;
	struct integrity_sb sb = integrity_fields(v->layer)->sb;
	uint8_t data[INTEGRITY_SB_SIZE];
	int r;

	if (!(sb.flags & (INTEGRITY_SB_RECALCULATING | INTEGRITY_SB_DIRTY_BITMAP)))
		return barrier(v, diag);
	r = barrier(v, diag);
	if (r >= 0 && (sb.flags & INTEGRITY_SB_DIRTY_BITMAP))
		r = empty_journal(v, 0, 0, diag);
	sb.flags &= ~(uint32_t)(INTEGRITY_SB_RECALCULATING | INTEGRITY_SB_DIRTY_BITMAP);
	sb.recalc_sector = 0;
	sb.log2_blocks_per_bitmap_bit = v->geo.log2_blocks_per_bitmap_bit;
	sb.version = integrity_sb_version(sb.flags, v->geo.has_meta, false);
	if (r >= 0)
		r = integrity_make_superblock(v, &sb, data);
	if (r >= 0)
		r = vdev_write(v->meta, data, sizeof(data), v->geo.start_sector * SECTOR_SIZE);
	if (r < 0)
		return r;
	repair->result.cleared = true;
	return barrier(v, diag);
}

static int run(struct repair *repair, const struct pipeline *pipeline, struct diag *diag)
{
	int r;

	r = replay(repair, diag);
	if (r < 0 || repair->kind == INTEGRITY_REPLAY)
		return r;
	r = compute_tags(repair, pipeline, diag);
	return r < 0 ? r : finish(repair, diag);
}

int integrity_repair(struct vdev *vdev, enum integrity_repair_kind kind,
	const struct pipeline *pipeline, struct integrity_repair *ret, struct diag *diag)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	struct integrity_change change = {};
	_cleanup_(repair_done) struct repair repair = { .v = v, .kind = kind };
	int r;

	if (kind != INTEGRITY_REPLAY && integrity_is_tag_store(v->layer))
		return diag_set(diag, -EOPNOTSUPP,
			"%s keeps the tags of the layer above, which only that layer can compute",
			vdev->name);
	v->change = &change;
	r = run(&repair, pipeline, diag);
	v->change = NULL;
	if (r < 0)
		return diag_set(diag, r, "%s: cannot be changed: %s", vdev->name, strerror(-r));
	*ret = repair.result;
	return 0;
}

uint64_t integrity_journal_blocks(const struct vdev *vdev)
{
	const struct integrity_vdev *v = (const struct integrity_vdev *)vdev;

	return v->overlay.n;
}
