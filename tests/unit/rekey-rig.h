/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A crypt layer of five pieces on a device and a seal, both in memory, to be re-keyed.
 */

#include "rekey-convert.h"

#define SEAL_SIZE   (1U << 20)
#define LAYER_SIZE  (2U << 20)
#define DATA_OFFSET 4096U /* of the layer on its device */
#define DEVICE_SIZE (DATA_OFFSET + LAYER_SIZE + 512)

struct rekey_rig {
	struct layer *layer;
	struct seal_store store;
	int fd; /* of the layer's device */
	struct secret *root, *before, *after;
	struct workers *workers;
	struct rekey_entry identity;
	uint8_t *old, *expected; /* LAYER_SIZE bytes; what lies there before, and at the end */
	uint64_t stop_at;	 /* bytes; then a signal comes */
};

void rekey_rig_make(struct rekey_rig *rig);
void rekey_rig_done(struct rekey_rig *rig);
/* As dmstack does it, as if in another process each time. */
int rekey_rig_convert(struct rekey_rig *rig, bool begin);
/* The new bytes are there, and nothing else was touched. */
void rekey_rig_expect_end(struct rekey_rig *rig);
/* Bytes of a piece. */
uint32_t rekey_rig_piece(void);
