/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Moves data through a stack with several threads. Memory is one chunk a thread beside what the
 * filters hold; the first error stops all threads; the bytes do not depend on the number of
 * threads.
 */

#include <signal.h>

#include "vdev.h"

struct pipeline {
	unsigned threads;  /* 0: one per CPU that this process may use */
	size_t chunk_size; /* bytes, a power of two; 0: VDEV_CHUNK_SIZE */
	/* Set by a signal handler: the pipeline then returns -ECANCELED. May be NULL. */
	const volatile sig_atomic_t *cancel;
	/* Called by one thread at a time, at most once a chunk; done grows. May be NULL. */
	void (*progress)(void *userdata, uint64_t done_bytes, uint64_t total_bytes);
	void *userdata;
};

/* The number of threads that p->threads stands for. */
unsigned pipeline_threads(const struct pipeline *p);

/*
 * Writes the whole of top: the input, zeros behind its end. Holes and zero stretches of the input
 * become zero writes. The input must not be larger than top.
 */
int pipeline_write(const struct pipeline *p, struct vdev *input, struct vdev *top,
	struct diag *diag) _must_check_;

/*
 * Reads the whole of top and throws the data away; reads on after damage (-EILSEQ), which the
 * filters report. *ret_damaged_bytes is how much of top could not be read: in blocks of top.
 */
int pipeline_verify(const struct pipeline *p, struct vdev *top, uint64_t *ret_damaged_bytes,
	struct diag *diag) _must_check_;

/* Copies the first len bytes of top to output (zeros stay holes). The first damage ends it. */
int pipeline_extract(const struct pipeline *p, struct vdev *top, struct vdev *output, uint64_t len,
	struct diag *diag) _must_check_;
