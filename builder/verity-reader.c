/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading under a hash tree: a data block counts only if its digest is in a leaf whose own digest
 * is one level up, and so on to the root hash. A thread keeps the last block of each level, so that
 * a sequential reader hashes each block of the tree about once.
 */

#include <string.h>

#include "filter-verity.h"

static void report_tree(struct verity_vdev *v, uint64_t offset)
{
	verity_report(v,
		&(struct damage){
			.layer = v->layer,
			.part = "tree",
			.role = v->hash == v->data ? "data" : "hash",
			.offset = offset,
			.length = v->tree.params.hash_block_size,
			.what = "a block of the hash tree does not have the digest that is above it",
		});
}

/* Reads the block of a level and holds it against the digest that it should have. */
static int tree_load(struct verity_vdev *v, struct verity_context *c, unsigned level,
	uint64_t index, const uint8_t *expected)
{
	uint32_t size = v->tree.params.hash_block_size;
	uint64_t offset = (v->tree.level[level].first_block + index) * size;
	struct verity_cached *cached = &c->cached[level];
	uint8_t digest[DIGEST_SIZE_MAX];
	int r;

	cached->index = UINT64_MAX;
	r = vdev_read_bytes(v->hash, cached->block, size, offset);
	if (r >= 0)
		r = verity_digest(v, c->digest, cached->block, size, digest);
	if (r < 0)
		return r;
	cached->index = index;
	cached->good = memcmp(digest, expected, v->digest_size) == 0;
	if (!cached->good)
		report_tree(v, offset);
	return 0;
}

/*
 * The digest that a data block should have, from a path of checked blocks; -EILSEQ: there is none.
 */
static int tree_lookup(
	struct verity_vdev *v, struct verity_context *c, uint64_t block, const uint8_t **ret)
{
	const struct verity_tree *tree = &v->tree;
	unsigned shift = log2_u64(tree->hashes_per_block);
	const uint8_t *expected = v->root;

	for (unsigned level = tree->levels; level-- > 0;) {
		uint64_t slot = block >> (level * shift), index = slot >> shift;
		struct verity_cached *cached = &c->cached[level];

		if (cached->index != index) {
			int r = tree_load(v, c, level, index, expected);

			if (r < 0)
				return r;
		}
		if (!cached->good)
			return -EILSEQ;
		expected = cached->block +
			   (slot & (tree->hashes_per_block - 1)) * (size_t)tree->slot_size;
	}
	*ret = expected;
	return 0;
}

static int check_block(
	struct verity_vdev *v, struct verity_context *c, const uint8_t *digest, uint64_t offset)
{
	const uint8_t *expected = NULL;
	int r;

	r = tree_lookup(v, c, offset / v->vdev.block_size, &expected);
	if (r < 0)
		return r;
	if (memcmp(digest, expected, v->digest_size) == 0)
		return 0;
	verity_report(
		v, &(struct damage){
			   .layer = v->layer,
			   .part = "data",
			   .offset = offset,
			   .length = v->vdev.block_size,
			   .what = "the data does not have the digest that is in the hash tree",
		   });
	return -EILSEQ;
}

/* Digests of n data blocks, back to back. */
static int make_digests(
	struct verity_vdev *v, struct verity_context *c, const uint8_t *data, uint64_t n)
{
	uint32_t size = v->vdev.block_size;
	struct digest_blocks blocks = { .data = data, .data_size = size, .n = n };
	int r = 0;

	if (v->tree.params.hash_type == 1)
		return digest_blocks(c->digest, &blocks, c->digests, v->digest_size);
	for (uint64_t i = 0; i < n && r >= 0; i++)
		r = verity_digest(
			v, c->digest, data + i * size, size, c->digests + i * v->digest_size);
	return r;
}

/* 1: all blocks are right; 0: some are not, and were reported. */
static int check_piece(struct verity_vdev *v, struct verity_context *c, const uint8_t *data,
	uint64_t n, uint64_t offset)
{
	int good = 1, r;

	r = make_digests(v, c, data, n);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		r = check_block(
			v, c, c->digests + i * v->digest_size, offset + i * v->vdev.block_size);
		if (r == -EILSEQ)
			good = 0;
		else if (r < 0)
			return r;
	}
	return good;
}

int verity_read(struct vdev *vdev, void *ret, uint64_t len, uint64_t offset)
{
	struct verity_vdev *v = verity_vdev(vdev);
	uint64_t step = verity_piece_items(v) * vdev->block_size;
	bool damaged = false;
	void *context;
	int r;

	if (v->mode == FILTER_CREATE)
		return vdev_read(v->data, ret, len, offset);
	r = coverage_add(&v->coverage, offset, len);
	if (r >= 0)
		r = vdev_read(v->data, ret, len, offset);
	if (r < 0)
		return r;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	/* All of it, so that every damaged block is told. */
	for (uint64_t done = 0; done < len && r >= 0; done += step) {
		r = check_piece(v, context, (const uint8_t *)ret + done,
			MIN(step, len - done) / vdev->block_size, offset + done);
		if (r == 0)
			damaged = true;
	}
	context_pool_put(&v->pool, context);
	if (r < 0)
		return r;
	return damaged ? -EILSEQ : 0;
}
