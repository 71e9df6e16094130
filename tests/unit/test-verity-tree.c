/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hash devices and their parity, made in the plainest way from the shape of the tree, against those
 * that veritysetup wrote and the root hashes of cryptsetup's test suite.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "golden.h"
#include "hex.h"
#include "overflow.h"
#include "parse.h"
#include "reed-solomon.h"
#include "verity-sb.h"
#include "verity-tree.h"

struct hasher {
	struct digest *digest;
	const uint8_t *salt;
	size_t salt_size;
	uint32_t hash_type;
};

static void hash_block(struct hasher *h, const uint8_t *block, size_t size, uint8_t *ret)
{
	struct iovec iov[] = {
		{ (void *)(h->hash_type == 1 ? h->salt : block),
			h->hash_type == 1 ? h->salt_size : size },
		{ (void *)(h->hash_type == 1 ? block : h->salt),
			h->hash_type == 1 ? size : h->salt_size },
	};

	assert_int_equal(digest_vec(h->digest, iov, ARRAY_SIZE(iov), ret), 0);
}

/* data holds the data blocks, hash the hash device from its begin. */
static void build_tree(struct hasher *h, const struct verity_tree *tree, const uint8_t *data,
	uint8_t *hash, uint8_t *ret_root)
{
	const struct verity_format *f = &tree->params;
	uint8_t digest[DIGEST_SIZE_MAX] = {};

	for (uint64_t i = 0; i < f->data_blocks; i++) {
		hash_block(h, data + i * f->data_block_size, f->data_block_size, digest);
		if (tree->levels > 0)
			memcpy(hash + verity_slot_byte(tree, 0, i), digest, f->digest_size);
	}
	for (unsigned level = 0; level < tree->levels; level++)
		for (uint64_t i = 0; i < tree->level[level].blocks; i++) {
			uint64_t block = tree->level[level].first_block + i;

			hash_block(
				h, hash + block * f->hash_block_size, f->hash_block_size, digest);
			if (level + 1 < tree->levels)
				memcpy(hash + verity_slot_byte(tree, level + 1, i), digest,
					f->digest_size);
		}
	memcpy(ret_root, digest, f->digest_size);
}

static void read_format(struct json_object *spec, struct verity_format *ret)
{
	*ret = (struct verity_format){
		.data_blocks = golden_u64(spec, "blocks"),
		.hash_offset = golden_u64(spec, "hash_offset"),
		.data_block_size = (uint32_t)golden_u64(spec, "data_block_size"),
		.hash_block_size = (uint32_t)golden_u64(spec, "hash_block_size"),
		.digest_size = (uint32_t)digest_alg_size(golden_str(spec, "hash")),
		.hash_type = (uint32_t)golden_u64(spec, "format"),
		.has_superblock = !golden_flag(spec, "no_superblock"),
	};
}

static void write_superblock(struct json_object *spec, const struct verity_format *format,
	const uint8_t *salt, size_t salt_size, uint8_t *at)
{
	struct verity_sb sb = {
		.hash_type = format->hash_type,
		.data_block_size = format->data_block_size,
		.hash_block_size = format->hash_block_size,
		.data_blocks = format->data_blocks,
		.salt_size = (uint16_t)salt_size,
	}, back;
	const char *algorithm = golden_str(spec, "hash");

	memcpy(sb.algorithm, algorithm, strlen(algorithm));
	memcpy(sb.salt, salt, salt_size);
	assert_int_equal(parse_uuid(golden_str(spec, "uuid"), sb.uuid), 0);
	verity_sb_encode(&sb, at);
	assert_int_equal(verity_sb_decode(at, &back, NULL), 0);
	assert_memory_equal(&sb, &back, sizeof(sb));
}

/* Parity of the data blocks and of the hash area of so many bytes. */
static uint8_t *build_fec(const struct verity_fec *fec, const uint8_t *data, const uint8_t *area,
	uint64_t data_blocks)
{
	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
	uint8_t *parity = malloc(fec->parity_bytes);

	assert_non_null(parity);
	assert_int_equal(rs_encoder_new(fec->roots, fec->block_size, &rs), 0);
	for (uint64_t round = 0; round < fec->rounds; round++) {
		rs_encoder_reset(rs);
		for (uint32_t i = 0; i < fec->data_symbols; i++) {
			uint64_t block = round + i * fec->rounds;
			const uint8_t *from = NULL;

			if (block < data_blocks)
				from = data + block * fec->block_size;
			else if (block < fec->covered_blocks)
				from = area + (block - data_blocks) * fec->block_size;
			rs_encoder_feed(rs, from);
		}
		rs_encoder_parity(rs, parity + round * fec->block_size * fec->roots);
	}
	return parity;
}

static struct json_object *find_image(struct json_object *params, const char *name)
{
	struct json_object *images = golden_get(params, "images");

	for (size_t i = 0; i < json_object_array_length(images); i++) {
		struct json_object *image = json_object_array_get_idx(images, i);

		if (streq(golden_str(image, "name"), name))
			return image;
	}
	fail_msg("golden: no image %s", name);
	return NULL;
}

/* "fec_blocks 132 fec_start 0 fec_roots 24" in the table. */
static void check_fec_table(struct json_object *params, const struct verity_fec *fec)
{
	const char *found = strstr(golden_str(params, "layers.0.table"), "fec_blocks ");

	assert_non_null(found);
	assert_int_equal(strtoull(found + strlen("fec_blocks "), NULL, 10), fec->covered_blocks);
}

/* The file with the tree, and behind it the parity if they share it. */
static void check_files(struct json_object *params, const struct verity_tree *tree,
	const uint8_t *data, const uint8_t *hash, size_t hash_size)
{
	struct json_object *spec = golden_get(params, "spec");
	const char *hash_name = golden_str(spec, "hash_device");
	struct json_object *image = find_image(params, hash_name);
	const uint8_t *area = hash + tree->start_block * tree->params.hash_block_size;
	struct verity_fec fec;

	if (!golden_get(spec, "fec_roots")) {
		golden_assert_sha256(hash, hash_size, golden_str(image, "sha256"));
		return;
	}
	assert_int_equal(verity_fec_init(tree, hash_size - (size_t)(area - hash),
				 (uint32_t)golden_u64(spec, "fec_roots"), &fec, NULL),
		0);
	check_fec_table(params, &fec);
	_cleanup_free_ uint8_t *parity = build_fec(&fec, data, area, tree->params.data_blocks);
	if (!streq(golden_str(spec, "fec_device"), hash_name)) {
		golden_assert_sha256(hash, hash_size, golden_str(image, "sha256"));
		image = find_image(params, golden_str(spec, "fec_device"));
		golden_assert_sha256(parity, fec.parity_bytes, golden_str(image, "sha256"));
		return;
	}
	_cleanup_free_ uint8_t *whole = malloc(hash_size + fec.parity_bytes);
	assert_non_null(whole);
	memcpy(whole, hash, hash_size);
	memcpy(whole + hash_size, parity, fec.parity_bytes);
	assert_int_equal(golden_u64(image, "size"), hash_size + fec.parity_bytes);
	golden_assert_sha256(whole, hash_size + fec.parity_bytes, golden_str(image, "sha256"));
}

static void check_root(struct json_object *spec, const uint8_t *root, size_t size)
{
	char hex[2 * DIGEST_SIZE_MAX + 1];

	hex_encode(root, size, hex);
	assert_string_equal(hex, golden_str(spec, "root_hash"));
}

static void check_case(const char *name)
{
	struct json_object *params = golden_load(name);
	struct json_object *spec = golden_get(params, "spec");
	_cleanup_free_ uint8_t *salt = NULL;
	struct verity_format format;
	struct verity_tree tree;
	struct hasher h = {};
	uint8_t root[DIGEST_SIZE_MAX];

	read_format(spec, &format);
	if (golden_get(spec, "salt"))
		salt = golden_hex(spec, "salt", &h.salt_size);
	h.salt = salt ?: (const uint8_t *)"";
	h.hash_type = format.hash_type;
	assert_int_equal(digest_new(golden_str(spec, "hash"), NULL, &h.digest), 0);
	assert_int_equal(verity_tree_init(&format, &tree, NULL), 0);
	assert_int_equal(tree.start_block, golden_u64(params, "layers.0.parsed.hash_start"));

	size_t data_size = format.data_blocks * format.data_block_size;
	size_t hash_size = golden_u64(spec, "hash_file_size");
	_cleanup_free_ uint8_t *data = malloc(data_size), *hash = calloc(1, hash_size);
	assert_true(data && hash);
	assert_true(tree.end_byte <= hash_size);
	golden_plain(0, data, data_size);
	if (streq(golden_str(spec, "hash_device"), "data.img"))
		memcpy(hash, data, data_size);
	if (format.has_superblock)
		write_superblock(spec, &format, h.salt, h.salt_size, hash + format.hash_offset);
	build_tree(&h, &tree, data, hash, root);
	check_root(spec, root, format.digest_size);
	check_files(params, &tree, data, hash, hash_size);
	digest_free(h.digest);
	json_object_put(params);
}

static void test_golden_images(void **state)
{
	char **list = golden_list("verity-");
	unsigned seen = 0;

	for (char **name = list; *name; name++, seen++)
		check_case(*name);
	golden_free_list(list);
	assert_int_equal(seen, 24);
}

/* verity-compat-test: 8 MiB of zeros. */
static void test_roots_of_zeros(void **state)
{
	static const char salt_hex[] =
		"e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d";
	static const struct {
		uint32_t block_size, hash_type;
		const char *alg, *salt, *root;
		uint64_t tree_blocks;
	} cases[] = {
		{ 512, 1, "sha256", salt_hex,
			"9de18652fe74edfb9b805aaed72ae2aa48f94333f1ba5c452ac33b1c39325174", 1093 },
		{ 1024, 1, "sha256", salt_hex,
			"54d92778750495d1f80832b486ebd007617d746271511bbf0e295e143da2b3df", 265 },
		{ 4096, 1, "sha256", salt_hex,
			"e522df0f97da4febb882ac40f30b37dc0b444bf6df418929463fa25280f09d5c", 17 },
		{ 4096, 0, "sha256", salt_hex,
			"cbbf4ebd004ef65e29b935bb635a39cf754d677f3fa10b0126da725bbdf10f7d", 17 },
		{ 4096, 1, "sha256", "",
			"ef29c902d87350f1da4bfa536e16cebc162a909bf89abe448b81ec500d4fb9bf", 17 },
		{ 1024, 1, "sha1", salt_hex, "d0e9163ca8844aaa2e88fe5265a8c5d9ee494a99", 265 },
		{ 1024, 1, "sha1", "dadada", "73509e8e868be6b8ac939817a98a3d35121413b2", 265 },
	};
	const size_t size = 8 << 20;
	_cleanup_free_ uint8_t *data = calloc(1, size);

	assert_non_null(data);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ uint8_t *salt = NULL, *hash = NULL;
		struct verity_format format = {
			.data_blocks = size / cases[i].block_size,
			.data_block_size = cases[i].block_size,
			.hash_block_size = cases[i].block_size,
			.digest_size = (uint32_t)digest_alg_size(cases[i].alg),
			.hash_type = cases[i].hash_type,
		};
		struct hasher h = { .hash_type = cases[i].hash_type };
		struct verity_tree tree;
		uint8_t root[DIGEST_SIZE_MAX];
		char hex[2 * DIGEST_SIZE_MAX + 1];

		assert_int_equal(hex_parse(cases[i].salt, &salt, &h.salt_size), 0);
		h.salt = salt;
		assert_int_equal(digest_new(cases[i].alg, NULL, &h.digest), 0);
		assert_int_equal(verity_tree_init(&format, &tree, NULL), 0);
		assert_int_equal(tree.tree_blocks, cases[i].tree_blocks);
		hash = calloc(1, tree.end_byte);
		assert_non_null(hash);
		build_tree(&h, &tree, data, hash, root);
		hex_encode(root, format.digest_size, hex);
		assert_string_equal(hex, cases[i].root);
		digest_free(h.digest);
	}
}

/* Levels follow one another from the top down, and each is as large as the one below needs. */
static void test_shape(void **state)
{
	static const uint64_t counts[] = { 1, 2, 127, 128, 129, 16384, 16385, 2097153,
		UINT64_C(1) << 40 };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct verity_format format = { .data_blocks = counts[i],
			.hash_offset = 512,
			.data_block_size = 4096,
			.hash_block_size = 4096,
			.digest_size = 32,
			.hash_type = 1,
			.has_superblock = true };
		struct verity_tree tree;
		uint64_t items = counts[i], next;

		assert_int_equal(verity_tree_init(&format, &tree, NULL), 0);
		assert_int_equal(tree.start_block, 1);
		next = tree.start_block;
		for (unsigned level = tree.levels; level > 0; level--) {
			assert_int_equal(tree.level[level - 1].first_block, next);
			next += tree.level[level - 1].blocks;
		}
		assert_int_equal(next * 4096, tree.end_byte);
		for (unsigned level = 0; level < tree.levels; level++) {
			assert_int_equal(tree.level[level].blocks, div_round_up_u64(items, 128));
			items = tree.level[level].blocks;
		}
		assert_int_equal(items, 1);
		assert_int_equal(tree.levels == 0, counts[i] == 1);
	}
}

static int init_with(struct verity_format format)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct verity_tree tree;
	int r = verity_tree_init(&format, &tree, &diag);

	assert_int_equal(r < 0, diag.what != NULL);
	return r;
}

static void test_refusals(void **state)
{
	const struct verity_format good = { .data_blocks = 100,
		.data_block_size = 4096,
		.hash_block_size = 4096,
		.digest_size = 32,
		.hash_type = 1 };
	struct verity_format f = good;
	struct verity_tree tree;
	struct verity_fec fec;

	assert_int_equal(init_with(f), 0);
	f.data_blocks = 0;
	assert_int_equal(init_with(f), -EINVAL);
	f.data_blocks = UINT64_MAX / 4096;
	assert_int_equal(init_with(f), -EOVERFLOW);
	f.data_blocks = UINT64_MAX;
	assert_int_equal(init_with(f), -EOVERFLOW);
	f = good;
	f.data_block_size = 3000;
	assert_int_equal(init_with(f), -EINVAL);
	f = good;
	f.hash_block_size = 256;
	assert_int_equal(init_with(f), -EINVAL);
	f = good;
	f.digest_size = 0;
	assert_int_equal(init_with(f), -EINVAL);
	f.digest_size = 64;
	f.hash_block_size = 512;
	assert_int_equal(init_with(f), 0);
	f.digest_size = 257;
	assert_int_equal(init_with(f), -EINVAL);
	f = good;
	f.hash_type = 2;
	assert_int_equal(init_with(f), -EINVAL);
	f = good;
	f.hash_offset = 100;
	assert_int_equal(init_with(f), -EINVAL);
	f.hash_offset = 512;
	assert_int_equal(init_with(f), -EINVAL);
	f.has_superblock = true;
	assert_int_equal(init_with(f), 0);
	f.hash_offset = UINT64_MAX - 511;
	assert_int_equal(init_with(f), -EOVERFLOW);

	assert_int_equal(verity_tree_init(&good, &tree, NULL), 0);
	assert_int_equal(verity_fec_init(&tree, 8192, 1, &fec, NULL), -EINVAL);
	assert_int_equal(verity_fec_init(&tree, 8192, 25, &fec, NULL), -EINVAL);
	assert_int_equal(verity_fec_init(&tree, 8192, 24, &fec, NULL), 0);
	assert_int_equal(fec.covered_blocks, 102);
	assert_int_equal(fec.parity_bytes, 24 * 4096);
	tree.params.hash_block_size = 512;
	assert_int_equal(verity_fec_init(&tree, 8192, 2, &fec, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_images),
		cmocka_unit_test(test_roots_of_zeros),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("verity-tree", tests, NULL, NULL);
}
