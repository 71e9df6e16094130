/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Changes an image of dm-integrity that is there: writes its journal back, computes tags anew. The
 * devices below must be writable.
 */

#include "filter.h"
#include "pipeline.h"

enum integrity_repair_kind {
	INTEGRITY_REPLAY,      /* nothing but the journal */
	INTEGRITY_RECALCULATE, /* tags that the superblock calls unfinished; all if there are none */
	INTEGRITY_RESET,       /* all tags */
	INTEGRITY_ACCEPT,      /* all that are wrong, each of them reported */
};

struct integrity_repair {
	uint64_t replayed_blocks; /* written back from the journal */
	uint64_t tags;		  /* that were computed and differ from what there was */
	uint64_t damaged_blocks;  /* wrong, and not to be changed: reported */
	bool cleared;		  /* the superblock no longer calls tags unfinished */
};

/*
 * v: an integrity layer that was opened with FILTER_READ and filter_args.change. Data and tags are
 * on the disk before the journal is emptied, and the superblock comes last, so that it can be done
 * again wherever it was interrupted. -EOPNOTSUPP: the tags are those of a layer above.
 */
int integrity_repair(struct vdev *v, enum integrity_repair_kind kind,
	const struct pipeline *pipeline, struct integrity_repair *ret,
	struct diag *diag) _must_check_;

/* What verify says of a journal: blocks that are in it only. Of another layer it is 0. */
uint64_t integrity_journal_blocks(const struct vdev *v);
