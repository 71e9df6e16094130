/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What several filters need when they open.
 */

#include "filter.h"

/* The length of the mapping in bytes, from those of the devices below. */
int filter_size(
	const struct filter_args *args, uint64_t *ret_bytes, struct diag *diag) _must_check_;
/* -EINVAL: a block size larger than the layer's is below, or the offset (bytes) does not fit it. */
int filter_check_alignment(const struct vdev *below, uint64_t offset, uint32_t block_size,
	struct diag *diag) _must_check_;
/* The bytes of a key. -ENOKEY: there is none. */
int filter_key(const struct filter_args *args, const struct keyref *ref, const struct secret **ret,
	struct diag *diag) _must_check_;
