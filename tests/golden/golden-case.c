/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a golden case to the layers that are in it.
 */

#include "test.h"

#include "golden-case.h"

#include <stdio.h>
#include <string.h>

#include "memory-vdev.h"

struct json_object *case_image(struct json_object *params, const char *name)
{
	struct json_object *images = golden_get(params, "images");

	for (size_t i = 0; i < json_object_array_length(images); i++) {
		struct json_object *o = json_object_array_get_idx(images, i);

		if (streq(golden_str(o, "name"), name))
			return o;
	}
	return NULL;
}

/* The layer of that target, as dmsetup(8) printed its table. */
struct json_object *case_table(struct json_object *params, const char *target)
{
	struct json_object *layers = golden_get(params, "layers");

	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		struct json_object *o = json_object_array_get_idx(layers, i);

		if (streq(golden_str(o, "target"), target))
			return golden_get(o, "parsed");
	}
	fail_msg("there is no layer with target %s", target);
	return NULL;
}

/* Kernels see whole sectors; what a file has behind them is zero. */
struct vdev *case_device(struct rig *rig, struct json_object *params, const char *name)
{
	uint64_t size = golden_u64(case_image(params, name), "size");

	return rig_add_device(rig, memory_vdev_new(NULL, size / 512 * 512, 512));
}

void case_assert_image(struct json_object *params, const char *name, struct vdev *v)
{
	struct json_object *image = case_image(params, name);
	uint64_t size = golden_u64(image, "size");
	_cleanup_free_ uint8_t *bytes = calloc(1, size);

	assert_non_null(bytes);
	memcpy(bytes, memory_vdev_bytes(v), v->size_bytes);
	golden_assert_sha256(bytes, size, golden_str(image, "sha256"));
}

struct vdev *case_plain(struct json_object *params)
{
	uint64_t size = golden_u64(params, "plaintext.length");
	struct vdev *v = memory_vdev_new(NULL, size, 512);

	golden_plain(golden_u64_or_zero(params, "plaintext.offset"), memory_vdev_bytes(v), size);
	return v;
}

const char *case_option(struct json_object *table, const char *name)
{
	struct json_object *o = golden_get(golden_get(table, "options"), name);

	return o ? json_object_get_string(o) : NULL;
}

/* integrity:48:aead */
static void set_authentication(struct rig_layer *l, struct json_object *table)
{
	const char *value = case_option(table, "integrity");

	if (!value)
		return;
	rig_set(l, "tag-size", "%lu", strtoul(value, NULL, 10));
	rig_set(l, "integrity", "%s", strchr(value, ':') + 1);
	if (case_option(table, "integrity_key_size"))
		rig_set(l, "integrity-key-size", "%s", case_option(table, "integrity_key_size"));
}

struct rig_layer *case_add_crypt(
	struct rig *rig, struct json_object *params, struct json_object *table)
{
	const char *hex = golden_str(params, "keys.volume");
	struct rig_layer *l;

	rig_add_key(rig, "volume", hex);
	l = rig_add_layer(rig, "crypt", "volume");
	rig_set(l, "cipher", "%s", golden_str(table, "cipher"));
	rig_set(l, "size", "%zu", strlen(hex) * 4);
	rig_set(l, "offset", "%ju", (uintmax_t)golden_u64(table, "offset"));
	rig_set(l, "skip", "%ju", (uintmax_t)golden_u64(table, "iv_offset"));
	if (case_option(table, "sector_size"))
		rig_set(l, "sector-size", "%s", case_option(table, "sector_size"));
	if (case_option(table, "iv_large_sectors"))
		rig_set(l, "iv-large-sectors", "yes");
	set_authentication(l, table);
	return l;
}

/* "hmac(sha256):KEY" without its key. */
static char *algorithm(struct json_object *table, const char *name)
{
	const char *value = case_option(table, name);
	char *copy;

	if (!value)
		return NULL;
	copy = strndup(value, strcspn(value, ":"));
	assert_non_null(copy);
	return copy;
}

static void set_journal(
	struct rig *rig, struct rig_layer *l, struct json_object *params, struct json_object *table)
{
	_cleanup_free_ char *mac = algorithm(table, "journal_mac");
	_cleanup_free_ char *crypt = algorithm(table, "journal_crypt");

	if (mac) {
		rig_add_key(rig, "ji", golden_str(params, "keys.ji"));
		rig_set(l, "journal-integrity", "%s", mac);
		rig_set(l, "journal-integrity-key", "credential:ji");
	}
	if (crypt) {
		rig_add_key(rig, "jc", golden_str(params, "keys.jc"));
		rig_set(l, "journal-crypt", "%s", crypt);
		rig_set(l, "journal-crypt-key", "credential:jc");
	}
}

struct rig_layer *case_add_integrity(struct rig *rig, struct json_object *params,
	struct json_object *table, const char *image_name)
{
	struct json_object *image = case_image(params, image_name);
	_cleanup_free_ char *hash = algorithm(table, "internal_hash");
	bool keyed = hash && startswith(hash, "hmac");
	struct rig_layer *l;

	if (keyed)
		rig_add_key(rig, "integrity", golden_str(params, "keys.integrity"));
	l = rig_add_layer(rig, "integrity", keyed ? "integrity" : NULL);
	rig_set(l, "integrity-algorithm", "%s", hash ?: "none");
	rig_set(l, "tag-size", "%ju", (uintmax_t)golden_u64(table, "tag_size"));
	rig_set(l, "sector-size", "%s", case_option(table, "block_size") ?: "512");
	rig_set(l, "offset", "%ju", (uintmax_t)golden_u64(table, "offset"));
	rig_set(l, "journal-size", "%llu",
		512 * strtoull(case_option(table, "journal_sectors"), NULL, 10));
	rig_set(l, "interleave-sectors", "%s", case_option(table, "interleave_sectors"));
	rig_set(l, "buffer-sectors", "%s", case_option(table, "buffer_sectors"));
	/* These were formatted for the journal, and opened with a bitmap later. */
	if (case_option(table, "sectors_per_bit") && !strstr(image_name, "formatted")) {
		rig_set(l, "mode", "bitmap");
		rig_set(l, "bitmap-sectors-per-bit", "%s", case_option(table, "sectors_per_bit"));
	}
	if (!case_option(table, "fix_padding") && !case_option(table, "meta_device"))
		rig_set(l, "integrity-legacy-padding", "yes");
	if (case_option(table, "fix_hmac"))
		rig_set(l, "salt", "%s", golden_str(image, "superblock.fields.salt"));
	else if (hash)
		rig_set(l, "integrity-legacy-hmac", "yes");
	set_journal(rig, l, params, table);
	l->free_section = (uint32_t)golden_u64_or_zero(image, "journal_state.free_section");
	l->commit_seq = (uint8_t)golden_u64_or_zero(image, "journal_state.commit_seq");
	return l;
}

struct rig_layer *case_add_verity(struct rig *rig, struct json_object *spec)
{
	struct rig_layer *l = rig_add_layer(rig, "verity", NULL);

	rig_set(l, "hash-algorithm", "%s", golden_str(spec, "hash"));
	if (golden_get(spec, "salt") && *golden_str(spec, "salt"))
		rig_set(l, "salt", "%s", golden_str(spec, "salt"));
	rig_set(l, "format", "%ju", (uintmax_t)golden_u64(spec, "format"));
	rig_set(l, "data-block-size", "%ju", (uintmax_t)golden_u64(spec, "data_block_size"));
	rig_set(l, "hash-block-size", "%ju", (uintmax_t)golden_u64(spec, "hash_block_size"));
	rig_set(l, "data-blocks", "%ju", (uintmax_t)golden_u64(spec, "blocks"));
	rig_set(l, "hash-offset", "%ju", (uintmax_t)golden_u64(spec, "hash_offset"));
	if (golden_flag(spec, "no_superblock"))
		rig_set(l, "superblock", "no");
	else
		rig_set(l, "uuid", "%s", golden_str(spec, "uuid"));
	return l;
}

/* Opened and read back, all of it is what went in. */
void case_assert_reads(struct rig *rig, struct vdev *plain)
{
	assert_int_equal(rig_verify(rig), 0);
	assert_int_equal(rig->n_damages, 0);
	rig_assert_content(rig, memory_vdev_bytes(plain), plain->size_bytes);
}
