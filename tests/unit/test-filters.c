/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks of filters: what goes in comes out, in every order of layers, with any number of threads
 * the same bytes, and a flipped byte is an error and never other data.
 */

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "filter-integrity.h"
#include "memory-vdev.h"
#include "pipeline.h"
#include "rig.h"

#define KEY                                                                                        \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                         \
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define SALT "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

static void add_crypt(struct rig *rig, const char *sector_size)
{
	struct rig_layer *l = rig_add_layer(rig, "crypt", "key");

	rig_set(l, "sector-size", "%s", sector_size);
}

static struct rig_layer *add_integrity(
	struct rig *rig, const char *algorithm, const char *sector_size)
{
	bool keyed = startswith(algorithm, "hmac");
	struct rig_layer *l = rig_add_layer(rig, "integrity", keyed ? "key" : NULL);

	rig_set(l, "integrity-algorithm", "%s", algorithm);
	rig_set(l, "sector-size", "%s", sector_size);
	rig_set(l, "salt", SALT);
	/* Areas small enough that there are several. */
	rig_set(l, "interleave-sectors", "256");
	rig_set(l, "journal-size", "65536");
	return l;
}

static struct rig_layer *add_verity(struct rig *rig, const char *data_size, const char *hash_size)
{
	struct rig_layer *l = rig_add_layer(rig, "verity", NULL);

	rig_set(l, "data-block-size", "%s", data_size);
	rig_set(l, "hash-block-size", "%s", hash_size);
	rig_set(l, "salt", SALT);
	return l;
}

/* Layers by letter, bottom first; upper case: metadata on a device of its own. */
static void add_layers(struct rig *rig, const char *letters)
{
	struct rig_layer *l;

	rig_add_key(rig, "key", KEY);
	for (const char *p = letters; *p; p++) {
		switch (*p) {
		case 'l':
			rig_set(rig_add_layer(rig, "linear", NULL), "offset", "16");
			break;
		case 'c':
			add_crypt(rig, "4096");
			break;
		case 's':
			add_crypt(rig, "512");
			break;
		case 'i':
			(void)add_integrity(rig, "sha256", "4096");
			break;
		case 'h':
			(void)add_integrity(rig, "hmac-sha256", "512");
			break;
		case 'I':
			rig_below_later(add_integrity(rig, "crc32c", "4096"), "meta");
			break;
		case 'm':
			l = add_integrity(rig, "hmac-sha256", "4096");
			rig_add_key(rig, "journal", KEY);
			rig_set(l, "journal-integrity", "hmac-sha256");
			rig_set(l, "journal-integrity-key", "credential:journal");
			break;
		case 'F':
			l = add_verity(rig, "4096", "4096");
			rig_below_later(l, "fec");
			rig_set(l, "fec-roots", "4");
			break;
		case 'v':
			(void)add_verity(rig, "4096", "4096");
			break;
		case 'V':
			rig_below_later(add_verity(rig, "4096", "1024"), "hash");
			break;
		default:
			fail_msg("no layer %c", *p);
		}
	}
}

/* Some stretches random, some zero, and a piece at the end that fills no block. */
static struct vdev *make_input(uint64_t size)
{
	struct vdev *v = memory_vdev_new(NULL, size, 512);
	uint8_t *bytes = memory_vdev_bytes(v);
	unsigned random = (unsigned)size;

	for (uint64_t i = 0; i < size; i++)
		if (i >> 16 & 1 || i < 4096)
			bytes[i] = (uint8_t)next_random(&random);
	return v;
}

static void check_round_trip(const char *letters, uint64_t size)
{
	_cleanup_(rig_done) struct rig one = { .threads = 1 }, two = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(size);

	print_message("# %s, %ju bytes\n", letters, (uintmax_t)size);
	add_layers(&one, letters);
	add_layers(&two, letters);
	rig_layout(&one, size);
	rig_layout(&two, size);
	rig_create(&one, input);
	rig_create(&two, input);
	assert_int_equal(one.n_devices, two.n_devices);
	for (size_t i = 0; i < one.n_devices; i++)
		assert_memory_equal(memory_vdev_bytes(one.devices[i]),
			memory_vdev_bytes(two.devices[i]), one.devices[i]->size_bytes);

	assert_int_equal(rig_verify(&two), 0);
	assert_int_equal(two.n_damages, 0);
	rig_assert_content(&two, memory_vdev_bytes(input), input->size_bytes);
}

static void test_three_layers(void **state)
{
	static const char *const orders[] = { "civ", "cvi", "icv", "ivc", "vci", "vic" };

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		check_round_trip(orders[i], (test_is_slow() ? 1 : 3) * 1024 * 1024 + 512 * 9);
}

static void test_other_stacks(void **state)
{
	static const char *const stacks[] = { "l", "c", "s", "i", "h", "I", "v", "V", "li", "il",
		"cc", "ii", "vv", "hs", "sh", "cs", "is", "Ic", "cI", "iV", "Vi", "lhsV", "iici",
		"m", "F", "ciF" };

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		check_round_trip(stacks[i], (test_is_slow() ? 256 : 1024) * 1024 + 512 * 3);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = { 512, 4096, 4608, 131072, 128 * 4096 + 512, 129 * 4096,
		256 * 4096, 257 * 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_round_trip("v", sizes[i]);
		check_round_trip("i", sizes[i]);
		check_round_trip("civ", sizes[i]);
	}
}

/*
 * Like rig_assert_content(), but a block may be missing where damage was reported. Reads what no
 * layer above uses as well. True if something was wrong.
 */
static bool find_damage(struct rig *rig, struct vdev *input, const char *what)
{
	_cleanup_(diag_done) struct diag diag = {};
	uint64_t size = input->size_bytes;
	uint8_t block[4096];
	struct vdev *top;

	rig->n_damages = 0;
	/* A damaged superblock or journal: nothing opens, and it is said what is wrong. */
	if (rig_open(rig, FILTER_READ, &diag) < 0) {
		assert_non_null(diag.what);
		rig_close(rig);
		return true;
	}
	top = rig_top(rig);
	for (uint64_t i = 0; i < top->size_bytes; i += top->block_size) {
		const uint8_t *expected = memory_vdev_bytes(input) + i;
		unsigned before = rig->n_damages;
		int r = vdev_read(top, block, top->block_size, i);

		if (r == -EILSEQ) {
			assert_true(rig->n_damages > before || before > 0);
			continue;
		}
		assert_int_equal(r, 0);
		for (uint64_t j = 0; j < top->block_size; j++)
			if (block[j] != (i + j < size ? expected[j] : 0))
				fail_msg("%s: wrong data at %ju", what, (uintmax_t)(i + j));
	}
	for (size_t i = rig->n_layers; i-- > 0;)
		assert_int_equal(vdev_finish(rig->layers[i].vdev, &diag), 0);
	rig_close(rig);
	return rig->n_damages > 0;
}

/* One byte after the other is damaged, all over the devices. */
static void check_flips(const char *letters, unsigned flips)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 1 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(300000 / 512 * 512);
	unsigned random = 1, found = 0;

	add_layers(&rig, letters);
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	for (unsigned i = 0; i < flips; i++) {
		struct vdev *v = rig.devices[i % rig.n_devices];
		uint64_t at = next_random(&random) % v->size_bytes;
		uint8_t *bytes = memory_vdev_bytes(v);
		char what[64];

		/* The superblock too. */
		if (i < 64)
			at = i % v->size_bytes;
		(void)snprintf(what, sizeof(what), "%s: byte %ju of device %zu", letters,
			(uintmax_t)at, i % rig.n_devices);
		bytes[at] ^= 0x40;
		found += find_damage(&rig, input, what);
		bytes[at] ^= 0x40;
	}
	/* All but padding, and what lies between a superblock and its tree. */
	print_message("# %s: %u of %u found\n", letters, found, flips);
	assert_true(found > flips / 10 * 8);
	assert_int_equal(rig_verify(&rig), 0);
}

static void test_flipped_bytes(void **state)
{
	static const char *const stacks[] = { "i", "h", "I", "v", "V", "ci", "ic", "vc", "civ", "m",
		"F" };

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		check_flips(stacks[i], test_is_slow() ? 20 : 200);
}

static void test_damage_is_located(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(2 * 1024 * 1024);
	uint8_t *bytes;

	add_layers(&rig, "v");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	bytes = memory_vdev_bytes(rig.base);

	bytes[100 * 4096 + 17] ^= 1;
	assert_int_equal(rig_verify(&rig), 4096);
	assert_string_equal(rig.damage.part, "data");
	assert_int_equal(rig.damage.offset, 100 * 4096);
	assert_int_equal(rig.damage.length, 4096);
	assert_ptr_equal(rig.damage.layer, rig.layers[0].layer);
	bytes[100 * 4096 + 17] ^= 1;

	/* Superblock, top, then the leaves: the second of four covers blocks 128 to 255. */
	bytes[input->size_bytes + 3 * 4096 + 5] ^= 1;
	assert_int_equal(rig_verify(&rig), 128 * 4096);
	assert_string_equal(rig.damage.part, "tree");
	assert_int_equal(rig.damage.offset, input->size_bytes + 3 * 4096);
	bytes[input->size_bytes + 3 * 4096 + 5] ^= 1;
	assert_int_equal(rig_verify(&rig), 0);
}

static int open_error(struct rig *rig, const char *word)
{
	_cleanup_(diag_done) struct diag diag = {};
	int r = rig_open(rig, FILTER_READ, &diag);

	assert_true(r < 0);
	assert_non_null(diag.what);
	assert_non_null(diag.where);
	if (!strstr(diag.what, word))
		fail_msg("\"%s\" does not speak of %s", diag.what, word);
	rig_close(rig);
	return r;
}

/* Offsets of an image with a journal of one section or more behind the superblock. */
static void test_integrity_metadata(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 1 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(1024 * 1024);
	uint8_t *bytes, kept[8192];

	add_layers(&rig, "i");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	bytes = memory_vdev_bytes(rig.base);
	memcpy(kept, bytes, sizeof(kept));

	/* The kernel would format such a device, and take any data then. */
	memset(bytes, 0, 4096);
	(void)open_error(&rig, "superblock");
	memcpy(bytes, kept, sizeof(kept));
	/* A dirty bitmap or a recalculation would make it compute tags anew. */
	bytes[24] |= 4;
	(void)open_error(&rig, "bitmap");
	bytes[24] = kept[24] | 2;
	(void)open_error(&rig, "recalculate");
	memcpy(bytes, kept, sizeof(kept));
	/* An entry that is in use. */
	memset(bytes + 4096 + 4, 0, 4);
	assert_int_equal(open_error(&rig, "journal"), -EUCLEAN);
	memcpy(bytes, kept, sizeof(kept));
	/* A commit id that is not one. */
	bytes[4096 + 504] ^= 1;
	assert_int_equal(open_error(&rig, "journal"), -EUCLEAN);
	memcpy(bytes, kept, sizeof(kept));
	assert_int_equal(rig_verify(&rig), 0);
}

/* The MAC covers what no field of the layer says, such as the granularity of the bitmap. */
static void test_superblock_mac(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 1 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(65536);
	uint8_t *bytes;

	add_layers(&rig, "m");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	bytes = memory_vdev_bytes(rig.base);
	bytes[29] ^= 1;
	assert_int_equal(open_error(&rig, "MAC"), -EILSEQ);
	bytes[29] ^= 1;
	bytes[511] ^= 1;
	assert_int_equal(open_error(&rig, "MAC"), -EILSEQ);
	bytes[511] ^= 1;
	/* keys[1] is that of the journal. */
	secret_bytes(rig.keys[1].key)[0] ^= 1;
	assert_int_equal(open_error(&rig, "MAC"), -EILSEQ);
	secret_bytes(rig.keys[1].key)[0] ^= 1;
	assert_int_equal(rig_verify(&rig), 0);
}

/* Damage where no layer above reads: the first block under a linear layer, and the parity. */
static void test_damage_out_of_sight(void **state)
{
	static const struct {
		const char *letters, *part;
	} cases[] = { { "vl", "data" }, { "F", "parity" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rig_done) struct rig rig = { .threads = 2 };
		_cleanup_(vdev_freep) struct vdev *input = make_input(1024 * 1024);
		uint8_t *bytes;

		add_layers(&rig, cases[i].letters);
		rig_layout(&rig, input->size_bytes);
		rig_create(&rig, input);
		/* The devices of other roles come before the base. */
		bytes = memory_vdev_bytes(rig.devices[0]);
		bytes[100] ^= 1;
		assert_int_equal(rig_verify(&rig), 0);
		assert_int_equal(rig.n_damages, 1);
		assert_string_equal(rig.damage.part, cases[i].part);
		assert_int_equal(rig.damage.offset, 0);
		bytes[100] ^= 1;
		assert_int_equal(rig_verify(&rig), 0);
		assert_int_equal(rig.n_damages, 0);
	}
}

/* The same for integrity, whose first block lies behind its metadata. */
static void test_damage_below_linear(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(65536);
	struct integrity_geometry geo;

	add_layers(&rig, "il");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	assert_int_equal(integrity_layer_geometry(rig.layers[0].layer,
				 rig.base->size_bytes / SECTOR_SIZE, 0, &geo, NULL),
		0);
	memory_vdev_bytes(rig.base)[integrity_data_sector(&geo, 0) * SECTOR_SIZE] ^= 1;
	assert_int_equal(rig_verify(&rig), 0);
	assert_int_equal(rig.n_damages, 1);
	assert_int_equal(rig.damage.offset, 0);
}

static void test_wrong_key(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(1024 * 1024);

	add_layers(&rig, "h");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	secret_bytes(rig.keys[0].key)[5] ^= 1;
	/* Every block is damaged, also those behind the input. */
	assert_true(rig_verify(&rig) >= input->size_bytes);
	secret_bytes(rig.keys[0].key)[5] ^= 1;
	assert_int_equal(rig_verify(&rig), 0);
}

/* What a layer above leaves out is zeros with valid tags, not a hole that cannot be read. */
static void test_gaps_are_covered(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(1024 * 1024);
	_cleanup_(diag_done) struct diag diag = {};
	uint8_t block[4096];

	add_layers(&rig, "il");
	rig_layout(&rig, input->size_bytes);
	rig_create(&rig, input);
	assert_int_equal(rig_open(&rig, FILTER_READ, &diag), 0);
	for (uint64_t i = 0; i < rig.layers[0].vdev->size_bytes; i += sizeof(block))
		assert_int_equal(vdev_read(rig.layers[0].vdev, block, sizeof(block), i), 0);
	rig_close(&rig);
}

/* Many small areas, each with a run of tags that fills no block: none of them waits for the end. */
static void test_memory(void **state)
{
	_cleanup_(rig_done) struct rig rig = { .threads = 2 };
	_cleanup_(vdev_freep) struct vdev *input = make_input(4 * 1024 * 1024);
	_cleanup_(diag_done) struct diag diag = {};
	struct pipeline p = { .threads = 2 };
	struct rig_layer *l;

	rig_add_key(&rig, "key", KEY);
	add_crypt(&rig, "4096");
	l = rig_add_layer(&rig, "integrity", NULL);
	rig_set(l, "integrity-algorithm", "sha1");
	rig_set(l, "sector-size", "4096");
	rig_set(l, "salt", SALT);
	rig_set(l, "interleave-sectors", "8");
	rig_layout(&rig, input->size_bytes);
	assert_int_equal(rig_open(&rig, FILTER_CREATE, &diag), 0);
	assert_int_equal(pipeline_write(&p, input, rig_top(&rig), &diag), 0);
	assert_int_equal(block_assembler_n_open(integrity_vdev(l->vdev)->sink), 0);
	rig_close(&rig);
}

/* Blocks cannot shrink upwards, and metadata must begin where a block does. */
static void test_block_sizes(void **state)
{
	_cleanup_(rig_done) struct rig rig = {};
	_cleanup_(diag_done) struct diag diag = {};

	add_layers(&rig, "ch");
	rig_layout(&rig, 1024 * 1024);
	assert_int_equal(rig_open(&rig, FILTER_CREATE, &diag), -EINVAL);
	assert_non_null(strstr(diag.what, "4096"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_layers),
		cmocka_unit_test(test_other_stacks),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_damage_is_located),
		cmocka_unit_test(test_integrity_metadata),
		cmocka_unit_test(test_superblock_mac),
		cmocka_unit_test(test_damage_out_of_sight),
		cmocka_unit_test(test_damage_below_linear),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_gaps_are_covered),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_block_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
