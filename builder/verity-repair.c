/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree says which blocks are wrong, so these are erasures of their code words; what the tree
 * cannot reach below a wrong block of its own, or wrong parity, is an unnamed error. Both are
 * corrected within 2 * errors + erasures <= roots. A tree block that was repaired tells more, so it
 * goes round until nothing is gained.
 *
 *	walk	top down: which blocks have the digest that is above them
 *	repair	each round that has a wrong block: 255 blocks, a code word in each column
 */

#include <limits.h>
#include <string.h>

#include "filter-verity.h"
#include "overflow.h"
#include "reed-solomon.h"
#include "verity-sb.h"
#include "verity-repair.h"

/* Of a covered block. */
enum state {
	STATE_UNKNOWN, /* not reached by the tree, or not part of it */
	STATE_GOOD,
	STATE_BAD,
};

struct repair {
	struct verity_vdev *v;
	struct verity_context *c;
	const volatile sig_atomic_t *cancel;
	struct rs_decoder rs;
	struct verity_repair result;
	uint8_t *state;	  /* by covered block */
	uint8_t *parent;  /* a hash block */
	uint8_t *symbols; /* RS_WORD_SIZE blocks, those of the parity as it lies on disk */
	uint8_t *fixed;	  /* the blocks that were wrong, as they should be */
};

static void repair_done(struct repair *r)
{
	if (r->c)
		context_pool_put(&r->v->pool, r->c);
	free(r->state);
	free(r->parent);
	free(r->symbols);
	free(r->fixed);
}

static int repair_init(struct repair *r, struct verity_vdev *v, const volatile sig_atomic_t *cancel)
{
	size_t size = v->fec.block_size;
	void *context;
	int ret;

	r->v = v;
	r->cancel = cancel;
	rs_decoder_init(&r->rs, v->fec.roots);
	r->state = calloc(v->fec.covered_blocks, 1);
	r->parent = malloc(size);
	r->symbols = malloc(RS_WORD_SIZE * size);
	r->fixed = malloc(v->fec.data_symbols * size);
	if (!r->state || !r->parent || !r->symbols || !r->fixed)
		return -ENOMEM;
	ret = context_pool_get(&v->pool, &context);
	if (ret >= 0)
		r->c = context;
	return ret;
}

/* The number of a block of a level among all that are covered. */
static uint64_t covered_of_tree(const struct verity_vdev *v, unsigned level, uint64_t index)
{
	return v->tree.params.data_blocks + v->tree.level[level].first_block - v->tree.start_block +
	       index;
}

/* What a covered block is: level 0 is data, level n + 1 is the tree's level n. */
struct place {
	unsigned level;
	uint64_t index;
};

static struct place place_of(const struct verity_vdev *v, uint64_t covered)
{
	struct place place = { .index = covered };

	if (covered < v->tree.params.data_blocks)
		return place;
	/* The top comes first. */
	for (unsigned level = v->tree.levels; level-- > 0;) {
		uint64_t first = covered_of_tree(v, level, 0);

		if (covered >= first && covered < first + v->tree.level[level].blocks)
			return (struct place){ .level = level + 1, .index = covered - first };
	}
	return (struct place){ .level = UINT_MAX };
}

static uint64_t offset_of(const struct verity_vdev *v, struct place place)
{
	uint32_t size = v->fec.block_size;

	return place.level == 0 ? place.index * size
				: (v->tree.level[place.level - 1].first_block + place.index) * size;
}

static struct vdev *device_of(const struct verity_vdev *v, struct place place)
{
	return place.level == 0 ? v->data : v->hash;
}

/* Whether a block has the digest that it should have. */
static int has_digest(struct repair *r, const uint8_t *block, const uint8_t *expected)
{
	uint8_t digest[DIGEST_SIZE_MAX];
	int ret;

	ret = verity_digest(r->v, r->c->digest, block, r->v->fec.block_size, digest);
	return ret < 0 ? ret : memcmp(digest, expected, r->v->digest_size) == 0;
}

/*
 * Looks at the blocks whose digests are in one block of the tree; what is good is not read again.
 */
static int walk_children(struct repair *r, unsigned level, uint64_t first, uint64_t count)
{
	struct verity_vdev *v = r->v;
	uint32_t size = v->fec.block_size;

	for (uint64_t i = 0; i < count; i++) {
		struct place place = { .level = level, .index = first + i };
		uint64_t covered =
			level == 0 ? place.index : covered_of_tree(v, level - 1, place.index);
		int ret;

		if (r->state[covered] == STATE_GOOD)
			continue;
		ret = vdev_read_bytes(device_of(v, place), r->symbols, size, offset_of(v, place));
		if (ret >= 0)
			ret = has_digest(r, r->symbols, r->parent + i * v->tree.slot_size);
		/* A layer below says that it is damaged. */
		if (ret == -EILSEQ)
			ret = 0;
		if (ret < 0)
			return ret;
		r->state[covered] = ret ? STATE_GOOD : STATE_BAD;
	}
	return 0;
}

static int walk(struct repair *r)
{
	struct verity_vdev *v = r->v;
	uint32_t in_block = v->tree.hashes_per_block;
	int ret;

	/* The root hash is as if it lay in a block of its own above the top. */
	memcpy(r->parent, v->root, v->digest_size);
	ret = walk_children(r, v->tree.levels, 0, 1);
	for (unsigned level = v->tree.levels; ret >= 0 && level-- > 0;) {
		uint64_t below =
			level == 0 ? v->tree.params.data_blocks : v->tree.level[level - 1].blocks;

		for (uint64_t i = 0; ret >= 0 && i < v->tree.level[level].blocks; i++) {
			struct place place = { .level = level + 1, .index = i };

			if (r->state[covered_of_tree(v, level, i)] != STATE_GOOD)
				continue;
			if (r->cancel && *r->cancel)
				return -ECANCELED;
			ret = vdev_read_bytes(
				v->hash, r->parent, v->fec.block_size, offset_of(v, place));
			if (ret >= 0)
				ret = walk_children(r, level, i * in_block,
					MIN(below - i * in_block, in_block));
		}
	}
	return ret;
}

/*
 * All blocks of the code words of a round; zeros where nothing is covered, and anything where a
 * layer below says that it is damaged.
 */
static int read_round(struct repair *r, uint64_t round)
{
	struct verity_vdev *v = r->v;
	uint32_t size = v->fec.block_size;
	uint8_t *parity = r->symbols + (size_t)v->fec.data_symbols * size;
	uint64_t offset = verity_fields(v->layer)->fec_offset + round * size * v->fec.roots;
	int ret = 0;

	for (uint32_t i = 0; i < v->fec.data_symbols && (ret >= 0 || ret == -EILSEQ); i++)
		ret = verity_read_covered(
			v, r->symbols + (size_t)i * size, round + i * v->fec.rounds, 1);
	for (uint32_t i = 0; i < v->fec.roots && (ret >= 0 || ret == -EILSEQ); i++)
		ret = vdev_read(
			v->parity, parity + (size_t)i * size, size, offset + (uint64_t)i * size);
	return ret == -EILSEQ ? 0 : ret;
}

/* Decodes every column and keeps what the wrong blocks should be. */
static void decode_round(
	struct repair *r, const unsigned *bad, unsigned n_bad, const unsigned *erasures, unsigned n)
{
	const struct verity_fec *fec = &r->v->fec;
	const uint8_t *parity = r->symbols + (size_t)fec->data_symbols * fec->block_size;

	for (uint32_t column = 0; column < fec->block_size; column++) {
		uint8_t word[RS_WORD_SIZE];
		int ret;

		for (uint32_t i = 0; i < fec->data_symbols; i++)
			word[i] = r->symbols[(size_t)i * fec->block_size + column];
		memcpy(word + fec->data_symbols, parity + (size_t)column * fec->roots, fec->roots);
		ret = rs_decode(&r->rs, word, erasures, n);
		/* With fewer names there may be room for more errors, and the other way round. */
		if (ret < 0 && n > 0)
			(void)!rs_decode(&r->rs, word, NULL, 0);
		for (unsigned k = 0; k < n_bad; k++)
			r->fixed[(size_t)k * fec->block_size + column] = word[bad[k]];
	}
}

static void report_repaired(struct repair *r, struct place place)
{
	struct verity_vdev *v = r->v;

	verity_report(v, &(struct damage){
				 .layer = v->layer,
				 .part = place.level == 0 ? "data" : "tree",
				 .role = place.level == 0     ? NULL
					 : v->hash == v->data ? "data"
							      : "hash",
				 .offset = offset_of(v, place),
				 .length = v->fec.block_size,
				 .what = "repaired from the parity",
			 });
}

/* Writes a block if it has the digest that is above it. 1: it had. */
static int put_block(struct repair *r, uint64_t covered, const uint8_t *block)
{
	struct verity_vdev *v = r->v;
	struct place place = place_of(v, covered);
	uint32_t size = v->fec.block_size;
	const uint8_t *expected = v->root;
	int ret;

	if (place.level < v->tree.levels) {
		struct place above = { place.level + 1, place.index / v->tree.hashes_per_block };

		ret = vdev_read_bytes(v->hash, r->parent, size, offset_of(v, above));
		if (ret < 0)
			return ret;
		expected = r->parent +
			   place.index % v->tree.hashes_per_block * (size_t)v->tree.slot_size;
	}
	ret = has_digest(r, block, expected);
	if (ret <= 0)
		return ret;
	ret = vdev_write(device_of(v, place), block, size, offset_of(v, place));
	if (ret < 0)
		return ret;
	r->state[covered] = STATE_GOOD;
	if (place.level == 0)
		r->result.data_blocks++;
	else
		r->result.tree_blocks++;
	report_repaired(r, place);
	return 1;
}

static int put_blocks(struct repair *r, uint64_t round, const unsigned *bad, unsigned n_bad)
{
	const struct verity_fec *fec = &r->v->fec;
	int gained = 0;

	for (unsigned k = 0; k < n_bad; k++) {
		uint64_t covered = round + bad[k] * fec->rounds;
		int ret = 0;

		if (r->state[covered] == STATE_BAD)
			ret = put_block(r, covered, r->fixed + (size_t)k * fec->block_size);
		if (ret < 0)
			return ret;
		gained |= ret;
	}
	return gained;
}

/* 1: at least one block was repaired. */
static int repair_round(struct repair *r, uint64_t round)
{
	const struct verity_fec *fec = &r->v->fec;
	unsigned bad[RS_WORD_SIZE], n_bad = 0;
	int ret, gained;

	for (uint32_t i = 0; i < fec->data_symbols; i++) {
		uint64_t covered = round + i * fec->rounds;

		if (covered < fec->covered_blocks && r->state[covered] == STATE_BAD)
			bad[n_bad++] = i;
	}
	if (n_bad == 0)
		return 0;
	ret = read_round(r, round);
	if (ret < 0)
		return ret;
	decode_round(r, bad, n_bad, bad, n_bad <= fec->roots ? n_bad : 0);
	gained = put_blocks(r, round, bad, n_bad);
	if (gained < 0 || n_bad > fec->roots)
		return gained;
	/* Erasures always give some word; a digest has said that it is not the right one. */
	decode_round(r, bad, n_bad, NULL, 0);
	ret = put_blocks(r, round, bad, n_bad);
	return ret < 0 ? ret : ret | gained;
}

static int repair_rounds(struct repair *r)
{
	int gained = 0;

	for (uint64_t round = 0; round < r->v->fec.rounds; round++) {
		int ret;

		if (r->cancel && *r->cancel)
			return -ECANCELED;
		ret = repair_round(r, round);
		if (ret < 0)
			return ret;
		gained |= ret;
	}
	return gained;
}

static uint64_t count_lost(const struct repair *r)
{
	uint64_t all = r->v->tree.params.data_blocks + r->v->tree.tree_blocks, n = 0;

	for (uint64_t i = 0; i < all; i++)
		n += r->state[i] != STATE_GOOD;
	return n;
}

/*
 * All data fit the root hash, so salt and sizes are right, and the bytes up to the tree are those of
 * a superblock that says so, and zeros.
 */
static int repair_superblock(struct repair *r)
{
	struct verity_vdev *v = r->v;
	const struct verity_fields *f = verity_fields(v->layer);
	uint32_t unit = v->hash->block_size;
	uint64_t end = v->tree.start_block * v->tree.params.hash_block_size;
	uint64_t begin = f->hash_offset / unit * unit, skip = f->hash_offset - begin;
	_cleanup_free_ uint8_t *found = NULL, *made = NULL;
	int ret;

	if (!f->superblock)
		return 0;
	end = align_up_u64(MAX(end, f->hash_offset + VERITY_SB_SIZE), unit);
	found = malloc(end - begin);
	made = calloc(1, end - begin);
	if (!found || !made)
		return -ENOMEM;
	ret = vdev_read(v->hash, found, end - begin, begin);
	if (ret < 0 && (ret != -EILSEQ || skip))
		return ret;
	if (ret < 0)
		memset(found, 0, end - begin);
	memcpy(made, found, skip);
	verity_make_superblock(v, made + skip);
	if (memcmp(made, found, end - begin) == 0)
		return 0;
	r->result.superblock = true;
	return vdev_write(v->hash, made, end - begin, begin);
}

static int repair_all(struct repair *r)
{
	int ret;

	do {
		ret = walk(r);
		if (ret >= 0)
			ret = repair_rounds(r);
	} while (ret > 0);
	if (ret < 0)
		return ret;
	/* Once more from what is on the disk now. */
	memset(r->state, STATE_UNKNOWN, r->v->fec.covered_blocks);
	ret = walk(r);
	r->result.lost_blocks = count_lost(r);
	/* Parity of what is not known to be right would take away what may still help. */
	if (ret < 0 || r->result.lost_blocks > 0)
		return ret;
	r->v->repair_parity = true;
	ret = verity_parity_run(r->v);
	r->result.parity_blocks = atomic_load(&r->v->n_parity_repaired);
	return ret < 0 ? ret : repair_superblock(r);
}

int verity_repair(struct vdev *vdev, const volatile sig_atomic_t *cancel, struct verity_repair *ret,
	struct diag *diag)
{
	struct verity_vdev *v = verity_vdev(vdev);
	_cleanup_(repair_done) struct repair repair = {};
	int r;

	if (v->layer->type != &layer_type_verity || !v->parity || v->mode != FILTER_READ)
		return diag_set(diag, -EOPNOTSUPP, "%s has no parity", vdev->name);
	r = repair_init(&repair, v, cancel);
	if (r >= 0)
		r = repair_all(&repair);
	if (r < 0)
		return diag_set(diag, r, "%s: cannot be repaired: %s", vdev->name, strerror(-r));
	*ret = repair.result;
	return 0;
}
