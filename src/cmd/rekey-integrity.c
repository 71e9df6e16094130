/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of dm-integrity's tags: of each block the tag is computed with either key. One that was
 * wrong stays as it is, so that what was damaged, or changed by somebody, does not become genuine.
 *
 *	tags of area 0 | tags of area 1 | ...		are the bytes that are made anew
 */

#include "rekey-integrity.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "fd.h"
#include "integrity-replay.h"
#include "overflow.h"

#define BLOCKS	  32 /* at a time; that many are hashed side by side */
#define HEAD_SIZE 8U /* the sector number in front of the data */

struct tags_worker {
	struct digest *before, *after;
	uint8_t *data; /* BLOCKS blocks; owned */
	uint8_t heads[BLOCKS * HEAD_SIZE];
	uint8_t digests[2][BLOCKS * DIGEST_SIZE_MAX];
	uint8_t tags[BLOCKS * INTEGRITY_TAG_SIZE_MAX];
};

struct tags_state {
	struct rekey_state base;
	int data_fd;
	struct integrity_geometry geo;
	uint64_t area_size; /* bytes of the tags of an area that is not the last */
	unsigned n;
	struct tags_worker workers[];
};

int rekey_integrity_fd(const struct rekey_source *source)
{
	return source->fds[integrity_has_meta(source->base) ? 1 : 0];
}

int rekey_integrity_check(const struct layer *layer, struct diag *diag)
{
	if (integrity_fields(layer)->mode == INTEGRITY_RECOVERY)
		return diag_set(diag, -EOPNOTSUPP, "in recovery mode its keys mean nothing");
	return 0;
}

/* Where a section begins on the device, bytes. */
static uint64_t section_offset(const struct integrity_geometry *geo, uint32_t section)
{
	return (geo->start_sector + INTEGRITY_SB_SECTORS +
		       (uint64_t)section * geo->section_sectors) *
	       SECTOR_SIZE;
}

int rekey_integrity_superblock(
	const struct rekey_source *source, struct digest *mac, uint8_t ret[INTEGRITY_SB_SIZE])
{
	const struct integrity_fields *f = integrity_fields(source->base);
	uint8_t expected[DIGEST_SIZE_MAX];
	size_t end;
	int r;

	r = fd_pread_full(
		rekey_integrity_fd(source), ret, INTEGRITY_SB_SIZE, f->offset * SECTOR_SIZE);
	if (r < 0 || !integrity_sb_has_mac(&f->sb))
		return r;
	end = integrity_sb_mac_offset(digest_size(mac));
	r = digest_data(mac, ret, end, expected);
	if (r == 0 && memcmp(expected, ret + end, digest_size(mac)) != 0)
		r = -EBADMSG;
	return r;
}

static int check_section(
	struct journal_keys *keys, uint32_t section, uint8_t *data, struct diag *diag)
{
	uint8_t mac[INTEGRITY_JOURNAL_MAC_SIZE];
	int r = journal_keys_decrypt(keys, section, data);

	if (r < 0 || !keys->mac)
		return r;
	r = integrity_journal_mac(&keys->journal, section, data, mac);
	if (r == 0 && !integrity_journal_has_mac(data, mac))
		return diag_set(diag, -EBADMSG,
			"section %u of its journal has not the MAC of its key", section);
	return r;
}

static int check_journal(
	const struct rekey_source *source, struct journal_keys *keys, struct diag *diag)
{
	_cleanup_(integrity_scan_done) struct integrity_scan scan = {};
	const struct integrity_geometry *geo = keys->journal.geo;
	size_t size = (size_t)geo->section_sectors * SECTOR_SIZE;
	_cleanup_free_ uint8_t *section = malloc(size);
	int r = section ? integrity_scan_init(&scan, geo) : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < geo->journal_sections; i++) {
		r = fd_pread_full(
			rekey_integrity_fd(source), section, size, section_offset(geo, i));
		if (r == 0)
			r = check_section(keys, i, section, diag);
		if (r == 0)
			r = integrity_scan_add(&scan, &keys->journal, section);
	}
	if (r == -EUCLEAN && keys->crypt)
		return diag_set(diag, -EKEYREJECTED,
			"its journal cannot be decrypted: its key is another one");
	if (r < 0)
		return diag_set(diag, r, "its journal cannot be read: %s", strerror(-r));
	if (scan.has_entries)
		return diag_set(diag, -EBUSY,
			"its journal has blocks that were not written back; attach it and detach it");
	return 0;
}

int rekey_integrity_closed(
	const struct rekey_source *source, struct journal_keys *keys, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(source->base);
	uint8_t sb[INTEGRITY_SB_SIZE];
	int r;

	if (source->resumes)
		return 0;
	if (f->sb.flags & (INTEGRITY_SB_DIRTY_BITMAP | INTEGRITY_SB_RECALCULATING))
		return diag_set(diag, -EBUSY,
			"some of its tags are not computed yet; attach it and detach it");
	r = keys->mac ? rekey_integrity_superblock(source, keys->mac, sb) : 0;
	return r < 0 ? diag_set(diag, r, "its superblock has not the MAC of its key")
		     : check_journal(source, keys, diag);
}

int rekey_integrity_geometry(
	const struct rekey_source *source, struct integrity_geometry *ret, struct diag *diag)
{
	if (!integrity_fields(source->base)->has_sb)
		return diag_set(diag, -ENODATA, "it has no superblock");
	return integrity_layer_geometry(
		source->base, source->sectors[0], source->sectors[1], ret, diag);
}

int rekey_integrity_prepare(
	const struct rekey_source *source, struct integrity_geometry *ret, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(source->base);
	_cleanup_(journal_keys_done) struct journal_keys keys = {};
	_cleanup_(secret_freep) struct secret *crypt = NULL;
	int r = rekey_integrity_geometry(source, ret, diag);

	if (r == 0 && f->journal_crypt)
		r = source->fetch(source->userdata, &f->journal_crypt_key, &crypt, diag);
	if (r == 0)
		r = journal_keys_open(source->base, ret, NULL, crypt, &keys, diag);
	return r < 0 ? r : rekey_integrity_closed(source, &keys, diag);
}

static const struct keyref *tags_key(const struct layer *layer)
{
	return integrity_is_keyed(layer) && !integrity_is_tag_store(layer) ? &layer->key : NULL;
}

static void tags_close(struct rekey_state *state)
{
	struct tags_state *s = (struct tags_state *)state;

	for (unsigned i = 0; s && i < s->n; i++) {
		(void)digest_free(s->workers[i].before);
		(void)digest_free(s->workers[i].after);
		free(s->workers[i].data);
	}
	free(s);
}

static void tags_statep(struct tags_state **p)
{
	tags_close((struct rekey_state *)*p);
}

static int digest_open(
	const struct layer *layer, const struct secret *key, struct digest **ret, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	int r = digest_new(f->algorithm, key, ret);

	if (r < 0)
		return diag_set(
			diag, r, "integrity-algorithm: %s cannot be computed here", f->algorithm);
	if (f->sb.flags & INTEGRITY_SB_FIX_HMAC)
		r = digest_set_prefix(*ret, f->sb.salt, sizeof(f->sb.salt));
	return r;
}

static int tags_open(const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(tags_statep) struct tags_state *s =
		calloc(1, sizeof(*s) + source->n_workers * sizeof(s->workers[0]));
	struct integrity_area area;
	int r;

	if (!s)
		return -ENOMEM;
	s->n = source->n_workers;
	s->data_fd = source->fds[0];
	s->base.fd = rekey_integrity_fd(source);
	r = rekey_integrity_prepare(source, &s->geo, diag);
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		struct tags_worker *w = &s->workers[i];

		w->data = malloc((size_t)BLOCKS * s->geo.block_size);
		r = w->data ? digest_open(source->layer, source->before, &w->before, diag)
			    : -ENOMEM;
		if (r == 0)
			r = digest_open(source->layer, source->after, &w->after, diag);
	}
	if (r < 0)
		return r;
	integrity_area_get(&s->geo, 0, &area);
	s->area_size = area.tag_bytes;
	s->base.unit = s->geo.tag_size;
	s->base.size = s->geo.provided_sectors * SECTOR_SIZE / s->geo.block_size * s->geo.tag_size;
	*ret = &take_ptr(s)->base;
	return 0;
}

static void tags_place(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
	uint64_t *ret_length)
{
	const struct tags_state *s = (const struct tags_state *)state;
	struct integrity_area area;

	integrity_area_get(&s->geo, position / s->area_size, &area);
	*ret_offset = area.tag_byte + position % s->area_size;
	*ret_length = area.tag_bytes - position % s->area_size;
}

/*
 * The tags of n blocks from that one on, to w->tags: new ones where the present ones are right, and
 * how many are.
 */
static int make_tags(
	struct tags_state *s, struct tags_worker *w, uint64_t block, size_t n, size_t *ret_right)
{
	size_t size = digest_size(w->before), tag_size = s->geo.tag_size;
	struct digest_blocks blocks = {
		.heads = w->heads,
		.head_size = HEAD_SIZE,
		.data = w->data,
		.data_size = s->geo.block_size,
		.n = n,
	};
	uint64_t sector = block << s->geo.log2_sectors_per_block;
	size_t n_right = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		put_le64(w->heads + i * HEAD_SIZE, sector + (i << s->geo.log2_sectors_per_block));
	r = fd_pread_full(s->data_fd, w->data, n * s->geo.block_size,
		integrity_data_sector(&s->geo, sector) * SECTOR_SIZE);
	if (r == 0)
		r = fd_pread_full(
			s->base.fd, w->tags, n * tag_size, integrity_tag_byte(&s->geo, sector));
	if (r == 0)
		r = digest_blocks(w->before, &blocks, w->digests[0], size);
	if (r == 0)
		r = digest_blocks(w->after, &blocks, w->digests[1], size);
	for (size_t i = 0; r == 0 && i < n; i++) {
		uint8_t *tag = w->tags + i * tag_size;
		size_t keep = MIN(tag_size, size);

		if (memcmp(tag, w->digests[0] + i * size, keep) == 0 &&
			bytes_are_zero(tag + keep, tag_size - keep)) {
			memcpy(tag, w->digests[1] + i * size, keep);
			n_right++;
		}
	}
	*ret_right = n_right;
	return r;
}

static int tags_look(struct rekey_state *state, uint64_t unit)
{
	struct tags_state *s = (struct tags_state *)state;
	struct tags_worker *w = &s->workers[0];
	size_t n_right = 0;
	int r = make_tags(s, w, unit, 1, &n_right);

	if (r < 0)
		return r;
	if (n_right > 0)
		return REKEY_RIGHT;
	return bytes_are_zero(w->tags, s->geo.tag_size) ? REKEY_SILENT : REKEY_WRONG;
}

static int tags_make(
	struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret, size_t size)
{
	struct tags_state *s = (struct tags_state *)state;
	struct tags_worker *w = &s->workers[worker];
	uint64_t tag_size = s->geo.tag_size, end = (position + size) / tag_size;

	for (uint64_t block = position / tag_size; block < end; block += BLOCKS) {
		size_t n = (size_t)MIN(end - block, (uint64_t)BLOCKS), n_right;
		int r = make_tags(s, w, block, n, &n_right);

		if (r < 0)
			return r;
		memcpy(ret, w->tags, n * tag_size);
		ret += n * tag_size;
	}
	return 0;
}

const struct rekey_type rekey_type_integrity = {
	.type = &layer_type_integrity,
	.key = tags_key,
	.check = rekey_integrity_check,
	.open = tags_open,
	.close = tags_close,
	.look = tags_look,
	.place = tags_place,
	.make = tags_make,
};
