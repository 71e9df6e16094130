/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Repairs data and tree of a verity layer from the parity of its forward error correction, and its
 * superblock from the manifest. The devices below must be writable.
 */

#include <signal.h>

#include "filter.h"

struct verity_repair {
	uint64_t data_blocks;	/* repaired */
	uint64_t tree_blocks;	/* repaired */
	uint64_t parity_blocks; /* computed anew */
	bool superblock;	/* written anew */
	uint64_t lost_blocks;	/* of data and tree: damaged still, or below such a block */
};

/*
 * v: a verity layer that was opened with FILTER_READ and a fec device. A block is written only when
 * it has the digest that is above it, so what is written is right up to the root hash. The report
 * of the filter is called for every block that was repaired. -EOPNOTSUPP: no verity layer with
 * parity.
 */
int verity_repair(struct vdev *v, const volatile sig_atomic_t *cancel, struct verity_repair *ret,
	struct diag *diag) _must_check_;
