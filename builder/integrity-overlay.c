/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks whose newest content is in the journal only. Reading looks here first, so that a device
 * that was not closed is read as the kernel would show it after its replay, and nothing is written.
 */

#include <stdlib.h>
#include <string.h>

#include "filter-integrity.h"

#define NO_SECTION UINT32_MAX

void integrity_overlay_done(struct integrity_overlay *overlay)
{
	free(overlay->items);
	free(overlay->section);
	(void)pthread_mutex_destroy(&overlay->lock);
}

/* To overlay.section, decrypted. */
static int read_section(struct integrity_vdev *v, uint32_t section)
{
	struct integrity_overlay *o = &v->overlay;
	size_t size = (size_t)v->geo.section_sectors * SECTOR_SIZE;
	int r;

	if (o->section_index == section)
		return 0;
	o->section_index = NO_SECTION;
	r = vdev_read_bytes(v->meta, o->section, size, integrity_section_offset(v, section));
	if (r >= 0 && v->journal_crypt)
		r = journal_crypt_decrypt(v->journal_crypt, section, o->section, size);
	if (r >= 0)
		o->section_index = section;
	return r;
}

static int scan(struct integrity_vdev *v, struct diag *diag)
{
	_cleanup_(integrity_scan_done) struct integrity_scan scan = {};
	int r;

	r = integrity_scan_init(&scan, &v->geo);
	for (uint32_t i = 0; i < v->geo.journal_sections && r >= 0; i++) {
		r = read_section(v, i);
		if (r >= 0)
			r = integrity_scan_add(&scan, &v->journal, v->overlay.section);
		if (r == -EUCLEAN)
			return integrity_refuse_section(v, i,
				"it has a sector that is not part of a journal, or the key is wrong",
				diag);
	}
	if (r < 0)
		return r;
	r = integrity_scan_plan(&scan, &v->overlay.plan);
	if (r == -EUCLEAN)
		return diag_set(diag, r, "the journal has sectors of four rounds");
	v->overlay.in_use = scan.has_entries;
	return r;
}

static int check_mac(struct integrity_vdev *v, uint32_t section, struct diag *diag)
{
	uint8_t mac[INTEGRITY_JOURNAL_MAC_SIZE];
	int r;

	if (!v->journal_mac)
		return 0;
	r = integrity_journal_mac(&v->journal, section, v->overlay.section, mac);
	if (r < 0 || integrity_journal_has_mac(v->overlay.section, mac))
		return r;
	return integrity_refuse_section(v, section, "it does not have the MAC of its key", diag);
}

static int check_entry(struct integrity_vdev *v, struct integrity_context *c,
	const struct integrity_overlay_item *item, const struct integrity_journal_entry *entry,
	struct diag *diag)
{
	int r;

	if (entry->sector % (v->geo.block_size / SECTOR_SIZE) != 0 ||
		entry->sector >= v->geo.provided_sectors)
		return integrity_refuse_section(
			v, item->section, "it has a block that the device has not", diag);
	if (!c)
		return 0;
	integrity_journal_entry_data(&v->geo, v->overlay.section, item->entry, c->found);
	r = integrity_make_tags(v, c, c->found, 1, entry->sector);
	if (r < 0 || memcmp(c->tags, entry->tag, v->geo.tag_size) == 0)
		return r;
	return integrity_refuse_section(
		v, item->section, "it has a block whose data and tag do not belong together", diag);
}

static int load_section(struct integrity_vdev *v, struct integrity_context *c, uint32_t section,
	size_t *space, struct diag *diag)
{
	struct integrity_overlay *o = &v->overlay;
	struct integrity_journal_entry entry;
	int r;

	r = read_section(v, section);
	if (r >= 0)
		r = check_mac(v, section, diag);
	for (uint32_t i = 0; i < v->geo.section_entries && r >= 0; i++) {
		struct integrity_overlay_item item = { .section = section, .entry = i };

		if (!integrity_journal_entry_get(&v->geo, o->section, i, &entry))
			continue;
		if (o->n == *space) {
			struct integrity_overlay_item *more;

			*space = MAX(*space * 2, (size_t)v->geo.section_entries);
			more = reallocarray(o->items, *space, sizeof(*o->items));
			if (!more)
				return -ENOMEM;
			o->items = more;
		}
		item.sector = entry.sector;
		r = check_entry(v, c, &item, &entry, diag);
		o->items[o->n++] = item;
	}
	return r;
}

/* Where two are for one block, the older first: the ring's oldest section is number 0. */
static int compare_items(const void *a, const void *b, void *userdata)
{
	const struct integrity_overlay_item *x = a, *y = b;
	const struct integrity_vdev *v = userdata;
	uint32_t n = v->geo.journal_sections, first = v->overlay.plan.first;
	uint64_t age_x = (x->section + (uint64_t)n - first) % n;
	uint64_t age_y = (y->section + (uint64_t)n - first) % n;

	if (x->sector != y->sector)
		return x->sector < y->sector ? -1 : 1;
	if (age_x != age_y)
		return age_x < age_y ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static void keep_newest(struct integrity_vdev *v)
{
	struct integrity_overlay *o = &v->overlay;
	size_t n = 0;

	qsort_r(o->items, o->n, sizeof(*o->items), compare_items, v);
	for (size_t i = 0; i < o->n; i++)
		if (i + 1 == o->n || o->items[i + 1].sector != o->items[i].sector)
			o->items[n++] = o->items[i];
	o->n = n;
}

/* c NULL: a tag store, whose tags are judged above. */
static int load_items(struct integrity_vdev *v, struct integrity_context *c, struct diag *diag)
{
	const struct integrity_replay_plan *plan = &v->overlay.plan;
	size_t space = 0;

	for (uint32_t i = 0; i < plan->count; i++) {
		int r = load_section(
			v, c, (plan->first + i) % v->geo.journal_sections, &space, diag);

		if (r < 0)
			return r;
	}
	keep_newest(v);
	return 0;
}

int integrity_overlay_load(struct integrity_vdev *v, struct diag *diag)
{
	void *context = NULL;
	int r = 0;

	v->overlay.section_index = NO_SECTION;
	v->overlay.section = malloc((size_t)v->geo.section_sectors * SECTOR_SIZE);
	if (!v->overlay.section)
		return -ENOMEM;
	r = scan(v, diag);
	if (r < 0 || !v->overlay.in_use || v->overlay.plan.empty)
		return r;
	if (v->digest)
		r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	r = load_items(v, context, diag);
	if (context)
		context_pool_put(&v->pool, context);
	return r;
}

int integrity_overlay_get(struct integrity_vdev *v, const struct integrity_overlay_item *item,
	uint8_t *ret_data, uint8_t *ret_tag)
{
	struct integrity_overlay *o = &v->overlay;
	struct integrity_journal_entry entry;
	int r;

	(void)pthread_mutex_lock(&o->lock);
	r = read_section(v, item->section);
	if (r >= 0 && !integrity_journal_entry_get(&v->geo, o->section, item->entry, &entry))
		r = -EIO;
	if (r >= 0 && ret_data)
		integrity_journal_entry_data(&v->geo, o->section, item->entry, ret_data);
	if (r >= 0 && ret_tag)
		memcpy(ret_tag, entry.tag, v->geo.tag_size);
	(void)pthread_mutex_unlock(&o->lock);
	return r;
}

/* The first item at or behind a sector. */
static size_t find_item(const struct integrity_overlay *o, uint64_t sector)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->items[middle].sector < sector)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int integrity_overlay_patch(
	struct integrity_vdev *v, uint8_t *data, uint8_t *tags, uint64_t len, uint64_t offset)
{
	const struct integrity_overlay *o = &v->overlay;
	uint64_t end = (offset + len) >> SECTOR_SHIFT;

	for (size_t i = find_item(o, offset >> SECTOR_SHIFT); i < o->n && o->items[i].sector < end;
		i++) {
		uint64_t at = o->items[i].sector * SECTOR_SIZE - offset;
		int r = integrity_overlay_get(v, &o->items[i], data ? data + at : NULL,
			tags ? tags + at / v->vdev.block_size * v->geo.tag_size : NULL);

		if (r < 0)
			return r;
	}
	return 0;
}
