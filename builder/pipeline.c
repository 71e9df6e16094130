/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that take the next chunk until there is none, an error has happened or the user has had
 * enough. They read and write by plain calls: io_uring was no faster on a disk's file system, and
 * on a tmpfs it hands the work to threads of its own and took twice the time.
 */

#include <pthread.h>
#include <string.h>

#include "bytes.h"
#include "overflow.h"
#include "pipeline.h"
#include "processors.h"

#define THREADS_MAX 256U
/* Zero stretches at least this long are written as zeros, so that they can stay holes. */
#define ZERO_GRANULE 65536U
/* Holes are taken in longer steps. */
#define HOLE_CHUNKS 256U
/* Holes that are put off. */
#define HOLES_MAX 64U

struct piece {
	uint64_t offset, len;
	bool hole;
};

struct job {
	const struct pipeline *pipeline;
	struct vdev *from; /* of a write: the input; else the top */
	struct vdev *to;   /* NULL: verify */
	uint64_t size;
	size_t chunk_size;
	uint32_t granule; /* a chunk has at least this; zeros are looked for in these units */
	/*
	 * Works on one chunk with a buffer of chunk_size bytes; NULL: a hole of the input, of any
	 * length.
	 */
	int (*work)(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset);

	pthread_mutex_t lock; /* of what follows */
	uint64_t next;	      /* where nobody was yet */
	bool stopped;
	/*
	 * What threads have passed by. A file system lets one thread write to a file at a time, so
	 * the zeros of a hole are made by one thread while the others have data to work on.
	 */
	struct piece holes[HOLES_MAX];
	size_t n_holes;
	uint64_t done;
	uint64_t damaged;
	int error;
	bool error_is_read;
	uint64_t error_offset;
	bool skip_holes; /* of the input */
};

unsigned pipeline_threads(const struct pipeline *p)
{
	return MIN(p->threads > 0 ? p->threads : processors_count(), THREADS_MAX);
}

static void job_fail(struct job *job, int error, bool is_read, uint64_t offset)
{
	(void)pthread_mutex_lock(&job->lock);
	if (job->error >= 0) {
		job->error = error;
		job->error_is_read = is_read;
		job->error_offset = offset;
	}
	/* No other chunk is begun. */
	job->stopped = true;
	(void)pthread_mutex_unlock(&job->lock);
}

static void job_progress(struct job *job, uint64_t len)
{
	const struct pipeline *p = job->pipeline;

	(void)pthread_mutex_lock(&job->lock);
	job->done += len;
	if (p->progress)
		p->progress(p->userdata, job->done, job->size);
	(void)pthread_mutex_unlock(&job->lock);
}

/* Behind the end of the input are zeros too. */
static struct piece piece_at(const struct job *job, uint64_t offset)
{
	uint64_t size = job->from->size_bytes, known, have;
	struct piece piece = {
		.offset = offset,
		.len = MIN((uint64_t)job->chunk_size, job->size - offset),
	};

	if (!job->skip_holes)
		return piece;
	have = MIN(HOLE_CHUNKS * (uint64_t)job->chunk_size, job->size - offset);
	if (offset >= size) {
		piece.hole = true;
		piece.len = have;
		return piece;
	}
	if (!vdev_is_hole(job->from, MIN(have, size - offset), offset, &known))
		return piece;
	if (offset + known == size)
		known = have;
	/* What is left of a chunk that ends in data is read with it. */
	piece.hole = known >= piece.len;
	piece.len = known > piece.len ? align_down_u64(known, job->chunk_size) : piece.len;
	return piece;
}

/* Called locked. */
static bool put_off(struct job *job, const struct piece *hole)
{
	struct piece *last = job->n_holes ? &job->holes[job->n_holes - 1] : NULL;

	if (last && last->offset + last->len == hole->offset) {
		last->len += hole->len;
		return true;
	}
	if (job->n_holes == HOLES_MAX)
		return false;
	job->holes[job->n_holes++] = *hole;
	return true;
}

/* Called locked. */
static bool take_hole(struct job *job, struct piece *ret)
{
	struct piece *last;

	if (job->n_holes == 0)
		return false;
	last = &job->holes[job->n_holes - 1];
	*ret = *last;
	ret->len = MIN(last->len, HOLE_CHUNKS * (uint64_t)job->chunk_size);
	last->offset += ret->len;
	last->len -= ret->len;
	if (last->len == 0)
		job->n_holes--;
	return true;
}

/* Called locked. */
static bool take_next(struct job *job, bool holes_too, struct piece *ret)
{
	while (job->next < job->size) {
		*ret = piece_at(job, job->next);
		job->next += ret->len;
		if (!ret->hole || holes_too || !put_off(job, ret))
			return true;
	}
	return false;
}

static bool job_next(struct job *job, bool holes_first, struct piece *ret)
{
	bool found;

	(void)pthread_mutex_lock(&job->lock);
	found = !job->stopped && ((holes_first && take_hole(job, ret)) ||
					 take_next(job, holes_first, ret) || take_hole(job, ret));
	(void)pthread_mutex_unlock(&job->lock);
	return found;
}

static void job_work(struct job *job, bool holes_first)
{
	const volatile sig_atomic_t *cancel = job->pipeline->cancel;
	_cleanup_free_ uint8_t *buffer = aligned_alloc(4096, job->chunk_size);
	struct piece piece;

	if (!buffer) {
		job_fail(job, -ENOMEM, false, 0);
		return;
	}
	while (job_next(job, holes_first, &piece)) {
		if (cancel && *cancel) {
			job_fail(job, -ECANCELED, false, piece.offset);
			break;
		}
		if (job->work(job, piece.hole ? NULL : buffer, piece.len, piece.offset) < 0)
			break;
		job_progress(job, piece.len);
	}
}

static void *job_thread(void *job)
{
	job_work(job, false);
	return NULL;
}

static int job_error(const struct job *job, struct diag *diag)
{
	const struct vdev *v = job->error_is_read ? job->from : job->to;

	if (job->error >= 0)
		return 0;
	if (job->error == -ECANCELED)
		return diag_set(diag, job->error, "interrupted");
	return diag_set(diag, job->error, "%s: cannot %s at byte %ju: %s",
		v && v->name ? v->name : "image", job->error_is_read ? "read" : "write",
		(uintmax_t)job->error_offset,
		job->error == -EILSEQ ? "the data is damaged" : strerror(-job->error));
}

static int job_run(struct job *job, struct diag *diag)
{
	unsigned n = pipeline_threads(job->pipeline), started = 0;
	pthread_t threads[THREADS_MAX];

	job->chunk_size = job->pipeline->chunk_size ? job->pipeline->chunk_size : VDEV_CHUNK_SIZE;
	if (!is_pow2(job->chunk_size) || job->chunk_size < 4096)
		return diag_set(diag, -EINVAL, "%zu bytes is no chunk size", job->chunk_size);
	job->chunk_size = MAX(job->chunk_size, (size_t)job->granule);
	n = (unsigned)MIN((uint64_t)n, div_round_up_u64(job->size, job->chunk_size));
	(void)pthread_mutex_init(&job->lock, NULL);

	/* This thread is one of them, so a machine without more threads still gets there. */
	for (; started + 1 < n; started++)
		if (pthread_create(&threads[started], NULL, job_thread, job) != 0)
			break;
	job_work(job, true);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);

	(void)pthread_mutex_destroy(&job->lock);
	return job_error(job, diag);
}

/* Writes a piece of the buffer, its zero stretches as such. */
static int write_sparse(struct job *job, const uint8_t *data, uint64_t len, uint64_t offset)
{
	uint64_t done = 0;

	while (done < len) {
		uint64_t n = MIN((uint64_t)job->granule, len - done);
		bool zero = bytes_are_zero(data + done, n);
		int r;

		while (done + n < len) {
			uint64_t more = MIN((uint64_t)job->granule, len - done - n);

			if (bytes_are_zero(data + done + n, more) != zero)
				break;
			n += more;
		}
		r = vdev_write(job->to, zero ? NULL : data + done, n, offset + done);
		if (r < 0) {
			job_fail(job, r, false, offset + done);
			return r;
		}
		done += n;
	}
	return 0;
}

/* Reads the input, zeros behind its end. */
static int read_input(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset)
{
	uint64_t have = offset < job->from->size_bytes ? job->from->size_bytes - offset : 0;
	uint64_t n = MIN(len, have);
	int r;

	r = vdev_read(job->from, buffer, n, offset);
	if (r < 0) {
		job_fail(job, r, true, offset);
		return r;
	}
	memset(buffer + n, 0, len - n);
	return 0;
}

static int write_work(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset)
{
	int r;

	if (!buffer) {
		r = vdev_write(job->to, NULL, len, offset);
		if (r < 0)
			job_fail(job, r, false, offset);
		return r;
	}
	r = read_input(job, buffer, len, offset);
	return r < 0 ? r : write_sparse(job, buffer, len, offset);
}

static int extract_work(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset)
{
	/* The last block may be longer than what is wanted of it. */
	uint64_t whole = align_up_u64(len, job->from->block_size);
	int r;

	r = vdev_read(job->from, buffer, whole, offset);
	if (r < 0) {
		job_fail(job, r, true, offset);
		return r;
	}
	return write_sparse(job, buffer, len, offset);
}

/* Finds which blocks of a damaged chunk can be read. */
static int verify_blocks(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset)
{
	uint32_t block = job->from->block_size;
	uint64_t damaged = 0;

	for (uint64_t done = 0; done < len; done += block) {
		int r = vdev_read(job->from, buffer, block, offset + done);

		if (r == -EILSEQ)
			damaged += block;
		else if (r < 0)
			return r;
	}
	(void)pthread_mutex_lock(&job->lock);
	job->damaged += damaged;
	(void)pthread_mutex_unlock(&job->lock);
	return 0;
}

static int verify_work(struct job *job, uint8_t *buffer, uint64_t len, uint64_t offset)
{
	int r;

	r = vdev_read(job->from, buffer, len, offset);
	if (r == -EILSEQ)
		r = verify_blocks(job, buffer, len, offset);
	if (r < 0)
		job_fail(job, r, true, offset);
	return r;
}

int pipeline_write(
	const struct pipeline *p, struct vdev *input, struct vdev *top, struct diag *diag)
{
	struct job job = {
		.pipeline = p,
		.from = input,
		.to = top,
		.size = top->size_bytes,
		.granule = MAX(ZERO_GRANULE, top->block_size),
		.work = write_work,
		.skip_holes = true,
	};

	if (input->size_bytes > top->size_bytes)
		return diag_set(diag, -EFBIG, "%s has %ju bytes, but %s only %ju", input->name,
			(uintmax_t)input->size_bytes, top->name, (uintmax_t)top->size_bytes);
	return job_run(&job, diag);
}

int pipeline_verify(
	const struct pipeline *p, struct vdev *top, uint64_t *ret_damaged_bytes, struct diag *diag)
{
	struct job job = {
		.pipeline = p,
		.from = top,
		.size = top->size_bytes,
		.granule = top->block_size,
		.work = verify_work,
	};
	int r;

	r = job_run(&job, diag);
	if (r < 0)
		return r;
	*ret_damaged_bytes = job.damaged;
	return 0;
}

int pipeline_extract(const struct pipeline *p, struct vdev *top, struct vdev *output, uint64_t len,
	struct diag *diag)
{
	struct job job = {
		.pipeline = p,
		.from = top,
		.to = output,
		.size = len,
		.granule = MAX(ZERO_GRANULE, top->block_size),
		.work = extract_work,
	};

	if (len > top->size_bytes || len > output->size_bytes)
		return diag_set(diag, -EINVAL, "%ju bytes are more than %s has", (uintmax_t)len,
			len > top->size_bytes ? top->name : output->name);
	return job_run(&job, diag);
}
