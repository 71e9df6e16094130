/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The empty journal of dm-integrity. One section, of 8 sectors of entries and the data sectors of
 * as many blocks:
 *
 *	sector    0 .. 495                               496      504
 *	0         entry 0, entry 8, entry 16 ...         MAC[0]   commit id ^ (section << 32 | 0)
 *	1         entry 1, entry 9 ...                   MAC[1]   commit id ^ (section << 32 | 1)
 *	...
 *	7         entry 7, entry 15 ...                  MAC[7]   commit id ^ (section << 32 | 7)
 *	8 ...     zero                                            commit id ^ (section << 32 | n)
 *
 * An unused entry has ff ff ff ff at its byte 4 and is zero otherwise. MAC[i] are 8-byte slices of
 * the section's MAC; without one the entries may reach to byte 503. Source: the kernel's
 * drivers/md/dm-integrity.c.
 */

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "integrity-journal.h"

#define SECTOR	       512
#define ENTRY_SECTORS  8
#define ENTRY_FIELD    8 /* bytes of an entry that a MAC covers: the sector number */
#define MAC_OFFSET     496
#define MAC_SLICE      8
#define COMMIT_OFFSET  504
#define UNUSED_HIGH    UINT32_C(0xffffffff)
#define COMMIT_ID_STEP UINT64_C(0x1111111111111111)

void integrity_journal_commit_ids(
	const uint8_t stream[INTEGRITY_COMMIT_STREAM_SIZE], uint64_t ret[INTEGRITY_COMMIT_IDS])
{
	for (unsigned i = 0; i < INTEGRITY_COMMIT_IDS; i++) {
		ret[i] = COMMIT_ID_STEP * (i + 1);
		if (stream)
			ret[i] ^= get_le64(stream + (size_t)i * 8);
		/* The kernel tells the ids apart, so equal ones are moved on. */
		for (unsigned j = 0; j < i;) {
			if (ret[j] == ret[i]) {
				ret[i]++;
				j = 0;
			} else {
				j++;
			}
		}
	}
}

static size_t entry_offset(const struct integrity_geometry *geo, uint32_t entry)
{
	return (size_t)(entry % ENTRY_SECTORS) * SECTOR +
	       (size_t)(entry / ENTRY_SECTORS) * geo->entry_size;
}

static void fill_plain(const struct integrity_journal *journal, uint32_t section, uint8_t *data)
{
	const struct integrity_geometry *geo = journal->geo;
	unsigned seq = journal->commit_seq + (section < journal->free_section ? 1U : 0U);
	uint64_t id = journal->commit_ids[seq % INTEGRITY_COMMIT_IDS];

	memset(data, 0, (size_t)geo->section_sectors * SECTOR);
	for (uint32_t i = 0; i < geo->section_sectors; i++)
		put_le64(data + (size_t)i * SECTOR + COMMIT_OFFSET,
			id ^ ((uint64_t)section << 32 | i));
	for (uint32_t i = 0; i < geo->section_entries; i++)
		put_le32(data + entry_offset(geo, i) + 4, UNUSED_HIGH);
}

int integrity_journal_mac(const struct integrity_journal *journal, uint32_t section,
	const uint8_t *data, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE])
{
	const struct integrity_geometry *geo = journal->geo;
	size_t head = journal->fix_hmac ? INTEGRITY_SALT_SIZE + sizeof(uint64_t) : 0;
	size_t size = head + (size_t)geo->section_entries * ENTRY_FIELD;
	_cleanup_free_ uint8_t *input = malloc(MAX(size, sizeof(uint64_t)));
	if (!input)
		return -ENOMEM;

	if (journal->fix_hmac) {
		memcpy(input, journal->salt, INTEGRITY_SALT_SIZE);
		put_le64(input + INTEGRITY_SALT_SIZE, section);
	}
	for (uint32_t i = 0; i < geo->section_entries; i++)
		memcpy(input + head + (size_t)i * ENTRY_FIELD, data + entry_offset(geo, i),
			ENTRY_FIELD);
	return journal->ops->mac(journal->ops->userdata, input, size, ret);
}

bool integrity_journal_has_mac(const uint8_t *data, const uint8_t mac[INTEGRITY_JOURNAL_MAC_SIZE])
{
	for (size_t i = 0; i < ENTRY_SECTORS; i++)
		if (memcmp(data + i * SECTOR + MAC_OFFSET, mac + i * MAC_SLICE, MAC_SLICE) != 0)
			return false;
	return true;
}

static int add_mac(const struct integrity_journal *journal, uint32_t section, uint8_t *data)
{
	uint8_t mac[INTEGRITY_JOURNAL_MAC_SIZE];

	int r = integrity_journal_mac(journal, section, data, mac);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ENTRY_SECTORS; i++)
		memcpy(data + i * SECTOR + MAC_OFFSET, mac + i * MAC_SLICE, MAC_SLICE);
	return 0;
}

int integrity_journal_section(
	const struct integrity_journal *journal, uint32_t section, uint8_t *ret)
{
	const struct integrity_journal_ops *ops = journal->ops;
	int r = 0;

	fill_plain(journal, section, ret);
	if (ops && ops->mac)
		r = add_mac(journal, section, ret);
	if (r < 0)
		return r;
	if (ops && ops->encrypt)
		r = ops->encrypt(ops->userdata, section, ret,
			(size_t)journal->geo->section_sectors * SECTOR);
	return r;
}
