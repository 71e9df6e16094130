/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing of the journal's entries.
 */

#include "seal-journal.h"

#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cleanup.h"
#include "fd.h"
#include "seal-key.h"

#define SLICES_MAX (2 * REKEY_CAPACITY_MAX / SEAL_JOURNAL_SLICE)

static int failed(int r, const char *doing, struct diag *diag)
{
	return r < 0 ? diag_set(diag, r, "cannot %s the journal on the seal's device: %s", doing,
			       strerror(-r))
		     : 0;
}

void seal_journal_done(struct seal_journal *journal)
{
	journal->hmac = digest_free(journal->hmac);
	journal->sum = digest_free(journal->sum);
}

int seal_journal_init(const struct seal_store *store, const struct secret *root,
	const struct rekey_entry *identity, uint32_t unit, struct seal_journal *ret,
	struct diag *diag)
{
	_cleanup_(seal_journal_done) struct seal_journal journal = {
		.store = store,
		.entry = *identity,
		.slice = SEAL_JOURNAL_SLICE - SEAL_JOURNAL_SLICE % unit,
	};
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r;

	r = rekey_capacity(store->size, &journal.entry.capacity, diag);
	if (r < 0)
		return r;
	r = seal_journal_key(root, &key);
	if (r == 0)
		r = digest_new("hmac(sha256)", key, &journal.hmac);
	if (r == 0)
		r = digest_new("xxhash64", NULL, &journal.sum);
	if (r < 0)
		return r;
	*ret = journal;
	journal = (struct seal_journal){};
	return 0;
}

static int header_write(struct seal_journal *journal, const struct rekey_entry *entry)
{
	uint8_t header[REKEY_HEADER_SIZE];
	int r;

	rekey_entry_encode(entry, header);
	r = digest_data(journal->hmac, header, REKEY_MAC_OFFSET, header + REKEY_MAC_OFFSET);
	if (r == 0)
		r = fd_pwrite_full(journal->store->fd, header, sizeof(header),
			rekey_header_offset(entry->sequence));
	if (r == 0 && fsync(journal->store->fd) < 0)
		r = -errno;
	if (r == 0)
		journal->entry = *entry;
	return r;
}

int seal_journal_begin(struct seal_journal *journal, struct diag *diag)
{
	struct rekey_entry entry = journal->entry;

	entry.sequence = entry.position = entry.checksum = entry.length = 0;
	return failed(header_write(journal, &entry), "write", diag);
}

int seal_journal_put(const struct seal_journal *journal, struct digest *sum, const void *slice,
	size_t size, uint32_t offset, uint8_t ret_sum[SEAL_JOURNAL_SUM])
{
	const struct rekey_entry *e = &journal->entry;
	int r = digest_data(sum, slice, size, ret_sum);

	return r < 0 ? r
		     : fd_pwrite_full(journal->store->fd, slice, size,
			       rekey_data_offset(e->sequence + 1, e->capacity) + offset);
}

static int sum_up(struct seal_journal *journal, const uint8_t *sums, uint32_t length, uint64_t *ret)
{
	size_t n = (length + journal->slice - 1) / journal->slice;
	uint8_t sum[SEAL_JOURNAL_SUM];
	int r = digest_data(journal->sum, sums, n * SEAL_JOURNAL_SUM, sum);

	if (r < 0)
		return r;
	*ret = get_be64(sum);
	return 0;
}

int seal_journal_commit(
	struct seal_journal *journal, uint32_t length, const uint8_t *sums, struct diag *diag)
{
	struct rekey_entry entry = journal->entry;
	int r;

	entry.sequence++;
	entry.position += entry.length;
	entry.length = length;
	r = sum_up(journal, sums, length, &entry.checksum);
	if (r == 0)
		r = header_write(journal, &entry);
	return failed(r, "write", diag);
}

/* Returns 1 if the header in that place is one of this re-keying, by somebody with the root secret. */
static int header_read(struct seal_journal *journal, unsigned place, struct rekey_entry *ret)
{
	const struct rekey_entry *ours = &journal->entry;
	uint8_t header[REKEY_HEADER_SIZE], mac[REKEY_MAC_SIZE];
	int r;

	r = fd_pread_full(journal->store->fd, header, sizeof(header), rekey_header_offset(place));
	if (r == 0)
		r = digest_data(journal->hmac, header, REKEY_MAC_OFFSET, mac);
	if (r < 0)
		return r;
	if (!bytes_are_equal_secret(mac, header + REKEY_MAC_OFFSET, sizeof(mac)) ||
		rekey_entry_decode(header, ret, NULL) < 0)
		return 0;
	return memcmp(ret->id, ours->id, sizeof(ret->id)) == 0 &&
	       ret->sequence % REKEY_ENTRIES == place;
}

/* Returns 1 if the piece is whole. */
static int piece_read(struct seal_journal *journal, const struct rekey_entry *entry, uint8_t *ret)
{
	uint64_t begin = rekey_data_offset(entry->sequence, entry->capacity), sum;
	uint8_t sums[SLICES_MAX * SEAL_JOURNAL_SUM];
	int r;

	if (entry->length == 0)
		return 1;
	if (begin + entry->length > journal->store->size)
		return 0;
	r = fd_pread_full(journal->store->fd, ret, entry->length, begin);
	for (uint32_t at = 0; r == 0 && at < entry->length; at += journal->slice)
		r = digest_data(journal->sum, ret + at, MIN(entry->length - at, journal->slice),
			sums + (size_t)at / journal->slice * SEAL_JOURNAL_SUM);
	if (r == 0)
		r = sum_up(journal, sums, entry->length, &sum);
	return r < 0 ? r : sum == entry->checksum;
}

/* The newest first: an older one that is whole says nothing of a newer one that is not. */
int seal_journal_newest(struct seal_journal *journal, uint8_t *buffer, struct rekey_entry *ret)
{
	struct rekey_entry entries[REKEY_ENTRIES];
	int found[REKEY_ENTRIES], r;

	for (unsigned i = 0; i < REKEY_ENTRIES; i++) {
		found[i] = header_read(journal, i, &entries[i]);
		if (found[i] < 0)
			return found[i];
	}

	unsigned newest = found[1] && (!found[0] || entries[1].sequence > entries[0].sequence);

	for (unsigned i = 0; i < REKEY_ENTRIES; i++, newest = 1 - newest) {
		if (!found[newest])
			continue;
		r = piece_read(journal, &entries[newest], buffer);
		if (r != 0) {
			*ret = entries[newest];
			return r;
		}
	}
	return 0;
}

int seal_journal_resume(struct seal_journal *journal, uint8_t *buffer, struct diag *diag)
{
	const struct rekey_entry *ours = &journal->entry;
	struct rekey_entry entry;
	int r = seal_journal_newest(journal, buffer, &entry);

	if (r < 0)
		return failed(r, "read", diag);
	if (r == 0)
		return diag_set(diag, -EUCLEAN,
			"the journal of a re-keying that was interrupted is not on the seal's device "
			"any more; without it nobody knows how far that came");
	if (entry.size != ours->size || memcmp(entry.layer, ours->layer, REKEY_DIGEST_SIZE) != 0)
		return diag_set(diag, -EUCLEAN,
			"the layer, or the size of its device, is not what it was when the re-keying "
			"began; with the configuration of then it goes on");
	journal->entry = entry;
	return 0;
}

int seal_journal_wipe(struct seal_journal *journal, struct diag *diag)
{
	uint64_t end = rekey_data_offset(1, journal->entry.capacity) + journal->entry.capacity;
	_cleanup_free_ uint8_t *zeros = calloc(1, SEAL_JOURNAL_SLICE);
	int r = 0;

	end = MIN(end, journal->store->size);
	if (!zeros)
		return -ENOMEM;
	for (uint64_t at = REKEY_JOURNAL_OFFSET; r == 0 && at < end; at += SEAL_JOURNAL_SLICE)
		r = fd_pwrite_full(journal->store->fd, zeros,
			(size_t)MIN(end - at, (uint64_t)SEAL_JOURNAL_SLICE), at);
	if (r == 0 && fsync(journal->store->fd) < 0)
		r = -errno;
	return failed(r, "write", diag);
}
