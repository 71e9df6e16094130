/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parity of dm-verity's forward error correction. A code word takes one byte of each of up to
 * 253 blocks that lie `rounds` blocks apart, so it is made at the end, from what has been written:
 *
 *	covered   data blocks | tree, up to the end of the hash area
 *	symbol i  of the code words of blocks n .. n + k - 1: covered blocks i * rounds + n ...
 *	parity    round 0: byte 0 (roots bytes), byte 1 ... | round 1 ...
 *
 * A worker takes some neighbouring rounds at a time, so that it reads in longer stretches.
 * Source: the kernel's drivers/md/dm-verity-fec.c.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "filter-verity.h"
#include "overflow.h"
#include "parity.h"
#include "reed-solomon.h"

#define BATCH_BYTES 16384U /* of one symbol */
#define THREADS_MAX 64U

struct parity_job {
	struct verity_vdev *v;
	uint64_t batch; /* rounds */
	atomic_uint_fast64_t next;
	atomic_int error;
};

struct parity_buffers {
	struct parity_encoder *encoder;
	uint8_t *symbols; /* batch blocks for each */
	uint8_t *symbol[RS_WORD_SIZE];
	uint8_t *parity; /* roots * batch blocks */
	uint8_t *found;	 /* FILTER_READ: as large */
};

static void parity_buffers_done(struct parity_buffers *b)
{
	parity_encoder_free(b->encoder);
	free(b->symbols);
	free(b->parity);
	free(b->found);
}

static int parity_buffers_make(const struct parity_job *job, struct parity_buffers *b)
{
	size_t columns = job->batch * job->v->fec.block_size;

	int r;

	r = parity_encoder_new(job->v->fec.roots, columns, &b->encoder);
	if (r < 0)
		return r;
	/* The last batch may be shorter; the columns behind it are computed and not used. */
	b->symbols = calloc(job->v->fec.data_symbols, columns);
	b->parity = malloc(columns * job->v->fec.roots);
	b->found = malloc(columns * job->v->fec.roots);
	if (!b->symbols || !b->parity || !b->found)
		return -ENOMEM;
	for (uint32_t i = 0; i < job->v->fec.data_symbols; i++)
		b->symbol[i] = b->symbols + i * columns;
	return 0;
}

/* Covered blocks; those behind the end are zeros. */
int verity_read_covered(struct verity_vdev *v, uint8_t *ret, uint64_t first, uint64_t count)
{
	uint32_t size = v->fec.block_size;
	uint64_t data_blocks = v->tree.params.data_blocks, n = 0;
	int r = 0;

	memset(ret, 0, count * size);
	if (first < data_blocks) {
		n = MIN(count, data_blocks - first);
		r = vdev_read(v->data, ret, n * size, first * size);
	}
	if (r < 0 || n == count || first + n >= v->fec.covered_blocks)
		return r;
	count = MIN(count, v->fec.covered_blocks - first) - n;
	return vdev_read_bytes(v->hash, ret + n * size, count * size,
		(v->tree.start_block + (first + n - data_blocks)) * size);
}

static int make_parity(
	struct parity_job *job, struct parity_buffers *b, uint64_t round, uint64_t rounds)
{
	const struct verity_fec *fec = &job->v->fec;

	for (uint32_t i = 0; i < fec->data_symbols; i++) {
		int r = verity_read_covered(job->v, b->symbol[i], i * fec->rounds + round, rounds);

		if (r < 0)
			return r;
	}
	parity_encoder_run(b->encoder, b->symbol, b->parity);
	return 0;
}

static void report_parity(struct verity_vdev *v, uint64_t offset, uint64_t len)
{
	verity_report(
		v, &(struct damage){
			   .layer = v->layer,
			   .part = "parity",
			   .role = "fec",
			   .offset = offset,
			   .length = len,
			   .what = v->repair_parity ? "the parity was computed anew"
						    : "the parity does not belong to data and tree",
		   });
}

/* What a layer below says is damaged counts as wrong. */
static int read_found(
	struct verity_vdev *v, struct parity_buffers *b, uint64_t len, uint64_t offset)
{
	uint32_t size = v->fec.block_size;
	int r = vdev_read(v->parity, b->found, len, offset);

	if (r != -EILSEQ || !v->repair_parity)
		return r;
	for (uint64_t done = 0; done < len; done += size) {
		r = vdev_read(v->parity, b->found + done, size, offset + done);
		if (r == -EILSEQ)
			b->found[done] = (uint8_t)~b->parity[done];
		else if (r < 0)
			return r;
	}
	return 0;
}

static int parity_batch(struct parity_job *job, struct parity_buffers *b, uint64_t round)
{
	struct verity_vdev *v = job->v;
	uint64_t rounds = MIN(job->batch, v->fec.rounds - round);
	uint64_t len = rounds * v->fec.block_size * v->fec.roots;
	uint64_t offset =
		verity_fields(v->layer)->fec_offset + round * v->fec.block_size * v->fec.roots;
	uint64_t damaged = 0;
	int r;

	r = make_parity(job, b, round, rounds);
	/* Damage below has been told by whoever found it. */
	if (r == -EILSEQ && v->mode == FILTER_READ)
		return 0;
	if (r < 0)
		return r;
	if (v->mode == FILTER_CREATE)
		return vdev_write(v->parity, b->parity, len, offset);

	r = read_found(v, b, len, offset);
	if (r < 0)
		return r;
	for (uint64_t done = 0; done < len; done += v->fec.block_size)
		if (memcmp(b->parity + done, b->found + done, v->fec.block_size) != 0) {
			report_parity(v, offset + done, v->fec.block_size);
			damaged++;
		}
	if (!v->repair_parity || damaged == 0)
		return 0;
	atomic_fetch_add(&v->n_parity_repaired, damaged);
	return vdev_write(v->parity, b->parity, len, offset);
}

static void *parity_thread(void *userdata)
{
	struct parity_job *job = userdata;
	_cleanup_(parity_buffers_done) struct parity_buffers b = {};
	int r;

	r = parity_buffers_make(job, &b);
	while (r >= 0 && atomic_load(&job->error) >= 0) {
		uint64_t round = atomic_fetch_add(&job->next, job->batch);

		if (round >= job->v->fec.rounds)
			break;
		r = parity_batch(job, &b, round);
	}
	if (r < 0)
		atomic_store(&job->error, r);
	return NULL;
}

int verity_parity_run(struct verity_vdev *v)
{
	struct parity_job job = {
		.v = v,
		.batch = MIN(MAX(BATCH_BYTES / v->fec.block_size, 1U), v->fec.rounds),
	};
	unsigned n = MAX(MIN(v->threads, THREADS_MAX), 1U), started = 0;
	pthread_t threads[THREADS_MAX];

	for (; started + 1 < n; started++)
		if (pthread_create(&threads[started], NULL, parity_thread, &job) != 0)
			break;
	(void)parity_thread(&job);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return atomic_load(&job.error);
}
