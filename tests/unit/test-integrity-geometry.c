/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of dm-integrity against superblocks that the kernel wrote, the provided sizes of
 * cryptsetup's test suite, and itself: no two things overlap, and the inverse is the smallest.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "golden.h"
#include "hex.h"
#include "integrity-geometry.h"
#include "overflow.h"

static struct integrity_format row_params(struct json_object *row)
{
	struct json_object *flags = golden_get(row, "flags");
	struct integrity_format p = {
		.data_sectors = golden_u64(row, "data_sectors"),
		.meta_sectors = golden_u64_or_zero(row, "meta_sectors"),
		.start_sector = golden_u64(row, "start"),
		.journal_sectors = golden_u64(row, "journal_sectors"),
		.interleave_sectors = (uint32_t)golden_u64(row, "interleave_sectors"),
		.buffer_sectors = (uint32_t)golden_u64(row, "buffer_sectors"),
		.tag_size = (uint32_t)golden_u64(row, "tag_size"),
		.block_size = (uint32_t)golden_u64(row, "block_size"),
		.has_meta = golden_get(row, "meta_sectors") != NULL,
		.journal_mac = golden_flag(row, "journal_mac"),
	};

	for (size_t i = 0; i < json_object_array_length(flags); i++)
		if (streq(json_object_get_string(json_object_array_get_idx(flags, i)),
			    "fix_padding"))
			p.fix_padding = true;
	return p;
}

/* journal_sectors and buffer_sectors in the table that the kernel shows are what it uses. */
static uint64_t table_number(struct json_object *row, const char *option)
{
	const char *found = strstr(golden_str(row, "table"), option);

	assert_non_null(found);
	return strtoull(found + strlen(option), NULL, 10);
}

static void check_row(struct json_object *row)
{
	struct integrity_format p = row_params(row);
	struct integrity_geometry geo, opened;
	uint8_t data[INTEGRITY_SB_SIZE] = {};
	struct integrity_sb sb, made;
	size_t size;
	int r = integrity_geometry_format(&p, &geo, NULL);

	if (golden_get(row, "error")) {
		assert_int_equal(r, -ENOSPC);
		return;
	}
	if (r == -EOPNOTSUPP) {
		/* The kernel formats it and destroys data later. */
		assert_false(p.fix_padding);
		assert_true(p.interleave_sectors < 128);
		return;
	}
	assert_int_equal(r, 0);

	_cleanup_free_ uint8_t *bytes = golden_hex(row, "superblock", &size);
	assert_int_equal(size, 64);
	memcpy(data, bytes, size);
	assert_int_equal(integrity_sb_decode(data, &sb, NULL), 0);
	assert_int_equal(sb.provided_sectors, golden_u64(row, "provided_data_sectors"));
	integrity_geometry_sb(&geo, sb.flags, sb.salt, &made);
	if (streq(golden_str(row, "mode"), "B"))
		made.version = integrity_sb_version(sb.flags, geo.has_meta, true);
	made.recalc_sector = sb.recalc_sector;
	integrity_sb_encode(&made, data);
	assert_memory_equal(data, bytes, size);
	assert_int_equal(integrity_journal_sectors(&geo), table_number(row, "journal_sectors:"));
	assert_int_equal(geo.buffer_sectors, table_number(row, "buffer_sectors:"));

	assert_int_equal(integrity_geometry_open(&p, &sb, &opened, NULL), 0);
	assert_memory_equal(&opened, &geo, sizeof(geo));
}

static void test_kernel_superblocks(void **state)
{
	struct json_object *params = golden_load("geometry");
	struct json_object *rows = golden_get(params, "rows");

	assert_int_equal(json_object_array_length(rows), 164);
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		check_row(json_object_array_get_idx(rows, i));
	json_object_put(params);
}

static void test_provided_sizes(void **state)
{
	static const struct {
		uint64_t data_sectors, meta_sectors;
		uint32_t tag_size, block_size;
		bool fix_padding;
		uint64_t provided;
	} cases[] = {
		{ 65536, 0, 4, 512, false, 64664 },
		{ 65536, 0, 8, 512, false, 64152 },
		{ 65536, 0, 20, 512, false, 62552 },
		{ 65536, 0, 16, 4096, false, 64688 },
		{ 65536, 0, 32, 512, false, 60992 },
		{ 65536, 0, 32, 4096, false, 64752 },
		{ 65536, 0, 4, 4096, true, 65072 },
		{ 65536, 65536, 4, 512, false, 65536 },
		{ 2097152, 0, 4, 4096, true, 2079024 },
		{ 2147483648, 0, 4, 4096, true, 2145257704 },
		{ 2097152, 0, 32, 4096, true, 2064392 },
		{ 20971520, 0, 32, 4096, true, 20678776 },
		{ 2147483648, 0, 32, 4096, true, 2130706432 },
		{ 2147483648, 0, 32, 512, true, 2021036064 },
	};
	static const struct {
		uint32_t tag_size, block_size;
		uint64_t provided;
	} behind_header[] = {
		{ 32, 512, 52800 },
		{ 48, 512, 50680 },
		{ 32, 4096, 56560 },
		{ 28, 4096, 56560 },
		{ 48, 4096, 56048 },
		{ 36, 4096, 56048 },
		{ 64, 4096, 55912 },
		{ 80, 4096, 55400 },
		{ 20, 4096, 56496 },
		{ 64, 512, 48640 },
		{ 28, 512, 53312 },
		{ 24, 512, 53848 },
		{ 16, 512, 54776 },
	};
	struct integrity_geometry geo;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct integrity_format p = {
			.data_sectors = cases[i].data_sectors,
			.meta_sectors = cases[i].meta_sectors,
			.has_meta = cases[i].meta_sectors != 0,
			.tag_size = cases[i].tag_size,
			.block_size = cases[i].block_size,
			.fix_padding = cases[i].fix_padding,
		};

		assert_int_equal(integrity_geometry_format(&p, &geo, NULL), 0);
		assert_int_equal(geo.provided_sectors, cases[i].provided);
	}
	for (size_t i = 0; i < ARRAY_SIZE(behind_header); i++) {
		struct integrity_format p = {
			.data_sectors = 65536,
			.start_sector = 8192,
			.tag_size = behind_header[i].tag_size,
			.block_size = behind_header[i].block_size,
		};

		assert_int_equal(integrity_geometry_format(&p, &geo, NULL), 0);
		assert_int_equal(geo.provided_sectors, behind_header[i].provided);
	}
}

/* The golden images tell where the tags and data of each area are. */
static void check_areas(struct json_object *image, const struct integrity_geometry *geo)
{
	struct json_object *regions = golden_get(image, "regions");
	struct integrity_area area;
	unsigned seen = 0;

	for (size_t i = 0; i < json_object_array_length(regions); i++) {
		struct json_object *region = json_object_array_get_idx(regions, i);
		const char *name = golden_str(region, "name");
		const char *index = startswith(name, "tags[");
		bool tags = index != NULL;

		if (!index)
			index = startswith(name, "data[");
		if (!index)
			continue;
		integrity_area_get(geo, strtoull(index, NULL, 10), &area);
		assert_int_equal(golden_u64(region, "offset"),
			tags ? area.tag_byte : area.data_sector * 512);
		assert_int_equal(
			golden_u64(region, "length"), tags ? area.tag_bytes : area.sectors * 512);
		seen++;
	}
	assert_true(seen > 0);
}

static void check_image(struct json_object *params, struct json_object *image)
{
	struct json_object *parsed = golden_get(params, "layers.0.parsed");
	uint64_t image_sectors = golden_u64(image, "size") / 512;
	bool has_meta = streq(golden_str(image, "name"), "meta.img");
	struct integrity_format p = {
		.data_sectors = image_sectors,
		.meta_sectors = image_sectors,
		.start_sector = golden_u64(parsed, "offset"),
		.has_meta = has_meta,
	};
	struct integrity_geometry geo;
	uint8_t data[INTEGRITY_SB_SIZE] = {};
	struct integrity_sb sb;
	size_t size;

	if (has_meta)
		p.data_sectors = golden_u64(parsed, "sectors");
	_cleanup_free_ uint8_t *bytes = golden_hex(image, "superblock.hex", &size);
	memcpy(data, bytes, size);
	assert_int_equal(integrity_sb_decode(data, &sb, NULL), 0);
	assert_int_equal(integrity_geometry_open(&p, &sb, &geo, NULL), 0);
	assert_int_equal(geo.provided_sectors, sb.provided_sectors);
	assert_int_equal(
		geo.section_entries, golden_u64(image, "geometry.journal_section_entries"));
	assert_int_equal(
		geo.section_sectors, golden_u64(image, "geometry.journal_section_sectors"));
	assert_int_equal(geo.entry_size, golden_u64(image, "geometry.journal_entry_size"));
	assert_int_equal(geo.initial_sectors, golden_u64(image, "geometry.initial_sectors"));
	if (!has_meta) {
		assert_int_equal(
			geo.run_sectors, golden_u64(image, "geometry.metadata_run_sectors"));
		check_areas(image, &geo);
	}
	assert_int_equal(integrity_area_count(&geo), golden_u64(image, "geometry.areas"));
}

static void test_golden_images(void **state)
{
	char **list = golden_list("integrity-");
	unsigned seen = 0;

	for (char **name = list; *name; name++) {
		struct json_object *params = golden_load(*name);
		struct json_object *images = golden_get(params, "images");

		for (size_t i = 0; i < json_object_array_length(images); i++) {
			struct json_object *image = json_object_array_get_idx(images, i);

			if (!golden_get(image, "geometry"))
				continue;
			check_image(params, image);
			seen++;
		}
		json_object_put(params);
	}
	golden_free_list(list);
	assert_true(seen >= 30);
}

/* Neighbours in the walk must not overlap, and all must end on the device. */
static void check_disjoint(const struct integrity_geometry *geo, uint64_t device_sectors)
{
	uint64_t end = (geo->start_sector + geo->initial_sectors) * 512;
	uint64_t sum = 0;
	struct integrity_area area;

	for (uint64_t i = 0; i < integrity_area_count(geo); i++) {
		integrity_area_get(geo, i, &area);
		assert_int_equal(area.first_sector, sum);
		assert_int_equal(area.tag_byte, end);
		assert_true(area.tag_bytes <= area.run_bytes);
		assert_int_equal(area.data_sector * 512, area.tag_byte + area.run_bytes);
		assert_int_equal(integrity_data_sector(geo, area.first_sector + area.sectors - 1),
			area.data_sector + area.sectors - 1);
		sum += area.sectors;
		end = (area.data_sector + area.sectors) * 512;
	}
	assert_int_equal(sum, geo->provided_sectors);
	assert_int_equal(end, geo->meta_end_sector * 512);
	assert_true(geo->meta_end_sector <= device_sectors);
}

static const struct integrity_format shapes[] = {
	{ .tag_size = 4, .block_size = 512, .fix_padding = true },
	{ .tag_size = 32, .block_size = 4096, .fix_padding = true },
	{ .tag_size = 32, .block_size = 512, .journal_mac = true },
	{ .tag_size = 20, .block_size = 1024, .fix_padding = true, .interleave_sectors = 8 },
	{ .tag_size = 64, .block_size = 2048, .fix_padding = true, .interleave_sectors = 1000 },
	{ .tag_size = 255, .block_size = 512, .fix_padding = true, .start_sector = 2048 },
	{ .tag_size = 32, .block_size = 4096, .fix_padding = true, .journal_sectors = 1 },
	{ .tag_size = 8, .block_size = 4096, .journal_sectors = 10000, .interleave_sectors = 128 },
};

static void test_areas_disjoint(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (uint64_t sectors = 20000; sectors < 4000000; sectors = sectors * 3 / 2 + 1) {
			struct integrity_format p = shapes[i];
			struct integrity_geometry geo;

			p.data_sectors = sectors;
			assert_int_equal(integrity_geometry_format(&p, &geo, NULL), 0);
			check_disjoint(&geo, sectors);
		}
}

static bool provides(struct integrity_format p, uint64_t size, uint64_t want)
{
	struct integrity_geometry geo;

	p.data_sectors = size;
	return integrity_geometry_format(&p, &geo, NULL) == 0 && geo.provided_sectors >= want;
}

/* Every smaller size by trial is too slow, so the ones just below, and coarse steps. */
static void check_smallest(const struct integrity_format *p, uint64_t want, uint64_t align)
{
	uint64_t size = 0;

	assert_int_equal(integrity_smallest_data_device(p, want, align, &size, NULL), 0);
	assert_int_equal(size % align, 0);
	assert_true(provides(*p, size, want));
	for (uint64_t i = 1; i <= 300 && i * align < size; i++)
		assert_false(provides(*p, size - i * align, want));
	for (uint64_t s = align_up_u64(want, align); s < size;
		s += align * (1 + (size - want) / align / 200))
		assert_false(provides(*p, s, want));
}

static void test_smallest_data_device(void **state)
{
	static const uint64_t wants[] = { 1, 8, 9, 2048, 22528, 65536, 99999, 262144, 1000000,
		8388608, 16777216, 20000000, UINT64_C(1) << 31, (UINT64_C(1) << 40) + 8 };
	static const uint64_t aligns[] = { 1, 8, 2048 };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(wants); j++)
			for (size_t k = 0; k < ARRAY_SIZE(aligns); k++)
				check_smallest(&shapes[i], wants[j], aligns[k]);
}

static void test_smallest_meta_device(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct integrity_format p = shapes[i];
		struct integrity_geometry most, geo;
		uint64_t size = 0;

		p.has_meta = true;
		p.data_sectors = 2000000 + 8 * i;
		p.meta_sectors = INTEGRITY_DEVICE_SECTORS_MAX;
		assert_int_equal(integrity_geometry_format(&p, &most, NULL), 0);
		assert_int_equal(integrity_smallest_meta_device(&p, 1, &size, NULL), 0);
		p.meta_sectors = size;
		assert_int_equal(integrity_geometry_format(&p, &geo, NULL), 0);
		assert_memory_equal(&geo, &most, sizeof(geo));
		p.meta_sectors = size - 1;
		if (integrity_geometry_format(&p, &geo, NULL) == 0)
			assert_true(geo.buffer_sectors < most.buffer_sectors ||
				    geo.journal_sections < most.journal_sections);
		p.has_meta = false;
	}
}

static void test_data_device_with_meta(void **state)
{
	struct integrity_format p = { .tag_size = 32, .block_size = 4096, .has_meta = true };
	uint64_t size;

	assert_int_equal(integrity_smallest_data_device(&p, 1001, 1, &size, NULL), 0);
	assert_int_equal(size, 1008);
	assert_int_equal(integrity_smallest_data_device(&p, 1001, 100, &size, NULL), 0);
	assert_int_equal(size, 1100);
}

static int format_with(struct integrity_format p)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct integrity_geometry geo;
	int r = integrity_geometry_format(&p, &geo, &diag);

	if (r < 0)
		assert_non_null(diag.what);
	return r;
}

static void test_refusals(void **state)
{
	const struct integrity_format good = {
		.data_sectors = 100000, .tag_size = 32, .block_size = 4096, .fix_padding = true
	};
	struct integrity_format p = good;
	uint64_t size = 7;

	assert_int_equal(format_with(p), 0);
	p.tag_size = 0;
	assert_int_equal(format_with(p), -EINVAL);
	p.tag_size = 256;
	assert_int_equal(format_with(p), -EINVAL);
	p = good;
	p.block_size = 8192;
	assert_int_equal(format_with(p), -EINVAL);
	p.block_size = 0;
	assert_int_equal(format_with(p), -EINVAL);
	p.block_size = 3072;
	assert_int_equal(format_with(p), -EINVAL);
	p = good;
	p.data_sectors = INTEGRITY_DEVICE_SECTORS_MAX + 1;
	assert_int_equal(format_with(p), -EOVERFLOW);
	p.data_sectors = INTEGRITY_DEVICE_SECTORS_MAX;
	assert_int_equal(format_with(p), 0);
	p.journal_sectors = UINT64_MAX;
	assert_int_equal(format_with(p), -EOVERFLOW);
	p = good;
	p.data_sectors = 0;
	assert_int_equal(format_with(p), -ENOSPC);
	p = good;
	p.start_sector = 100000;
	assert_int_equal(format_with(p), -ENOSPC);
	p = good;
	p.fix_padding = false;
	p.interleave_sectors = 64;
	assert_int_equal(format_with(p), -EOPNOTSUPP);
	p.interleave_sectors = 128;
	assert_int_equal(format_with(p), 0);

	assert_int_equal(integrity_smallest_data_device(&good, 0, 1, &size, NULL), -EINVAL);
	assert_int_equal(integrity_smallest_data_device(&good, 1, 0, &size, NULL), -EINVAL);
	assert_int_equal(
		integrity_smallest_data_device(&good, INTEGRITY_DEVICE_SECTORS_MAX, 1, &size, NULL),
		-EOVERFLOW);
	assert_int_equal(size, 7);
}

/* The kernel would write the tags behind the end of the metadata device. */
static void test_meta_start_counts(void **state)
{
	struct integrity_format p = { .data_sectors = 100000,
		.meta_sectors = 2500,
		.tag_size = 32,
		.block_size = 4096,
		.has_meta = true,
		.journal_sectors = 264 };

	assert_int_equal(format_with(p), 0);
	p.start_sector = 1500;
	assert_int_equal(format_with(p), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_superblocks),
		cmocka_unit_test(test_provided_sizes),
		cmocka_unit_test(test_golden_images),
		cmocka_unit_test(test_areas_disjoint),
		cmocka_unit_test(test_smallest_data_device),
		cmocka_unit_test(test_smallest_meta_device),
		cmocka_unit_test(test_data_device_with_meta),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_meta_start_counts),
	};

	return cmocka_run_group_tests_name("integrity-geometry", tests, NULL, NULL);
}
