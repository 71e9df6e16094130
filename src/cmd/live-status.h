/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a target says of itself in "dmsetup status". Kernels add words at the end over time, so what
 * is behind the known ones is ignored, and what is missing is not known.
 */

#include "macro.h"

struct live_status {
	bool has_mismatches;
	uint64_t mismatches; /* integrity: blocks whose tag did not fit, since activation */
	bool recalculating;
	uint64_t recalculated_sectors; /* integrity: how far it came */
	bool has_verdict;
	bool corrupted; /* verity: a bad block was seen */
	bool has_corrected;
	uint64_t corrected; /* verity since Linux 6.19: blocks that the parity repaired */
};

/* params is the target's part of the line, changed in place. */
void live_status_parse(const char *target, char *params, struct live_status *ret);
