/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "integrity": standalone dm-integrity, whose blocks carry tags.
 */

#include "layer-integrity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alg.h"
#include "overflow.h"

#define FIELD(n, k, member, ...)                                                                   \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct integrity_fields, member),     \
		__VA_ARGS__                                                                        \
	}

static const char *const mode_words[] = {
	[INTEGRITY_JOURNAL] = "journal",
	[INTEGRITY_BITMAP] = "bitmap",
	[INTEGRITY_DIRECT] = "direct",
	[INTEGRITY_RECOVERY] = "recovery",
	[_INTEGRITY_MODE_MAX] = NULL,
};
static const char mode_letters[] = { 'J', 'B', 'D', 'R' };

static const struct field fields[] = {
	FIELD("mode", FIELD_ENUM, mode, .choices = mode_words, .dflt = "journal",
		.help = "How writes of data and tag are kept together: *journal*, *bitmap*, *direct* "
			"(not at all), or *recovery* (read without any check)."),
	FIELD("integrity-algorithm", FIELD_STRING, algorithm, .min = 1, .max = 63,
		.flags = FIELD_REQUIRED,
		.help = "What the tags are made with: crc32c, xxhash64, sha1, sha256, sha512, "
			"hmac-sha256 ... It is not on the disk, so it must be given. With *none* "
			"it keeps the tags of a crypt layer above, which has *integrity=*."),
	FIELD("tag-size", FIELD_U64, tag_size, .max = INTEGRITY_TAG_SIZE_MAX, .unit = "bytes",
		.help = "The size of a tag; that of the algorithm if not given."),
	FIELD("sector-size", FIELD_SIZE, sector_size, .min = 512, .max = 4096, .flags = FIELD_POW2,
		.dflt = "512", .unit = "bytes", .help = "The size of a block that has a tag."),
	FIELD("offset", FIELD_U64, offset, .max = UINT64_C(1) << 52, .dflt = "0", .unit = "sectors",
		.help = "Where the superblock lies on the device with the metadata."),
	FIELD("journal-size", FIELD_SIZE, journal_size, .multiple = SECTOR_SIZE, .unit = "bytes",
		.flags = FIELD_CREATE,
		.help = "The size of the journal; the kernel's default if not given."),
	FIELD("interleave-sectors", FIELD_U64, interleave_sectors, .max = UINT64_C(1) << 31,
		.unit = "sectors", .flags = FIELD_CREATE,
		.help = "How much data lies between two runs of tags; 32768 if not given."),
	FIELD("buffer-sectors", FIELD_U64, buffer_sectors, .max = 65536, .unit = "sectors",
		.help = "The unit in which metadata is read and written; 128 if not given."),
	FIELD("journal-watermark", FIELD_U64, journal_watermark, .max = 100, .unit = "percent",
		.help = "How full the journal gets before it is flushed."),
	FIELD("journal-commit-time", FIELD_USEC, journal_commit_usec,
		.help = "How long a write may wait in the journal."),
	FIELD("bitmap-sectors-per-bit", FIELD_U64, bitmap_sectors_per_bit, .max = UINT64_C(1) << 31,
		.unit = "sectors", .help = "How much data a bit of the bitmap stands for."),
	FIELD("bitmap-flush-time", FIELD_USEC, bitmap_flush_usec,
		.help = "How long a bit may stay set."),
	FIELD("journal-integrity", FIELD_STRING, journal_integrity, .min = 1, .max = 63,
		.help = "A keyed algorithm for journal and superblock, such as hmac-sha256. *none* "
			"says on purpose that there is none."),
	FIELD("journal-integrity-key", FIELD_KEYREF, journal_integrity_key,
		.help = "Its key, written as in the key column."),
	FIELD("journal-crypt", FIELD_STRING, journal_crypt, .min = 1, .max = 63,
		.help = "A cipher for the journal, such as cbc-aes."),
	FIELD("journal-crypt-key", FIELD_KEYREF, journal_crypt_key,
		.help = "Its key, written as in the key column."),
	FIELD("integrity-legacy-padding", FIELD_BOOL, legacy_padding,
		.help = "The tags are padded as kernels before 5.6 did it."),
	FIELD("integrity-legacy-hmac", FIELD_BOOL, legacy_hmac,
		.help = "The tags have no salt, as with kernels before 5.11."),
	FIELD("integrity-recalculate", FIELD_BOOL, recalculate,
		.help = "Let the kernel compute tags that are not there yet."),
	FIELD("integrity-recalculate-reset", FIELD_BOOL, recalculate_reset,
		.help = "Let the kernel compute all tags again."),
	FIELD("integrity-legacy-recalculate", FIELD_BOOL, legacy_recalculate,
		.help = "Allow the two above with keyed tags, which is not safe."),
	FIELD("salt", FIELD_HEX, salt, .min = INTEGRITY_SALT_SIZE, .max = INTEGRITY_SALT_SIZE,
		.flags = FIELD_FROM_DISK, .help = "The salt in the superblock, 16 bytes."),
	FIELD("key-size", FIELD_U64, key_size, .max = 4096, .unit = "bytes",
		.help = "The size of the key; any size if not given."),
};

static const struct role roles[] = {
	{ "data", true, "The device with the data, and the tags unless they have their own." },
	{ "meta", false, "A device of its own for superblock, journal and tags." },
};

static const char *const modules[] = { "dm_integrity", "dm_bufio", NULL };

/* What the kernel states in a live table beyond what was asked, or in other numbers. */
static const char *const kernel_options[] = { "journal_sectors", "interleave_sectors",
	"buffer_sectors", "journal_watermark", "commit_time", "sectors_per_bit",
	"bitmap_flush_interval", "block_size", "fix_padding", "fix_hmac", NULL };

bool integrity_is_tag_store(const struct layer *layer)
{
	return streq(integrity_fields(layer)->algorithm, "none");
}

const char *integrity_journal_mac_alg(const struct layer *layer)
{
	const char *alg = integrity_fields(layer)->journal_integrity;

	return alg && !streq(alg, "none") ? alg : NULL;
}

bool integrity_has_salt(const struct layer *layer)
{
	const struct integrity_fields *f = integrity_fields(layer);

	return !f->legacy_hmac &&
	       (!integrity_is_tag_store(layer) || integrity_journal_mac_alg(layer));
}

bool integrity_is_keyed(const struct layer *layer)
{
	const struct hash_alg *alg = hash_alg_find(integrity_fields(layer)->algorithm);

	return alg && alg->keyed;
}

uint32_t integrity_tag_size(const struct layer *layer)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->algorithm);

	return f->tag_size ? (uint32_t)f->tag_size : alg ? alg->size : 0;
}

static int check_tag_store(const struct layer *layer, struct diag *diag)
{
	if (integrity_fields(layer)->tag_size == 0)
		return diag_set(diag, -EINVAL, "integrity-algorithm: none needs a tag-size");
	if (layer->key.kind != KEYREF_NONE)
		return diag_set(diag, -EINVAL, "integrity-algorithm: none takes no key");
	if (integrity_fields(layer)->mode == INTEGRITY_BITMAP)
		return diag_set(diag, -EINVAL,
			"mode: bitmap recalculates tags, which without an algorithm it cannot");
	if (layer->common.discard)
		return diag_set(
			diag, -EINVAL, "discard: not possible below authenticated encryption");
	return 0;
}

/* Reads and writes of a tag store carry tags, which only dm-crypt has. */
static int integrity_check_above(
	const struct layer *layer, const struct layer *above, struct diag *diag)
{
	if (!integrity_is_tag_store(layer))
		return 0;
	if (!above)
		return diag_set(diag, -EINVAL,
			"integrity-algorithm: none is of use only below a crypt layer that has "
			"integrity=");
	if (!streq(above->type->dm_target, "crypt"))
		return diag_set(diag, -EINVAL,
			"\"%s\" keeps tags (integrity-algorithm=none), which only a crypt layer "
			"has",
			layer->name);
	return 0;
}

static int check_algorithm(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->algorithm);

	if (integrity_is_tag_store(layer))
		return check_tag_store(layer, diag);
	if (!alg)
		return diag_set(
			diag, -EINVAL, "integrity-algorithm: \"%s\" is not known", f->algorithm);
	if (alg->keyed && layer->key.kind == KEYREF_NONE)
		return diag_set(diag, -EINVAL, "integrity-algorithm: %s needs a key", f->algorithm);
	if (!alg->keyed && layer->key.kind != KEYREF_NONE)
		return diag_set(
			diag, -EINVAL, "integrity-algorithm: %s takes no key", f->algorithm);
	return 0;
}

static int check_journal(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const char *mac = integrity_journal_mac_alg(layer);

	if (!mac != (f->journal_integrity_key.kind == KEYREF_NONE))
		return diag_set(
			diag, -EINVAL, "journal-integrity: the algorithm and its key go together");
	if (!f->journal_crypt != (f->journal_crypt_key.kind == KEYREF_NONE))
		return diag_set(diag, -EINVAL, "journal-crypt: the cipher and its key go together");
	if (mac) {
		const struct hash_alg *alg = hash_alg_find(mac);

		if (!alg || !alg->keyed)
			return diag_set(diag, -EINVAL,
				"journal-integrity: \"%s\" is not a keyed algorithm", mac);
	}
	return 0;
}

/*
 * Keyed tags say who wrote a block, unless the kernel can be made to compute them again. The MAC of
 * the superblock is what keeps it from that, and without fix_hmac there is none.
 */
static int check_sealed(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);

	if (layer->common.phase != PHASE_SEALED)
		return 0;
	if (f->recalculate)
		return diag_set(diag, -EINVAL,
			"integrity-recalculate: accepts any data, and is not possible in the "
			"sealed phase");
	if (!integrity_is_keyed(layer) || (integrity_journal_mac_alg(layer) && !f->legacy_hmac))
		return 0;
	return diag_set(diag, -EINVAL,
		"%s: whoever can write the disk can then make the kernel compute the keyed tags of "
		"any data, so the sealed phase wants journal-integrity and no "
		"integrity-legacy-hmac",
		f->legacy_hmac ? "integrity-legacy-hmac" : "journal-integrity is missing");
}

static int check_mode(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);

	if (f->mode == INTEGRITY_RECOVERY && layer->common.phase == PHASE_SEALED)
		return diag_set(diag, -EINVAL,
			"mode: recovery checks nothing, and is not possible in the sealed phase");
	if (f->mode != INTEGRITY_BITMAP && (f->bitmap_sectors_per_bit || f->bitmap_flush_usec))
		return diag_set(diag, -EINVAL, "bitmap-...: goes with mode=bitmap only");
	if (f->mode != INTEGRITY_JOURNAL && (f->journal_watermark || f->journal_commit_usec))
		return diag_set(diag, -EINVAL,
			"journal-watermark, journal-commit-time: go with mode=journal only");
	if (f->mode == INTEGRITY_BITMAP && layer->common.read_only)
		return diag_set(diag, -EINVAL, "mode: bitmap needs a device that can be written");
	return 0;
}

static int integrity_check(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);

	int r = check_algorithm(layer, diag);
	if (r < 0)
		return r;
	r = check_journal(layer, diag);
	if (r < 0)
		return r;
	r = check_mode(layer, diag);
	if (r < 0)
		return r;
	r = check_sealed(layer, diag);
	if (r < 0)
		return r;
	if (layer->common.device_size % f->sector_size)
		return diag_set(diag, -EINVAL, "device-size: not a multiple of sector-size");
	return 0;
}

static size_t integrity_key_size(const struct layer *layer)
{
	return integrity_fields(layer)->key_size;
}

bool integrity_has_meta(const struct layer *layer)
{
	return layer_device(layer, "meta") != NULL;
}

static struct integrity_format make_params(
	const struct layer *layer, uint64_t data_sectors, uint64_t meta_sectors, bool meta)
{
	const struct integrity_fields *f = integrity_fields(layer);

	return (struct integrity_format){
		.data_sectors = data_sectors,
		.meta_sectors = meta_sectors,
		.start_sector = f->offset,
		.journal_sectors = f->journal_size / SECTOR_SIZE,
		.interleave_sectors = (uint32_t)f->interleave_sectors,
		.buffer_sectors = (uint32_t)f->buffer_sectors,
		.sectors_per_bit = (uint32_t)f->bitmap_sectors_per_bit,
		.tag_size = integrity_tag_size(layer),
		.block_size = (uint32_t)f->sector_size,
		.has_meta = meta,
		.journal_mac = integrity_journal_mac_alg(layer) != NULL,
		.fix_padding = !f->legacy_padding,
	};
}

int integrity_layer_geometry(const struct layer *layer, uint64_t data_sectors,
	uint64_t meta_sectors, struct integrity_geometry *ret, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	struct integrity_format params =
		make_params(layer, data_sectors, meta_sectors, integrity_has_meta(layer));

	if (f->has_sb)
		return integrity_geometry_open(&params, &f->sb, ret, diag);
	return integrity_geometry_format(&params, ret, diag);
}

static int integrity_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	struct integrity_geometry geo;

	int r = integrity_layer_geometry(layer, below[0], below[1], &geo, diag);
	if (r < 0)
		return r;
	/* The kernel would rewrite the superblock, and the new sectors would have no tags. */
	if (f->has_sb && geo.provided_sectors != f->sb.provided_sectors)
		return diag_set(diag, -EMEDIUMTYPE,
			"the superblock says %llu sectors, but a device of this size gives %llu: it "
			"must have exactly the size for which the image was made",
			(unsigned long long)f->sb.provided_sectors,
			(unsigned long long)geo.provided_sectors);
	/*
	 * With another granularity the kernel takes the bitmap for full and computes all tags anew.
	 */
	if (f->has_sb && (f->sb.flags & INTEGRITY_SB_DIRTY_BITMAP) && !f->recalculate_reset &&
		!f->finish_later &&
		geo.log2_blocks_per_bitmap_bit != f->sb.log2_blocks_per_bitmap_bit)
		return diag_set(diag, -EMEDIUMTYPE,
			"the superblock has a dirty bitmap with %llu sectors a bit, and this layer has "
			"%llu: all tags would be recalculated, which would accept any data",
			1ULL << (f->sb.log2_blocks_per_bitmap_bit + geo.log2_sectors_per_block),
			1ULL << (geo.log2_blocks_per_bitmap_bit + geo.log2_sectors_per_block));
	*ret_sectors = geo.provided_sectors;
	return 0;
}

static int integrity_below(const struct layer *layer, uint64_t sectors,
	uint64_t ret_below[LAYER_ROLES_MAX], struct diag *diag)
{
	uint64_t block = integrity_fields(layer)->sector_size / SECTOR_SIZE;
	struct integrity_format params = make_params(layer, 0, 0, integrity_has_meta(layer));

	if (!integrity_has_meta(layer))
		return integrity_smallest_data_device(&params, sectors, block, &ret_below[0], diag);

	ret_below[0] = align_up_u64(sectors, block);
	params.data_sectors = ret_below[0];
	return integrity_smallest_meta_device(&params, block, &ret_below[1], diag);
}

static uint32_t integrity_block_size(const struct layer *layer)
{
	return (uint32_t)integrity_fields(layer)->sector_size;
}

/* integritysetup writes "hmac-sha256" and "ctr-aes" for the kernel's hmac(sha256) and ctr(aes). */
static const char *cipher_kernel_name(const char *name, char buf[static 96])
{
	const char *dash = strchr(name, '-');

	if (!dash || strchr(name, '('))
		return name;
	(void)snprintf(buf, 96, "%.*s(%s)", (int)(dash - name), name, dash + 1);
	return buf;
}

static void keyed_option(
	struct dmtable *t, const char *option, const char *alg, const struct keyref *key)
{
	_cleanup_(buf_done) struct buf prefix = {};

	buf_printf(&prefix, "%s:%s", option, alg);
	if (!key || key->kind == KEYREF_NONE) {
		dmtable_option(t, "%s", buf_str(&prefix));
		return;
	}
	buf_putc(&prefix, ':');
	dmtable_option_key(t, buf_str(&prefix), key);
}

static void number_option(struct dmtable *t, const char *option, uint64_t value)
{
	if (value)
		dmtable_option(t, "%s:%llu", option, (unsigned long long)value);
}

static void tuning_options(const struct integrity_fields *f, struct dmtable *t)
{
	number_option(t, "journal_watermark", f->journal_watermark);
	number_option(t, "commit_time", f->journal_commit_usec / 1000);
	number_option(t, "sectors_per_bit", f->bitmap_sectors_per_bit);
	number_option(t, "bitmap_flush_interval", f->bitmap_flush_usec / 1000);
	number_option(t, "buffer_sectors", f->buffer_sectors);
}

static void integrity_table(const struct layer *layer, struct dmtable *t)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->algorithm);
	const char *mac = integrity_journal_mac_alg(layer);
	char name[96];

	dmtable_device(t, "", "data");
	dmtable_text(t, "%llu", (unsigned long long)f->offset);
	dmtable_text(t, "%u", integrity_tag_size(layer));
	dmtable_text(t, "%c", mode_letters[f->mode]);

	dmtable_begin_options(t);
	if (f->sector_size != SECTOR_SIZE)
		number_option(t, "block_size", f->sector_size);
	tuning_options(f, t);
	if (integrity_has_meta(layer))
		dmtable_option_device(t, "meta_device:", "meta");
	if (!integrity_is_tag_store(layer))
		keyed_option(t, "internal_hash", alg ? alg->kernel : f->algorithm, &layer->key);
	if (mac)
		keyed_option(
			t, "journal_mac", cipher_kernel_name(mac, name), &f->journal_integrity_key);
	if (f->journal_crypt)
		keyed_option(t, "journal_crypt", cipher_kernel_name(f->journal_crypt, name),
			&f->journal_crypt_key);
	if (!f->legacy_padding && !integrity_has_meta(layer))
		dmtable_option(t, "fix_padding");
	if (integrity_has_salt(layer))
		dmtable_option(t, "fix_hmac");
	if (f->legacy_recalculate)
		dmtable_option(t, "legacy_recalculate");
	if (f->recalculate)
		dmtable_option(t, "recalculate");
	if (f->recalculate_reset)
		dmtable_option(t, "reset_recalculate");
	if (layer->common.discard)
		dmtable_option(t, "allow_discards");
	dmtable_end_options(t, true);
}

static void integrity_algorithms(const struct layer *layer, struct buf *buf)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->algorithm);
	const char *mac = integrity_journal_mac_alg(layer);
	char name[96];

	if (alg)
		buf_printf(buf, " %s", alg->kernel);
	if (mac)
		buf_printf(buf, " %s", cipher_kernel_name(mac, name));
	if (f->journal_crypt)
		buf_printf(buf, " %s", cipher_kernel_name(f->journal_crypt, name));
}

const struct layer_type layer_type_integrity = {
	.name = "integrity",
	.dm_target = "integrity",
	.version = { 1, 7, 0 },
	.summary = "tags that detect changed blocks (dm-integrity)",
	.uuid_prefix = "integrity",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct integrity_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_OPTIONAL,
	.exact_size = true,
	.kernel_options = kernel_options,
	.check = integrity_check,
	.check_above = integrity_check_above,
	.key_size = integrity_key_size,
	.superblock = integrity_superblock,
	.adopt = integrity_adopt,
	.length = integrity_length,
	.below = integrity_below,
	.block_size = integrity_block_size,
	.algorithms = integrity_algorithms,
	.table = integrity_table,
};
