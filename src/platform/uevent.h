/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel says of block devices while they work: dm-verity reports each bad block in a
 * uevent, with DM_VERITY_ERR_BLOCK_NR=TYPE,BLOCK, where type 0 is data and 1 the tree.
 */

#include <sys/types.h>

#include "macro.h"

struct uevent {
	dev_t device;
	bool is_tree; /* a block of the tree, not of the data */
	uint64_t block;
};

/* A socket on which the kernel's uevents arrive; it does not block. */
int uevent_open(void) _must_check_;
/* Returns 1 for a bad block of verity, 0 for any other event, also one that is malformed. */
int uevent_parse(const char *data, size_t size, struct uevent *ret);
/* The next event. -EAGAIN: there is none now; -ENOBUFS: some were lost. */
int uevent_receive(int fd, struct uevent *ret) _must_check_;
