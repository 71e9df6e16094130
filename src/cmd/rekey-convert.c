/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of writes is that of seal-journal.h. Threads share a piece; they wait for each other
 * before each flush.
 */

#include "rekey-convert.h"

#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fd.h"
#include "interrupt.h"

#define SLICES_MAX (2 * REKEY_CAPACITY_MAX / SEAL_JOURNAL_SLICE)

struct piece {
	struct rekey_job *job;
	uint8_t *data;	   /* REKEY_CAPACITY_MAX bytes; owned */
	uint64_t position; /* among the bytes that are made anew */
	uint64_t offset;   /* on the device */
	uint32_t length;
	uint8_t sums[SLICES_MAX * SEAL_JOURNAL_SUM];
	struct digest **digests; /* one a worker; owned */
};

static void piece_done(struct piece *piece)
{
	for (unsigned i = 0; piece->digests && i < workers_count(piece->job->workers); i++)
		(void)digest_free(piece->digests[i]);
	free(piece->digests);
	free(piece->data);
}

static int piece_init(struct piece *piece)
{
	unsigned n = workers_count(piece->job->workers);
	int r = 0;

	/* Aligned for devices that are read without a copy. */
	piece->data = aligned_alloc(REKEY_ALIGNMENT, REKEY_CAPACITY_MAX);
	piece->digests = calloc(n, sizeof(struct digest *));
	if (!piece->data || !piece->digests)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = digest_clone(piece->job->journal->sum, &piece->digests[i]);
	return r;
}

struct slice {
	uint32_t begin, size; /* bytes of the piece */
};

static struct slice slice_get(const struct piece *piece, size_t number)
{
	uint32_t most = piece->job->journal->slice;
	uint32_t begin = (uint32_t)number * most;

	return (struct slice){ begin, MIN(piece->length - begin, most) };
}

/* Makes the new bytes of a slice, and puts them into the journal. */
static int slice_make(void *userdata, unsigned worker, size_t number)
{
	struct piece *piece = userdata;
	struct rekey_job *job = piece->job;
	struct slice slice = slice_get(piece, number);
	uint8_t *data = piece->data + slice.begin;
	int r = job->type->make(
		job->state, worker, piece->position + slice.begin, data, slice.size);

	if (r < 0)
		return r;
	return seal_journal_put(job->journal, piece->digests[worker], data, slice.size, slice.begin,
		piece->sums + number * SEAL_JOURNAL_SUM);
}

static int slice_write(void *userdata, unsigned worker, size_t number)
{
	struct piece *piece = userdata;
	struct rekey_state *state = piece->job->state;
	struct slice slice = slice_get(piece, number);
	uint8_t *data = piece->data + slice.begin;

	if (piece->job->type->write)
		return piece->job->type->write(
			state, piece->position + slice.begin, data, slice.size);
	return fd_pwrite_full(state->fd, data, slice.size, piece->offset + slice.begin);
}

static int flush(const struct rekey_state *state)
{
	int r = fdatasync(state->fd);

	for (unsigned i = 0; r == 0 && i < state->n_also; i++)
		r = fdatasync(state->also[i]);
	return r < 0 ? -errno : 0;
}

static int each_slice(
	struct piece *piece, int (*work)(void *userdata, unsigned worker, size_t slice))
{
	uint32_t most = piece->job->journal->slice;
	size_t n = (piece->length + most - 1) / most;

	return workers_run(piece->job->workers, work, piece, n);
}

static int piece_make(struct piece *piece, struct diag *diag)
{
	int r = each_slice(piece, slice_make);

	if (r < 0)
		return diag_set(diag, r, "cannot make %u bytes at %ju anew: %s", piece->length,
			(uintmax_t)piece->offset, strerror(-r));
	return seal_journal_commit(piece->job->journal, piece->length, piece->sums, diag);
}

static int piece_write(struct piece *piece, struct diag *diag)
{
	int r = each_slice(piece, slice_write);

	if (r == 0)
		r = flush(piece->job->state);
	return r < 0 ? diag_set(diag, r, "cannot write %u bytes at %ju: %s", piece->length,
			       (uintmax_t)piece->offset, strerror(-r))
		     : 0;
}

/* The piece at the position: as much as lies in a row. */
static void piece_locate(struct piece *piece)
{
	const struct rekey_job *job = piece->job;
	uint32_t most = job->journal->entry.capacity;
	uint64_t length;

	most -= most % job->state->unit;
	job->type->place(job->state, piece->position, &piece->offset, &length);
	piece->length = (uint32_t)MIN(length, (uint64_t)most);
}

/* What the newest entry of the journal has, which may be on the device or not. */
static int resume(struct piece *piece, struct diag *diag)
{
	const struct rekey_entry *entry = &piece->job->journal->entry;
	int r = seal_journal_resume(piece->job->journal, piece->data, diag);

	if (r < 0)
		return r;
	piece->position = entry->position;
	if (entry->length == 0)
		return 0;
	piece_locate(piece);
	if (entry->length != piece->length)
		return diag_set(diag, -EUCLEAN, "the journal has a piece that this layer has not");
	return piece_write(piece, diag);
}

int rekey_mend(const struct rekey_type *type, const struct rekey_source *source,
	struct seal_journal *journal, struct diag *diag)
{
	_cleanup_free_ uint8_t *data = malloc(REKEY_CAPACITY_MAX);
	struct rekey_entry entry;
	int r;

	if (!data)
		return -ENOMEM;
	r = seal_journal_newest(journal, data, &entry);
	if (r > 0 && entry.length > 0 && entry.position + entry.length == entry.size)
		r = type->mend(source, data, entry.length);
	return r < 0 ? diag_set(diag, r, "cannot go on with the last piece: %s", strerror(-r)) : 0;
}

static void report(const struct rekey_job *job, uint64_t done)
{
	if (job->progress)
		job->progress(job->userdata, done, job->journal->entry.size);
}

int rekey_convert(struct rekey_job *job, struct diag *diag)
{
	_cleanup_(piece_done) struct piece piece = { .job = job };
	const struct rekey_entry *entry = &job->journal->entry;
	int r;

	r = piece_init(&piece);
	if (r == 0)
		r = resume(&piece, diag);
	while (r == 0 && (piece.position += piece.length) < entry->size) {
		report(job, piece.position);
		if (interrupted)
			return diag_set(diag, -ECANCELED, "interrupted; \"dmstack rekey\" goes on");
		piece_locate(&piece);
		r = piece_make(&piece, diag);
		if (r == 0)
			r = piece_write(&piece, diag);
	}
	if (r == 0)
		report(job, entry->size);
	return r;
}
