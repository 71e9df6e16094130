/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images that the kernel, cryptsetup, integritysetup and veritysetup made, built again by the
 * filters and compared by the sha256 of the complete image; then read back.
 */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "golden-case.h"
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

static void assert_root(struct rig_layer *l, struct json_object *params)
{
	size_t size;
	_cleanup_free_ uint8_t *root = golden_hex(params, "spec.root_hash", &size);

	assert_int_equal(verity_fields(l->layer)->root_hash.size, size);
	assert_memory_equal(verity_fields(l->layer)->root_hash.data, root, size);
}

static void check_crypt(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	struct vdev *image = case_device(&rig, params, "data.img");

	case_add_crypt(&rig, params, case_table(params, "crypt"));
	rig_create(&rig, plain);
	case_assert_image(params, "data.img", image);
	case_assert_reads(&rig, plain);
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
		sb = golden_hex(case_image(params, "data.img"), "superblock.hex", &size);
		memcpy(memory_vdev_bytes(meta), sb, MIN(size, (size_t)64));
	}
}

static void check_integrity(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	const char *meta_name = case_image(params, "meta.img") ? "meta.img" : "data.img";
	struct vdev *data = case_device(&rig, params, "data.img"), *meta = data;
	struct rig_layer *l =
		case_add_integrity(&rig, params, case_table(params, "integrity"), meta_name);

	rig_below(l, "data", data);
	if (streq(meta_name, "meta.img")) {
		meta = case_device(&rig, params, meta_name);
		rig_below(l, "meta", meta);
	}
	if (golden_get(params, "spec.discarded"))
		memset(memory_vdev_bytes(plain) + golden_u64(params, "spec.discarded.0"), 0,
			golden_u64(params, "spec.discarded.1") -
				golden_u64(params, "spec.discarded.0"));
	rig_create(&rig, plain);
	after_create(params, l, meta);
	case_assert_image(params, "data.img", data);
	case_assert_image(params, meta_name, meta);
	if (golden_get(params, "spec.discarded"))
		assert_int_equal(rig_verify(&rig), golden_u64(params, "spec.discarded.1") -
							   golden_u64(params, "spec.discarded.0"));
	else
		case_assert_reads(&rig, plain);
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
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	bool has_meta = case_image(params, "meta.formatted.img");
	const char *name = has_meta ? "meta.formatted.img" : "data.formatted.img";
	struct vdev *data = case_device(&rig, params, "data.formatted.img"), *meta = data;
	struct rig_layer *l =
		case_add_integrity(&rig, params, case_table(params, "integrity"), name);

	rig_below(l, "data", data);
	if (has_meta) {
		meta = case_device(&rig, params, name);
		rig_below(l, "meta", meta);
	}
	if (golden_flag(params, "spec.formatted_has_data")) {
		/* Data written without checks, tags left to the recalculation. */
		rig_create(&rig, plain);
		set_tags(l, meta, 0, UINT64_MAX, 0);
	} else {
		create_formatted(&rig, l);
	}
	case_assert_image(params, name, meta);
}

static void check_verity(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	struct json_object *spec = golden_get(params, "spec");
	struct vdev *data = case_device(&rig, params, "data.img"), *hash = NULL, *parity = NULL;
	struct rig_layer *l = case_add_verity(&rig, spec);

	rig_below(l, "data", data);
	if (case_image(params, "hash.img")) {
		hash = case_device(&rig, params, "hash.img");
		rig_below(l, "hash", hash);
	}
	if (golden_get(spec, "fec_roots")) {
		parity = hash;
		if (case_image(params, "fec.img"))
			parity = case_device(&rig, params, "fec.img");
		rig_below(l, "fec", parity);
		rig_set(l, "fec-roots", "%ju", (uintmax_t)golden_u64(spec, "fec_roots"));
		rig_set(l, "fec-offset", "%ju", (uintmax_t)golden_u64_or_zero(spec, "fec_offset"));
	}
	rig_create(&rig, plain);
	assert_root(l, params);
	case_assert_image(params, "data.img", data);
	if (hash)
		case_assert_image(params, "hash.img", hash);
	if (parity && parity != hash)
		case_assert_image(params, "fec.img", parity);
	case_assert_reads(&rig, plain);
}

static void check_stack(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	struct vdev *image = case_device(&rig, params, "data.img");
	const char *model = golden_str(params, "spec.model");
	struct rig_layer *verity = NULL;

	/* Bottom first. */
	if (streq(model, "crypt-over-integrity")) {
		case_add_integrity(&rig, params, case_table(params, "integrity"), "data.img");
		case_add_crypt(&rig, params, case_table(params, "crypt"));
	} else if (streq(model, "integrity-over-crypt")) {
		case_add_crypt(&rig, params, case_table(params, "crypt"));
		case_add_integrity(&rig, params, case_table(params, "integrity"), "data.img");
	} else if (streq(model, "crypt-over-verity")) {
		verity = case_add_verity(&rig, golden_get(params, "spec.verity"));
		case_add_crypt(&rig, params, case_table(params, "crypt"));
	} else if (streq(model, "verity-over-crypt")) {
		case_add_crypt(&rig, params, case_table(params, "crypt"));
		verity = case_add_verity(&rig, golden_get(params, "spec.verity"));
	} else {
		fail_msg("unknown stack %s", model);
	}
	rig_create(&rig, plain);
	if (verity)
		assert_root(verity, params);
	case_assert_image(params, "data.img", image);
	case_assert_reads(&rig, plain);
}

/* Random IVs were taken out of the tags of the real image; all else is computed. */
static void check_aead(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	struct vdev *image = case_device(&rig, params, "data.img");
	struct json_object *table = case_table(params, "crypt");
	uint64_t unit = strtoull(case_option(table, "sector_size") ?: "512", NULL, 10);
	_cleanup_free_ uint8_t *ivs = NULL;
	size_t size = 0;

	case_add_integrity(&rig, params, case_table(params, "integrity"), "data.img");
	case_add_crypt(&rig, params, table);
	ivs = golden_file(golden_str(params, "case"), "ivs.bin", &size);
	rig.ivs = ivs;
	rig.iv_size = size / (golden_u64(table, "sectors") * 512 / unit);
	rig_create(&rig, plain);
	case_assert_image(params, "data.img", image);
	case_assert_reads(&rig, plain);
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
