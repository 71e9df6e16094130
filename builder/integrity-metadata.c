/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Superblock and journal of dm-integrity. The journal of an image is empty, but it is not a
 * hole: the kernel wants a commit id in each of its sectors.
 */

#include <string.h>

#include "filter-integrity.h"
#include "filter-util.h"
#include "integrity-sb.h"

/*
 * For journals encrypted by a stream, which depend on the page size of the machine that opens them.
 */
#define PAGE_SIZE_ASSUMED 4096

/* The kernel's journal entries carry 8 bytes of the MAC in each of the first 8 sectors. */
static int mac_section(
	void *userdata, const void *data, size_t size, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE])
{
	struct integrity_vdev *v = userdata;
	uint8_t mac[DIGEST_SIZE_MAX] = {};
	int r;

	r = digest_data(v->journal_mac, data, size, mac);
	if (r >= 0)
		memcpy(ret, mac, INTEGRITY_JOURNAL_MAC_SIZE);
	return r;
}

static int encrypt_section(void *userdata, uint32_t section, uint8_t *data, size_t size)
{
	struct integrity_vdev *v = userdata;

	return journal_crypt_encrypt(v->journal_crypt, section, data, size);
}

static int init_mac(struct integrity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(v->layer);
	const char *alg = integrity_journal_mac_alg(v->layer);
	const struct secret *key;
	int r;

	if (!alg)
		return 0;
	r = filter_key(args, &f->journal_integrity_key, &key, diag);
	if (r < 0)
		return r;
	r = digest_new(alg, key, &v->journal_mac);
	if (r < 0)
		return diag_set(diag, r, "journal-integrity: %s cannot be computed here", alg);
	v->journal_ops.mac = mac_section;
	return 0;
}

static int init_crypt(struct integrity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(v->layer);
	const struct secret *key;
	int r;

	if (!f->journal_crypt) {
		integrity_journal_commit_ids(NULL, v->journal.commit_ids);
		return 0;
	}
	r = filter_key(args, &f->journal_crypt_key, &key, diag);
	if (r >= 0)
		r = journal_crypt_new(
			f->journal_crypt, key, &v->geo, PAGE_SIZE_ASSUMED, &v->journal_crypt, diag);
	if (r < 0)
		return r;
	v->journal_ops.encrypt = encrypt_section;
	return journal_crypt_commit_ids(v->journal_crypt, v->journal.commit_ids);
}

int integrity_journal_init(
	struct integrity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	int r;

	v->journal_ops.userdata = v;
	v->journal = (struct integrity_journal){
		.geo = &v->geo,
		.ops = &v->journal_ops,
		.free_section = args->journal.free_section,
		.commit_seq = args->journal.commit_seq,
		.fix_hmac = v->flags & INTEGRITY_SB_FIX_HMAC,
	};
	memcpy(v->journal.salt, v->salt, sizeof(v->salt));
	r = init_mac(v, args, diag);
	return r < 0 ? r : init_crypt(v, args, diag);
}

uint64_t integrity_section_offset(const struct integrity_vdev *v, uint32_t section)
{
	return (v->geo.start_sector + INTEGRITY_SB_SECTORS +
		       (uint64_t)section * v->geo.section_sectors) *
	       SECTOR_SIZE;
}

static int write_journal(struct integrity_vdev *v)
{
	size_t size = (size_t)v->geo.section_sectors * SECTOR_SIZE;
	_cleanup_free_ uint8_t *section = malloc(size);
	int r = section ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < v->geo.journal_sections && r >= 0; i++) {
		r = integrity_journal_section(&v->journal, i, section);
		if (r >= 0)
			r = block_assembler_put(
				v->sink, section, size, integrity_section_offset(v, i));
	}
	return r;
}

static int sb_mac(struct integrity_vdev *v, const uint8_t data[INTEGRITY_SB_SIZE],
	uint8_t ret[DIGEST_SIZE_MAX])
{
	return digest_data(
		v->journal_mac, data, integrity_sb_mac_offset(digest_size(v->journal_mac)), ret);
}

int integrity_make_superblock(
	struct integrity_vdev *v, const struct integrity_sb *sb, uint8_t ret[INTEGRITY_SB_SIZE])
{
	uint8_t mac[DIGEST_SIZE_MAX];
	int r;

	integrity_sb_encode(sb, ret);
	if (!integrity_sb_has_mac(sb))
		return 0;
	r = sb_mac(v, ret, mac);
	if (r < 0)
		return r;
	memcpy(ret + integrity_sb_mac_offset(digest_size(v->journal_mac)), mac,
		digest_size(v->journal_mac));
	return 0;
}

int integrity_write_metadata(struct integrity_vdev *v)
{
	uint8_t data[INTEGRITY_SB_SIZE];
	struct integrity_sb sb;
	int r;

	r = write_journal(v);
	if (r < 0)
		return r;
	integrity_geometry_sb(&v->geo, v->flags, v->salt, &sb);
	r = integrity_make_superblock(v, &sb, data);
	if (r < 0)
		return r;
	return block_assembler_put(v->sink, data, sizeof(data), v->geo.start_sector * SECTOR_SIZE);
}

static int read_superblock(
	const struct filter_args *args, uint8_t ret[INTEGRITY_SB_SIZE], struct diag *diag)
{
	struct superblock_place place;
	int r;

	r = layer_type_integrity.superblock(args->layer, &place);
	if (r < 0)
		return r;
	r = vdev_read_bytes(args->below[place.role], ret, INTEGRITY_SB_SIZE, place.offset);
	return r < 0 ? diag_set(diag, r, "cannot read the superblock on %s",
			       args->below[place.role]->name)
		     : 0;
}

int integrity_adopt_superblock(const struct filter_args *args, struct diag *diag)
{
	uint8_t data[INTEGRITY_SB_SIZE];
	int r;

	r = read_superblock(args, data, diag);
	return r < 0 ? r : layer_type_integrity.adopt(args->layer, data, sizeof(data), diag);
}

static int check_sb_mac(struct integrity_vdev *v, struct diag *diag)
{
	uint8_t data[INTEGRITY_SB_SIZE], mac[DIGEST_SIZE_MAX];
	uint64_t offset = v->geo.start_sector * SECTOR_SIZE;
	int r;

	if (!integrity_sb_has_mac(&integrity_fields(v->layer)->sb))
		return 0;
	r = vdev_read_bytes(v->meta, data, sizeof(data), offset);
	if (r >= 0)
		r = sb_mac(v, data, mac);
	if (r < 0)
		return r;
	if (memcmp(data + integrity_sb_mac_offset(digest_size(v->journal_mac)), mac,
		    digest_size(v->journal_mac)) == 0)
		return 0;
	return diag_set(
		diag, -EILSEQ, "the superblock does not have the MAC of the key for the journal");
}

/* Compares with an empty section of each commit id, the likeliest first; *seq is the one found. */
static int match_section(struct integrity_vdev *v, uint32_t section, const uint8_t *found,
	uint8_t *scratch, uint8_t *seq)
{
	struct integrity_journal journal = v->journal;

	journal.free_section = 0;
	for (unsigned i = 0; i < INTEGRITY_COMMIT_IDS; i++) {
		int r;

		journal.commit_seq = (uint8_t)((*seq + i) % INTEGRITY_COMMIT_IDS);
		r = integrity_journal_section(&journal, section, scratch);
		if (r < 0)
			return r;
		if (memcmp(found, scratch, (size_t)v->geo.section_sectors * SECTOR_SIZE) == 0) {
			*seq = journal.commit_seq;
			return 1;
		}
	}
	return 0;
}

int integrity_refuse_section(
	struct integrity_vdev *v, uint32_t section, const char *what, struct diag *diag)
{
	uint64_t offset = integrity_section_offset(v, section);

	if (v->report)
		v->report(v->userdata,
			&(struct damage){
				.layer = v->layer,
				.part = "journal",
				.role = integrity_meta_role(v),
				.offset = offset,
				.length = (uint64_t)v->geo.section_sectors * SECTOR_SIZE,
				.what = what,
			});
	return diag_set(diag, -EUCLEAN, "section %u of the journal, at byte %ju: %s", section,
		(uintmax_t)offset, what);
}

/* A journal without entries has all its bytes as the kernel writes them. */
static int check_empty_journal(struct integrity_vdev *v, struct diag *diag)
{
	size_t size = (size_t)v->geo.section_sectors * SECTOR_SIZE;
	_cleanup_free_ uint8_t *found = malloc(size);
	_cleanup_free_ uint8_t *scratch = malloc(size);
	unsigned changes = 0;
	uint8_t seq = 0;

	if (!found || !scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->geo.journal_sections; i++) {
		uint8_t last = seq;
		int r;

		r = vdev_read_bytes(v->meta, found, size, integrity_section_offset(v, i));
		if (r >= 0)
			r = match_section(v, i, found, scratch, &seq);
		if (r < 0)
			return r;
		/* At most one step from one id to the one before it, where the kernel stopped. */
		if (r == 0 || (i > 0 && seq != last &&
				      (changes++ > 0 || seq != (last + 3) % INTEGRITY_COMMIT_IDS)))
			return integrity_refuse_section(
				v, i, "it is neither empty nor in use, but damaged", diag);
	}
	return 0;
}

int integrity_check_metadata(struct integrity_vdev *v, struct diag *diag)
{
	int r;

	r = check_sb_mac(v, diag);
	if (r < 0)
		return r;
	if (v->flags & INTEGRITY_SB_DIRTY_BITMAP)
		return v->may_change
			       ? 0
			       : diag_set(diag, -EUCLEAN,
					 "it was not closed, and its bitmap says which tags are "
					 "not up to date: recalculate computes them");
	r = integrity_overlay_load(v, diag);
	if (r >= 0 && !v->overlay.in_use)
		r = check_empty_journal(v, diag);
	return r;
}
