/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A layer of some pieces on a device and a seal, both in memory, to be re-keyed: plain ciphertext,
 * sectors with tags in the dm-integrity below, or a small LUKS2 volume.
 */

#include "rekey-convert.h"

#define SEAL_SIZE   (1U << 20)
#define DATA_OFFSET 4096U /* of a plain layer on its device */

struct rekey_rig {
	const struct rekey_type *type;
	struct layer *layer, *base; /* base: the one below that keeps the tags, or the layer */
	struct seal_store store;
	int fd; /* of the device */
	struct secret *root, *before, *after;
	struct workers *workers;
	struct rekey_entry identity;
	size_t device_size;
	const uint8_t *expected; /* what lies on the device at the end; of LUKS2 the plaintext */
	uint64_t stop_at;	 /* bytes; then a signal comes */
};

void rekey_rig_make(struct rekey_rig *rig, const struct rekey_type *type);
void rekey_rig_done(struct rekey_rig *rig);
/* As dmstack does it, as if in another process each time. */
int rekey_rig_convert(struct rekey_rig *rig, bool begin);
/* The new bytes are there, and nothing else was touched. */
void rekey_rig_expect_end(struct rekey_rig *rig);
/* Bytes of a piece. */
uint32_t rekey_rig_piece(void);
