/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hash tree of dm-verity, made while the data streams through: digests of data blocks are
 * put together to hash blocks, a complete hash block is written and its own digest goes one level
 * up, until the top block's digest is the root.
 *
 *	data    | 0 | 1 | ... | 127 | 128 | ...
 *	level 0 |    block 0        |   block 1 ...
 *	level 1 |    block 0 ...
 *
 * What is in memory is one open block a level and thread. Format: the kernel's
 * Documentation/admin-guide/device-mapper/verity.rst.
 */

#include <string.h>

#include "filter-verity.h"
#include "overflow.h"
#include "verity-sb.h"

#define ZERO_RUN_BYTES (1U << 18)

/* Where the digest of an item lies, counted from the begin of its level. */
static uint64_t slot_offset(const struct verity_tree *tree, uint64_t index)
{
	return index / tree->hashes_per_block * tree->params.hash_block_size +
	       index % tree->hashes_per_block * tree->slot_size;
}

/* Where what belongs to the item ends: the last of a block has all that follows. */
static uint64_t slot_end(const struct verity_tree *tree, uint64_t index)
{
	if ((index + 1) % tree->hashes_per_block == 0)
		return (index / tree->hashes_per_block + 1) * tree->params.hash_block_size;
	return slot_offset(tree, index) + tree->slot_size;
}

/* How many equal blocks are written in one go. */
static uint64_t zero_blocks_count(const struct verity_vdev *v)
{
	return MAX(ZERO_RUN_BYTES / v->tree.params.hash_block_size, 1U);
}

/* Items (data blocks, or hash blocks of the level below) that a thread hashes in one go. */
struct items {
	unsigned level;	     /* that takes the digests */
	const uint8_t *data; /* NULL: data blocks of zeros, or the hash blocks above them */
	uint32_t size;	     /* bytes of one */
	uint64_t first;	     /* index */
	uint64_t count;
};

/*
 * The digests of n items, to where they lie in the tree; the first goes to slots. In format 1 they
 * lie at equal distances, across blocks too.
 */
static int hash_blocks(struct verity_vdev *v, struct verity_context *c, const struct items *items,
	uint64_t n, uint8_t *slots)
{
	uint64_t begin = slot_offset(&v->tree, items->first);
	struct digest_blocks blocks = {
		.data = items->data,
		.data_size = items->size,
		.n = n,
	};
	uint8_t digest[DIGEST_SIZE_MAX];
	int r;

	if (items->data && v->tree.params.hash_type == 1)
		return digest_blocks(c->digest, &blocks, slots, v->tree.slot_size);

	for (uint64_t i = 0; i < n; i++) {
		uint8_t *slot = slots + (slot_offset(&v->tree, items->first + i) - begin);

		if (!items->data) {
			memcpy(slot, v->levels[items->level].zero_digest, v->digest_size);
			continue;
		}
		r = verity_digest(v, c->digest, items->data + i * items->size, items->size, digest);
		if (r < 0)
			return r;
		memcpy(slot, digest, v->digest_size);
	}
	return 0;
}

/* As many of the items as there is room for; takes them off. */
static int hash_some(struct verity_vdev *v, struct verity_context *c, struct items *items)
{
	uint64_t begin = slot_offset(&v->tree, items->first), end = begin, n = 0;
	int r;

	while (n < items->count && slot_end(&v->tree, items->first + n) - begin <= c->slots_size)
		end = slot_end(&v->tree, items->first + n++);

	memset(c->slots, 0, end - begin);
	r = hash_blocks(v, c, items, n, c->slots);
	if (r < 0)
		return r;
	if (items->data)
		items->data += n * items->size;
	items->first += n;
	items->count -= n;
	return block_assembler_put(v->levels[items->level].blocks, c->slots, end - begin, begin);
}

static int hash_zeros(struct verity_vdev *v, struct verity_context *c, struct items *items);

static int hash_items(struct verity_vdev *v, struct items items)
{
	void *context;
	int r;

	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	if (items.level == v->tree.levels)
		r = hash_blocks(v, context, &items, 1, v->root);
	else
		while (items.count > 0 && r >= 0)
			r = items.data ? hash_some(v, context, &items)
				       : hash_zeros(v, context, &items);
	context_pool_put(&v->pool, context);
	return r;
}

/* Whole hash blocks of a level that are above zeros: they are known, and so are their digests. */
static int put_zero_blocks(struct verity_vdev *v, unsigned level, uint64_t first, uint64_t count)
{
	uint32_t size = v->tree.params.hash_block_size;
	uint64_t step = zero_blocks_count(v);
	int r = 0;

	for (uint64_t i = 0; i < count && r >= 0; i += step)
		r = block_assembler_put(v->sink, v->levels[level].zero_blocks,
			MIN(step, count - i) * size,
			(v->tree.level[level].first_block + first + i) * size);
	return r;
}

/* Takes off the items up to a block, whole blocks, or those behind. */
static int hash_zeros(struct verity_vdev *v, struct verity_context *c, struct items *items)
{
	uint64_t in_block = v->tree.hashes_per_block;
	uint64_t blocks = items->count / in_block, taken = blocks * in_block;
	struct items above = {
		.level = items->level + 1,
		.first = items->first / in_block,
		.count = blocks,
	};
	int r;

	if (items->first % in_block != 0 || blocks == 0) {
		struct items some = *items;

		some.count = MIN(items->count, in_block - items->first % in_block);
		taken = some.count;
		r = hash_some(v, c, &some);
	} else {
		r = put_zero_blocks(v, items->level, above.first, blocks);
		if (r >= 0)
			r = hash_items(v, above);
	}
	items->first += taken;
	items->count -= taken;
	return r;
}

/* Complete hash blocks of a level: down to the device, and their digests one level up. */
static int level_emit(void *userdata, const void *data, uint64_t len, uint64_t offset)
{
	struct verity_level_writer *level = userdata;
	struct verity_vdev *v = level->verity;
	uint32_t size = v->tree.params.hash_block_size;
	int r;

	r = block_assembler_put(
		v->sink, data, len, v->tree.level[level->level].first_block * size + offset);
	if (r < 0)
		return r;
	return hash_items(v, (struct items){
				     .level = level->level + 1,
				     .data = data,
				     .size = size,
				     .first = offset / size,
				     .count = len / size,
			     });
}

static int sink_emit(void *userdata, const void *data, uint64_t len, uint64_t offset)
{
	return vdev_write(((struct verity_vdev *)userdata)->hash, data, len, offset);
}

/* From the data's zeros up: the digest of a level's blocks is what the next level's are full of. */
static int zeros_init(struct verity_vdev *v)
{
	uint32_t size = v->tree.params.hash_block_size;
	size_t bytes = zero_blocks_count(v) * size;
	_cleanup_free_ void *zeros = calloc(1, v->vdev.block_size);
	int r;

	if (!zeros)
		return -ENOMEM;
	r = verity_digest(v, v->digest, zeros, v->vdev.block_size, v->levels[0].zero_digest);
	for (unsigned i = 0; i < v->tree.levels && r >= 0; i++) {
		uint8_t *blocks = v->levels[i].zero_blocks = calloc(1, bytes);

		if (!blocks)
			return -ENOMEM;
		for (uint64_t k = 0; k < zero_blocks_count(v) * v->tree.hashes_per_block; k++)
			memcpy(blocks + slot_offset(&v->tree, k), v->levels[i].zero_digest,
				v->digest_size);
		r = verity_digest(v, v->digest, blocks, size, v->levels[i + 1].zero_digest);
	}
	return r;
}

int verity_writer_init(struct verity_vdev *v)
{
	struct block_assembler_args sink = {
		.block_size = v->hash->block_size,
		.emit = sink_emit,
		.userdata = v,
	};
	int r;

	r = block_assembler_new(&sink, &v->sink);
	for (unsigned i = 0; i < v->tree.levels && r >= 0; i++) {
		struct block_assembler_args args = {
			.block_size = v->tree.params.hash_block_size,
			.emit = level_emit,
			.userdata = &v->levels[i],
		};

		v->levels[i] = (struct verity_level_writer){ .verity = v, .level = i };
		r = block_assembler_new(&args, &v->levels[i].blocks);
	}
	return r < 0 ? r : zeros_init(v);
}

void verity_writer_done(struct verity_vdev *v)
{
	for (unsigned i = 0; i < v->tree.levels; i++) {
		block_assembler_free(v->levels[i].blocks);
		free(v->levels[i].zero_blocks);
	}
	block_assembler_free(v->sink);
	coverage_done(&v->coverage);
}

int verity_write(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	struct verity_vdev *v = verity_vdev(vdev);
	int r;

	r = coverage_add(&v->coverage, offset, len);
	if (r == 0)
		return -EALREADY;
	if (r >= 0)
		r = vdev_write(v->data, data, len, offset);
	if (r < 0)
		return r;
	return hash_items(v, (struct items){
				     .data = data,
				     .size = vdev->block_size,
				     .first = offset / vdev->block_size,
				     .count = len / vdev->block_size,
			     });
}

void verity_make_superblock(const struct verity_vdev *v, uint8_t *ret)
{
	const struct verity_fields *f = verity_fields(v->layer);
	struct verity_sb sb = {
		.hash_type = (uint32_t)f->format,
		.data_block_size = (uint32_t)f->data_block_size,
		.hash_block_size = (uint32_t)f->hash_block_size,
		.data_blocks = f->data_blocks,
		.salt_size = (uint16_t)f->salt.size,
	};

	memcpy(sb.uuid, f->uuid, sizeof(sb.uuid));
	memcpy(sb.algorithm, f->hash, strnlen(f->hash, sizeof(sb.algorithm) - 1));
	if (f->salt.size)
		memcpy(sb.salt, f->salt.data, MIN(f->salt.size, sizeof(sb.salt)));
	verity_sb_encode(&sb, ret);
}

static int write_superblock(struct verity_vdev *v)
{
	const struct verity_fields *f = verity_fields(v->layer);
	uint8_t data[VERITY_SB_SIZE];

	verity_make_superblock(v, data);
	return block_assembler_put(v->sink, data, sizeof(data), f->hash_offset);
}

/* The root hash becomes a field of the layer, from where it gets into the manifest. */
static int publish_root(struct verity_vdev *v)
{
	struct verity_fields *f = verity_fields(v->layer);
	uint8_t *copy = malloc(v->digest_size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, v->root, v->digest_size);
	free(f->root_hash.data);
	f->root_hash = (struct hexval){ .data = copy, .size = v->digest_size };
	layer_mark_set(v->layer, "root-hash");
	return 0;
}

/* What lies between the tree and the parity behind it is covered too. */
static int write_gap(struct verity_vdev *v)
{
	uint64_t begin = v->tree.end_byte;
	uint64_t end = verity_fields(v->layer)->fec_offset;

	return end > begin ? vdev_write(v->hash, NULL, end - begin, begin) : 0;
}

int verity_writer_finish(struct vdev *vdev, struct diag *diag)
{
	struct verity_vdev *v = verity_vdev(vdev);
	int r;

	r = coverage_write_rest(&v->coverage, vdev);
	for (unsigned i = 0; i < v->tree.levels && r >= 0; i++)
		r = block_assembler_flush(v->levels[i].blocks);
	if (r >= 0)
		r = block_assembler_flush(v->sink);
	if (r >= 0 && v->parity == v->hash)
		r = write_gap(v);
	/* The parity covers the tree, which must be below by now, and not the superblock. */
	if (r >= 0 && v->parity)
		r = verity_parity_run(v);
	if (r >= 0 && verity_fields(v->layer)->superblock)
		r = write_superblock(v);
	if (r >= 0)
		r = block_assembler_flush(v->sink);
	if (r >= 0)
		r = publish_root(v);
	return r < 0 ? diag_set(diag, r, "%s: cannot complete the hash tree: %s", vdev->name,
			       strerror(-r))
		     : 0;
}
