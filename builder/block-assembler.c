/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open blocks in a table of shards, each with a lock of its own. A block leaves its shard before it
 * is emitted, so that no lock is held over the work of the filters below.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "block-assembler.h"
#include "overflow.h"

#define SHARDS 16U

/* One open block. came[] has a byte for each byte of data[]: 1 when it has been put. */
struct open_block {
	struct open_block *next;
	uint64_t index;
	uint32_t missing; /* bytes */
	uint8_t *came;	  /* behind data */
	uint8_t data[];
};

struct shard {
	pthread_mutex_t lock;
	struct open_block *blocks;
	struct open_block *spare;
};

struct block_assembler {
	struct block_assembler_args args;
	struct shard shards[SHARDS];
};

int block_assembler_new(const struct block_assembler_args *args, struct block_assembler **ret)
{
	struct block_assembler *a;

	if (!is_pow2(args->block_size))
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->args = *args;
	for (size_t i = 0; i < SHARDS; i++)
		(void)pthread_mutex_init(&a->shards[i].lock, NULL);
	*ret = a;
	return 0;
}

static void blocks_free(struct open_block *b)
{
	while (b) {
		struct open_block *next = b->next;

		free(b);
		b = next;
	}
}

struct block_assembler *block_assembler_free(struct block_assembler *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i < SHARDS; i++) {
		blocks_free(a->shards[i].blocks);
		blocks_free(a->shards[i].spare);
		(void)pthread_mutex_destroy(&a->shards[i].lock);
	}
	free(a);
	return NULL;
}

/* The part of one block from offset on. */
static void piece_peek(struct block_assembler *a, uint8_t *ret, uint32_t len, uint64_t offset)
{
	uint32_t at = (uint32_t)(offset & (a->args.block_size - 1));
	uint64_t index = offset / a->args.block_size;
	struct shard *shard = &a->shards[index % SHARDS];

	(void)pthread_mutex_lock(&shard->lock);
	for (const struct open_block *b = shard->blocks; b; b = b->next)
		for (uint32_t i = 0; b->index == index && i < len; i++)
			if (b->came[at + i])
				ret[i] = b->data[at + i];
	(void)pthread_mutex_unlock(&shard->lock);
}

void block_assembler_peek(struct block_assembler *a, void *ret, uint64_t len, uint64_t offset)
{
	uint32_t size = a->args.block_size;
	uint8_t *to = ret;

	for (uint64_t done = 0, n; done < len; done += n) {
		n = MIN(len - done, size - ((offset + done) & (size - 1)));
		piece_peek(a, to + done, (uint32_t)n, offset + done);
	}
}

/* The link to the open block, or to where a new one was put in. Called locked. */
static struct open_block **shard_find(
	struct block_assembler *a, struct shard *shard, uint64_t index)
{
	struct open_block **link = &shard->blocks, *b;

	for (; *link; link = &(*link)->next)
		if ((*link)->index == index)
			return link;

	b = shard->spare;
	if (b)
		shard->spare = b->next;
	else
		b = malloc(sizeof(*b) + 2 * (size_t)a->args.block_size);
	if (!b)
		return NULL;
	b->next = NULL;
	b->index = index;
	b->missing = a->args.block_size;
	b->came = b->data + a->args.block_size;
	memset(b->came, 0, a->args.block_size);
	*link = b;
	return link;
}

/* Takes the piece in; *ret_full is the block if that was the last piece. Called locked. */
static int shard_put(struct block_assembler *a, struct shard *shard, const void *data, uint32_t len,
	uint64_t offset, struct open_block **ret_full)
{
	uint32_t at = (uint32_t)(offset & (a->args.block_size - 1));
	struct open_block **link = shard_find(a, shard, offset / a->args.block_size), *b;

	if (!link)
		return -ENOMEM;
	b = *link;
	if (memchr(b->came + at, 1, len))
		return -EALREADY;
	memset(b->came + at, 1, len);
	memcpy(b->data + at, data, len);
	b->missing -= len;
	if (b->missing == 0) {
		*link = b->next;
		*ret_full = b;
	}
	return 0;
}

/* A piece that does not fill a block alone. */
static int piece_put(struct block_assembler *a, const void *data, uint32_t len, uint64_t offset)
{
	struct shard *shard = &a->shards[offset / a->args.block_size % SHARDS];
	struct open_block *full = NULL;
	int r;

	(void)pthread_mutex_lock(&shard->lock);
	r = shard_put(a, shard, data, len, offset, &full);
	(void)pthread_mutex_unlock(&shard->lock);
	if (!full)
		return r;

	r = a->args.emit(
		a->args.userdata, full->data, a->args.block_size, full->index * a->args.block_size);
	(void)pthread_mutex_lock(&shard->lock);
	full->next = shard->spare;
	shard->spare = full;
	(void)pthread_mutex_unlock(&shard->lock);
	return r;
}

int block_assembler_put(struct block_assembler *a, const void *data, uint64_t len, uint64_t offset)
{
	uint32_t mask = a->args.block_size - 1;
	const uint8_t *from = data;
	int r = 0;

	while (len > 0 && r >= 0) {
		uint64_t n = a->args.block_size - (offset & mask);

		if ((offset & mask) == 0 && len > mask) {
			/* Whole blocks need no assembling. */
			n = align_down_u64(len, a->args.block_size);
			r = a->args.emit(a->args.userdata, from, n, offset);
		} else {
			n = MIN(n, len);
			r = piece_put(a, from, (uint32_t)n, offset);
		}
		from += n;
		len -= n;
		offset += n;
	}
	return r;
}

static int block_compare(const void *a, const void *b)
{
	uint64_t x = (*(struct open_block *const *)a)->index;
	uint64_t y = (*(struct open_block *const *)b)->index;

	return x < y ? -1 : x > y;
}

static int block_fill(struct block_assembler *a, struct open_block *b, uint8_t *around)
{
	uint32_t size = a->args.block_size;
	int r;

	memset(around, 0, size);
	if (a->args.fill) {
		r = a->args.fill(a->args.userdata, around, size, b->index * size);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < size; i++)
		if (!b->came[i])
			b->data[i] = around[i];
	return 0;
}

size_t block_assembler_n_open(struct block_assembler *a)
{
	size_t n = 0;

	for (size_t i = 0; i < SHARDS; i++) {
		(void)pthread_mutex_lock(&a->shards[i].lock);
		for (struct open_block *b = a->shards[i].blocks; b; b = b->next)
			n++;
		(void)pthread_mutex_unlock(&a->shards[i].lock);
	}
	return n;
}

/* Empties the shards into one sorted array. */
static int blocks_collect(struct block_assembler *a, struct open_block ***ret, size_t *ret_n)
{
	struct open_block **list;
	size_t n = 0;

	list = calloc(block_assembler_n_open(a) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < SHARDS; i++)
		for (struct open_block *b = take_ptr(a->shards[i].blocks); b; b = b->next)
			list[n++] = b;
	qsort(list, n, sizeof(*list), block_compare);
	*ret = list;
	*ret_n = n;
	return 0;
}

int block_assembler_flush(struct block_assembler *a)
{
	_cleanup_free_ struct open_block **list = NULL;
	_cleanup_free_ uint8_t *around = malloc(a->args.block_size);
	size_t n;
	int r;

	if (!around)
		return -ENOMEM;
	r = blocks_collect(a, &list, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (r >= 0)
			r = block_fill(a, list[i], around);
		if (r >= 0)
			r = a->args.emit(a->args.userdata, list[i]->data, a->args.block_size,
				list[i]->index * a->args.block_size);
		free(list[i]);
	}
	return r;
}
