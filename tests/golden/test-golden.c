/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images that the kernel, cryptsetup, integritysetup and veritysetup made, built again by the
 * filters and compared by the sha256 of the complete image; then read back.
 */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "filter-integrity.h"
#include "golden.h"
#include "layer-verity.h"
#include "memory-vdev.h"
#include "rig.h"

/* Cases of these families that are not built here, and why. */
static const struct {
	const char *name, *reason;
} left_out[] = {
	{ "aead-aegis128-random-4096", "libcrypto has no aegis128" },
	{ "stack-dmraid1-over-integrity", "there is no raid layer yet" },
	{ "stack-mdraid1-over-integrity", "there is no raid layer yet, and the image is damaged" },
	{ "stack-mdraid1-over-integrity-clean", "there is no raid layer yet" },
	{ "stack-mdraid1-uninitialised-integrity", "there is no raid layer yet, and no image" },
};

static const char *left_out_reason(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (streq(left_out[i].name, name))
			return left_out[i].reason;
	return NULL;
}

static struct json_object *find_image(struct json_object *params, const char *name)
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
static struct json_object *find_table(struct json_object *params, const char *target)
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
static struct vdev *add_image(struct rig *rig, struct json_object *params, const char *name)
{
	uint64_t size = golden_u64(find_image(params, name), "size");

	return rig_add_device(rig, memory_vdev_new(NULL, size / 512 * 512, 512));
}

static void assert_image(struct json_object *params, const char *name, struct vdev *v)
{
	struct json_object *image = find_image(params, name);
	uint64_t size = golden_u64(image, "size");
	_cleanup_free_ uint8_t *bytes = calloc(1, size);

	assert_non_null(bytes);
	memcpy(bytes, memory_vdev_bytes(v), v->size_bytes);
	golden_assert_sha256(bytes, size, golden_str(image, "sha256"));
}

static struct vdev *load_plain(struct json_object *params)
{
	uint64_t size = golden_u64(params, "plaintext.length");
	struct vdev *v = memory_vdev_new(NULL, size, 512);

	golden_plain(golden_u64_or_zero(params, "plaintext.offset"), memory_vdev_bytes(v), size);
	return v;
}

static const char *option(struct json_object *table, const char *name)
{
	struct json_object *o = golden_get(golden_get(table, "options"), name);

	return o ? json_object_get_string(o) : NULL;
}

/* integrity:48:aead */
static void set_authentication(struct rig_layer *l, struct json_object *table)
{
	const char *value = option(table, "integrity");

	if (!value)
		return;
	rig_set(l, "tag-size", "%lu", strtoul(value, NULL, 10));
	rig_set(l, "integrity", "%s", strchr(value, ':') + 1);
	if (option(table, "integrity_key_size"))
		rig_set(l, "integrity-key-size", "%s", option(table, "integrity_key_size"));
}

static struct rig_layer *add_crypt(
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
	if (option(table, "sector_size"))
		rig_set(l, "sector-size", "%s", option(table, "sector_size"));
	if (option(table, "iv_large_sectors"))
		rig_set(l, "iv-large-sectors", "yes");
	set_authentication(l, table);
	return l;
}

/* "hmac(sha256):KEY" without its key. */
static char *algorithm(struct json_object *table, const char *name)
{
	const char *value = option(table, name);
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

static struct rig_layer *add_integrity(struct rig *rig, struct json_object *params,
	struct json_object *table, const char *image_name)
{
	struct json_object *image = find_image(params, image_name);
	_cleanup_free_ char *hash = algorithm(table, "internal_hash");
	bool keyed = hash && startswith(hash, "hmac");
	struct rig_layer *l;

	if (keyed)
		rig_add_key(rig, "integrity", golden_str(params, "keys.integrity"));
	l = rig_add_layer(rig, "integrity", keyed ? "integrity" : NULL);
	rig_set(l, "integrity-algorithm", "%s", hash ?: "none");
	rig_set(l, "tag-size", "%ju", (uintmax_t)golden_u64(table, "tag_size"));
	rig_set(l, "sector-size", "%s", option(table, "block_size") ?: "512");
	rig_set(l, "offset", "%ju", (uintmax_t)golden_u64(table, "offset"));
	rig_set(l, "journal-size", "%llu",
		512 * strtoull(option(table, "journal_sectors"), NULL, 10));
	rig_set(l, "interleave-sectors", "%s", option(table, "interleave_sectors"));
	rig_set(l, "buffer-sectors", "%s", option(table, "buffer_sectors"));
	/* These were formatted for the journal, and opened with a bitmap later. */
	if (option(table, "sectors_per_bit") && !strstr(image_name, "formatted")) {
		rig_set(l, "mode", "bitmap");
		rig_set(l, "bitmap-sectors-per-bit", "%s", option(table, "sectors_per_bit"));
	}
	if (!option(table, "fix_padding") && !option(table, "meta_device"))
		rig_set(l, "integrity-legacy-padding", "yes");
	if (option(table, "fix_hmac"))
		rig_set(l, "salt", "%s", golden_str(image, "superblock.fields.salt"));
	else if (hash)
		rig_set(l, "integrity-legacy-hmac", "yes");
	set_journal(rig, l, params, table);
	l->free_section = (uint32_t)golden_u64_or_zero(image, "journal_state.free_section");
	l->commit_seq = (uint8_t)golden_u64_or_zero(image, "journal_state.commit_seq");
	return l;
}

static struct rig_layer *add_verity(struct rig *rig, struct json_object *spec)
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

static void assert_root(struct rig_layer *l, struct json_object *params)
{
	size_t size;
	_cleanup_free_ uint8_t *root = golden_hex(params, "spec.root_hash", &size);

	assert_int_equal(verity_fields(l->layer)->root_hash.size, size);
	assert_memory_equal(verity_fields(l->layer)->root_hash.data, root, size);
}

/* Opened and read back, all of it is what went in. */
static void assert_reads(struct rig *rig, struct vdev *plain)
{
	assert_int_equal(rig_verify(rig), 0);
	assert_int_equal(rig->n_damages, 0);
	rig_assert_content(rig, memory_vdev_bytes(plain), plain->size_bytes);
}

static void check_crypt(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	struct vdev *image = add_image(&rig, params, "data.img");

	add_crypt(&rig, params, find_table(params, "crypt"));
	rig_create(&rig, plain);
	assert_image(params, "data.img", image);
	assert_reads(&rig, plain);
}

/* Sets the tags of the blocks begin .. end - 1 (bytes of the mapping) to one byte. */
static void set_tags(
	struct rig_layer *l, struct vdev *meta, uint64_t begin, uint64_t end, uint8_t value)
{
	struct integrity_fields *f = integrity_fields(l->layer);
	struct integrity_geometry geo;

	assert_int_equal(integrity_layer_geometry(l->layer, l->below[0]->size_bytes / 512,
				 l->below[1] ? l->below[1]->size_bytes / 512 : 0, &geo, NULL),
		0);
	end = MIN(end, geo.provided_sectors * 512);
	for (; begin < end; begin += f->sector_size)
		memset(memory_vdev_bytes(meta) + integrity_tag_byte(&geo, begin / 512), value,
			geo.tag_size);
}

/* What the kernel did to the image later, and the builder never does. */
static void after_create(struct json_object *params, struct rig_layer *l, struct vdev *meta)
{
	_cleanup_free_ uint8_t *sb = NULL;
	size_t size;

	/* Blocks were discarded: zeros (in the input already), and a tag that is none. */
	if (golden_get(params, "spec.discarded"))
		set_tags(l, meta, golden_u64(params, "spec.discarded.0"),
			golden_u64(params, "spec.discarded.1"), 0xf6);
	/* Tags were computed by the kernel, and the flag stays in the superblock. */
	if (golden_flag(params, "spec.formatted_has_data")) {
		sb = golden_hex(find_image(params, "data.img"), "superblock.hex", &size);
		memcpy(memory_vdev_bytes(meta), sb, MIN(size, (size_t)64));
	}
}

static void check_integrity(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	const char *meta_name = find_image(params, "meta.img") ? "meta.img" : "data.img";
	struct vdev *data = add_image(&rig, params, "data.img"), *meta = data;
	struct rig_layer *l =
		add_integrity(&rig, params, find_table(params, "integrity"), meta_name);

	rig_below(l, "data", data);
	if (streq(meta_name, "meta.img")) {
		meta = add_image(&rig, params, meta_name);
		rig_below(l, "meta", meta);
	}
	if (golden_get(params, "spec.discarded"))
		memset(memory_vdev_bytes(plain) + golden_u64(params, "spec.discarded.0"), 0,
			golden_u64(params, "spec.discarded.1") -
				golden_u64(params, "spec.discarded.0"));
	rig_create(&rig, plain);
	after_create(params, l, meta);
	assert_image(params, "data.img", data);
	assert_image(params, meta_name, meta);
	if (golden_get(params, "spec.discarded"))
		assert_int_equal(rig_verify(&rig), golden_u64(params, "spec.discarded.1") -
							   golden_u64(params, "spec.discarded.0"));
	else
		assert_reads(&rig, plain);
}

/* Right after integritysetup format: superblock and journal, and nothing else. */
static void create_formatted(struct rig *rig, struct rig_layer *l)
{
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(rig_open(rig, FILTER_CREATE, &diag), 0);
	assert_int_equal(integrity_write_metadata(integrity_vdev(l->vdev)), 0);
	assert_int_equal(block_assembler_flush(integrity_vdev(l->vdev)->sink), 0);
	rig_close(rig);
}

static void check_formatted(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = {};
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	bool has_meta = find_image(params, "meta.formatted.img");
	const char *name = has_meta ? "meta.formatted.img" : "data.formatted.img";
	struct vdev *data = add_image(&rig, params, "data.formatted.img"), *meta = data;
	struct rig_layer *l = add_integrity(&rig, params, find_table(params, "integrity"), name);

	rig_below(l, "data", data);
	if (has_meta) {
		meta = add_image(&rig, params, name);
		rig_below(l, "meta", meta);
	}
	if (golden_flag(params, "spec.formatted_has_data")) {
		/* Data written without checks, tags left to the recalculation. */
		rig_create(&rig, plain);
		set_tags(l, meta, 0, UINT64_MAX, 0);
	} else {
		create_formatted(&rig, l);
	}
	assert_image(params, name, meta);
}

static void check_verity(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	struct json_object *spec = golden_get(params, "spec");
	struct vdev *data = add_image(&rig, params, "data.img"), *hash = NULL, *parity = NULL;
	struct rig_layer *l = add_verity(&rig, spec);

	rig_below(l, "data", data);
	if (find_image(params, "hash.img")) {
		hash = add_image(&rig, params, "hash.img");
		rig_below(l, "hash", hash);
	}
	if (golden_get(spec, "fec_roots")) {
		parity = hash;
		if (find_image(params, "fec.img"))
			parity = add_image(&rig, params, "fec.img");
		rig_below(l, "fec", parity);
		rig_set(l, "fec-roots", "%ju", (uintmax_t)golden_u64(spec, "fec_roots"));
		rig_set(l, "fec-offset", "%ju", (uintmax_t)golden_u64_or_zero(spec, "fec_offset"));
	}
	rig_create(&rig, plain);
	assert_root(l, params);
	assert_image(params, "data.img", data);
	if (hash)
		assert_image(params, "hash.img", hash);
	if (parity && parity != hash)
		assert_image(params, "fec.img", parity);
	assert_reads(&rig, plain);
}

static void check_stack(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	struct vdev *image = add_image(&rig, params, "data.img");
	const char *model = golden_str(params, "spec.model");
	struct rig_layer *verity = NULL;

	/* Bottom first. */
	if (streq(model, "crypt-over-integrity")) {
		add_integrity(&rig, params, find_table(params, "integrity"), "data.img");
		add_crypt(&rig, params, find_table(params, "crypt"));
	} else if (streq(model, "integrity-over-crypt")) {
		add_crypt(&rig, params, find_table(params, "crypt"));
		add_integrity(&rig, params, find_table(params, "integrity"), "data.img");
	} else if (streq(model, "crypt-over-verity")) {
		verity = add_verity(&rig, golden_get(params, "spec.verity"));
		add_crypt(&rig, params, find_table(params, "crypt"));
	} else if (streq(model, "verity-over-crypt")) {
		add_crypt(&rig, params, find_table(params, "crypt"));
		verity = add_verity(&rig, golden_get(params, "spec.verity"));
	} else {
		fail_msg("unknown stack %s", model);
	}
	rig_create(&rig, plain);
	if (verity)
		assert_root(verity, params);
	assert_image(params, "data.img", image);
	assert_reads(&rig, plain);
}

/* Random IVs were taken out of the tags of the real image; all else is computed. */
static void check_aead(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = load_plain(params);
	struct vdev *image = add_image(&rig, params, "data.img");
	struct json_object *table = find_table(params, "crypt");
	uint64_t unit = strtoull(option(table, "sector_size") ?: "512", NULL, 10);
	_cleanup_free_ uint8_t *ivs = NULL;
	size_t size = 0;

	add_integrity(&rig, params, find_table(params, "integrity"), "data.img");
	add_crypt(&rig, params, table);
	ivs = golden_file(golden_str(params, "case"), "ivs.bin", &size);
	rig.ivs = ivs;
	rig.iv_size = size / (golden_u64(table, "sectors") * 512 / unit);
	rig_create(&rig, plain);
	assert_image(params, "data.img", image);
	assert_reads(&rig, plain);
}

/* Every case whose name begins so, each on its own; state: the prefix and what checks it. */
struct family {
	const char *prefix;
	void (*check)(struct json_object *params);
};

static void test_family(void **state)
{
	const struct family *family = *state;
	char **list = golden_list(family->prefix);

	for (char **name = list; *name; name++) {
		struct json_object *params;

		if (left_out_reason(*name)) {
			print_message("# %s left out: %s\n", *name, left_out_reason(*name));
			continue;
		}
		print_message("# %s\n", *name);
		params = golden_load(*name);
		family->check(params);
		(void)json_object_put(params);
	}
	golden_free_list(list);
}

int main(void)
{
	static struct family families[] = {
		{ "crypt-", check_crypt },
		{ "integrity-", check_integrity },
		{ "integrity-", check_formatted },
		{ "verity-", check_verity },
		{ "stack-", check_stack },
		{ "aead-", check_aead },
	};
	const struct CMUnitTest tests[] = {
		{ "crypt", test_family, NULL, NULL, &families[0] },
		{ "integrity", test_family, NULL, NULL, &families[1] },
		{ "integrity formatted", test_family, NULL, NULL, &families[2] },
		{ "verity", test_family, NULL, NULL, &families[3] },
		{ "stack", test_family, NULL, NULL, &families[4] },
		{ "aead", test_family, NULL, NULL, &families[5] },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
