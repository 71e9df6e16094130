/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The journal of a re-keying, on the seal's device behind the slots. Two entries are written in
 * turn, each a header and the new bytes of a piece of the layer: what a power cut leaves half
 * written on the layer's device is written again from here. The new bytes are ciphertext; nothing
 * in the journal is secret.
 *
 *	131072		135168		139264
 *	| header 0	| header 1	| data 0, capacity bytes	| data 1	|
 */

#include "diag.h"
#include "macro.h"

#define REKEY_JOURNAL_OFFSET   131072U /* bytes from the device's beginning */
#define REKEY_HEADER_SIZE      4096U
#define REKEY_MAC_OFFSET       4064U /* the HMAC-SHA-256 covers what is before it */
#define REKEY_MAC_SIZE	       32U
#define REKEY_ENTRIES	       2U
#define REKEY_CAPACITY_MIN     65536U
#define REKEY_CAPACITY_MAX     (8U << 20)
#define REKEY_ALIGNMENT	       4096U /* of the capacity, so that no sector lies in two pieces */
#define REKEY_DEVICE_SIZE_MIN  (1U << 20)  /* bytes of the seal's device */
#define REKEY_DEVICE_SIZE_BEST (17U << 20) /* more does not help */
#define REKEY_ID_SIZE	       16U
#define REKEY_DIGEST_SIZE      32U

struct rekey_entry {
	uint8_t id[REKEY_ID_SIZE];	  /* of the re-keying: the tag of the new key's record */
	uint8_t layer[REKEY_DIGEST_SIZE]; /* of what the layer is; it must not change meanwhile */
	uint64_t sequence;		  /* from 0; its lowest bit is the entry's place */
	uint64_t size;			  /* bytes of the whole layer */
	uint64_t position;		  /* of the piece, bytes from the layer's beginning */
	uint32_t length;		  /* bytes; 0 in the first entry, which only says begin */
	uint32_t capacity;		  /* bytes that a piece may have */
	uint64_t checksum;		  /* of the piece: XXH64 over those of its slices */
};

/* The capacity that a seal's device of that size gives. -ENOSPC: it is too small for a journal. */
int rekey_capacity(uint64_t device_size, uint32_t *ret, struct diag *diag) _must_check_;
/* Where an entry's header and its data lie on the device. */
uint64_t rekey_header_offset(uint64_t sequence);
uint64_t rekey_data_offset(uint64_t sequence, uint32_t capacity);

/*
 * Strict. -ENODATA: all bytes are zero. -EBADMSG: no entry of a journal. -EPROTONOSUPPORT: one of
 * later programs. -EINVAL: a field out of range, or bytes set where none belong. The HMAC is the
 * caller's to check, first.
 */
int rekey_entry_decode(const uint8_t data[REKEY_HEADER_SIZE], struct rekey_entry *ret,
	struct diag *diag) _must_check_;
/* All bytes but the HMAC, which is zero. */
void rekey_entry_encode(const struct rekey_entry *entry, uint8_t ret[REKEY_HEADER_SIZE]);
