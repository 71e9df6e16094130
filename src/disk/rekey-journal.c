/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header of an entry, all integers big endian:
 *
 *	 0  magic "DMSREK01"		64  position (be64)
 *	 8  version (be16): 1		72  length (be32)
 *	10  zero (2)			76  zero (4)
 *	12  capacity (be32)		80  checksum (be64)
 *	16  id (16)			88  digest of the layer (32)
 *	32  sequence (be64)	       120  zeros
 *	40  size (be64)		      4064  HMAC-SHA-256 of the bytes before
 *	48  zeros (16)
 */

#include "rekey-journal.h"

#include <string.h>

#include "bytes.h"

#define MAGIC	"DMSREK01"
#define VERSION 1

int rekey_capacity(uint64_t device_size, uint32_t *ret, struct diag *diag)
{
	const uint64_t first = REKEY_JOURNAL_OFFSET + REKEY_ENTRIES * REKEY_HEADER_SIZE;
	uint64_t capacity;

	if (device_size < REKEY_DEVICE_SIZE_MIN)
		return diag_set(diag, -ENOSPC,
			"the seal's device has %ju bytes, and re-keying needs a journal on it: %u bytes "
			"at least, and it is fastest with %u",
			(uintmax_t)device_size, REKEY_DEVICE_SIZE_MIN, REKEY_DEVICE_SIZE_BEST);
	capacity = (device_size - first) / REKEY_ENTRIES;
	capacity -= capacity % REKEY_ALIGNMENT;
	*ret = (uint32_t)MIN(capacity, (uint64_t)REKEY_CAPACITY_MAX);
	return 0;
}

static unsigned place(uint64_t sequence)
{
	return (unsigned)(sequence % REKEY_ENTRIES);
}

uint64_t rekey_header_offset(uint64_t sequence)
{
	return REKEY_JOURNAL_OFFSET + (uint64_t)place(sequence) * REKEY_HEADER_SIZE;
}

uint64_t rekey_data_offset(uint64_t sequence, uint32_t capacity)
{
	return REKEY_JOURNAL_OFFSET + REKEY_ENTRIES * REKEY_HEADER_SIZE +
	       (uint64_t)place(sequence) * capacity;
}

static int check_fields(const struct rekey_entry *e, struct diag *diag)
{
	if (e->capacity < REKEY_CAPACITY_MIN || e->capacity > REKEY_CAPACITY_MAX ||
		e->capacity % REKEY_ALIGNMENT || e->length > e->capacity)
		return diag_set(diag, -EINVAL, "re-keying journal: a length is out of range");
	/* A layer of device-mapper has less than 2^63 bytes. */
	if (e->size == 0 || e->size > INT64_MAX || e->position > e->size ||
		e->length > e->size - e->position)
		return diag_set(diag, -EINVAL, "re-keying journal: a piece is outside the layer");
	if (e->sequence == 0 ? e->position != 0 || e->length != 0 : e->length == 0)
		return diag_set(
			diag, -EINVAL, "re-keying journal: the first entry alone has no piece");
	return 0;
}

int rekey_entry_decode(
	const uint8_t data[REKEY_HEADER_SIZE], struct rekey_entry *ret, struct diag *diag)
{
	struct rekey_entry entry = {
		.capacity = get_be32(data + 12),
		.sequence = get_be64(data + 32),
		.size = get_be64(data + 40),
		.position = get_be64(data + 64),
		.length = get_be32(data + 72),
		.checksum = get_be64(data + 80),
	};
	int r;

	if (bytes_are_zero(data, REKEY_HEADER_SIZE))
		return diag_set(diag, -ENODATA, "re-keying journal: it is empty");
	if (memcmp(data, MAGIC, 8) != 0)
		return diag_set(diag, -EBADMSG, "there is no re-keying journal");
	if (get_be16(data + 8) != VERSION)
		return diag_set(diag, -EPROTONOSUPPORT, "re-keying journal: unknown version %u",
			get_be16(data + 8));
	if (!bytes_are_zero(data + 10, 2) || !bytes_are_zero(data + 48, 16) ||
		!bytes_are_zero(data + 76, 4) ||
		!bytes_are_zero(data + 120, REKEY_MAC_OFFSET - 120))
		return diag_set(diag, -EINVAL, "re-keying journal: reserved bytes are set");
	memcpy(entry.id, data + 16, REKEY_ID_SIZE);
	memcpy(entry.layer, data + 88, REKEY_DIGEST_SIZE);
	r = check_fields(&entry, diag);
	if (r < 0)
		return r;
	*ret = entry;
	return 0;
}

void rekey_entry_encode(const struct rekey_entry *entry, uint8_t ret[REKEY_HEADER_SIZE])
{
	memset(ret, 0, REKEY_HEADER_SIZE);
	memcpy(ret, MAGIC, 8);
	put_be16(ret + 8, VERSION);
	put_be32(ret + 12, entry->capacity);
	memcpy(ret + 16, entry->id, REKEY_ID_SIZE);
	put_be64(ret + 32, entry->sequence);
	put_be64(ret + 40, entry->size);
	put_be64(ret + 64, entry->position);
	put_be32(ret + 72, entry->length);
	put_be64(ret + 80, entry->checksum);
	memcpy(ret + 88, entry->layer, REKEY_DIGEST_SIZE);
}
