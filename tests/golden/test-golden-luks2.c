/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LUKS2 volumes of cryptsetup: their headers open, and what is behind them is made again.
 */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "golden-case.h"
#include "memory-vdev.h"

/*
 * The header is that of cryptsetup, whose random bytes nobody can make again; what is behind it is
 * made by the layers that the header stands for. The bytes before the data that it does not use are
 * random too, and zero here.
 */
static void assert_luks_image(struct json_object *params, struct vdev *v)
{
	struct json_object *image = case_image(params, "data.img");
	const char *zeroed = golden_get(image, "sha256_random_fill_zeroed")
				     ? golden_str(image, "sha256_random_fill_zeroed")
				     : golden_str(image, "sha256");

	golden_assert_sha256(memory_vdev_bytes(v), v->size_bytes, zeroed);
}

static void luks_layers(struct rig *rig, struct json_object *params, struct vdev *image)
{
	struct json_object *segment = golden_get(params, "dumps.luksDump json.segments.0");
	struct json_object *tags = golden_get(segment, "integrity.type");
	struct rig_layer *l;

	rig_add_device(rig, memory_vdev_new(memory_vdev_bytes(image), image->size_bytes, 512));
	if (tags)
		case_add_integrity(rig, params, case_table(params, "integrity"), "data.img");
	rig_add_key(rig, "passphrase", golden_str(params, "keys.passphrase"));
	l = rig_add_layer(rig, "luks", "passphrase");
	if (!tags)
		return;
	rig_below(l, "header", rig->devices[0]);
	rig_set(l, "cipher", "%s", golden_str(segment, "encryption"));
	rig_set(l, "integrity", "%s",
		startswith(json_object_get_string(tags), "hmac") ? "hmac-sha256" : "poly1305");
	rig_set(l, "sector-size", "%ju", (uintmax_t)golden_u64(segment, "sector_size"));
}

static void check_luks(struct json_object *params)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 }, opened = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *plain = case_plain(params);
	struct vdev *image = case_device(&rig, params, "data.img");
	struct json_object *table = case_table(params, "crypt");
	uint64_t unit = strtoull(case_option(table, "sector_size") ?: "512", NULL, 10);
	_cleanup_free_ uint8_t *header = NULL, *ivs = NULL;
	size_t size = 0, ivs_size = 0;

	header = golden_file(golden_str(params, "case"), "header.bin", &size);
	assert_non_null(header);
	ivs = golden_file(golden_str(params, "case"), "ivs.bin", &ivs_size);
	rig.ivs = ivs;
	rig.iv_size = ivs_size / (golden_u64(table, "sectors") * 512 / unit);
	if (golden_get(params, "images.1.superblock"))
		case_add_integrity(&rig, params, case_table(params, "integrity"), "data.img");
	case_add_crypt(&rig, params, table);
	rig_create(&rig, plain);
	memcpy(memory_vdev_bytes(image), header, size);
	assert_luks_image(params, image);

	luks_layers(&opened, params, image);
	case_assert_reads(&opened, plain);
}

static void test_luks2(void **state)
{
	char **list = golden_list("luks2-");

	for (char **name = list; *name; name++) {
		struct json_object *params = golden_load(*name);

		print_message("# %s\n", *name);
		check_luks(params);
		(void)json_object_put(params);
	}
	golden_free_list(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_luks2) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
