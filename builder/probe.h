/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is at a place of a file: a superblock of integrity or verity, a LUKS header, a file system.
 */

#include "diag.h"
#include "fs-probe.h"
#include "integrity-geometry.h"
#include "integrity-sb.h"
#include "luks2.h"
#include "verity-sb.h"
#include "verity-tree.h"
#include "vdev.h"

enum probe_kind { PROBE_NOTHING, PROBE_INTEGRITY, PROBE_VERITY, PROBE_LUKS, PROBE_FS };

enum journal_state {
	JOURNAL_EMPTY,
	JOURNAL_IN_USE,	 /* it has entries */
	JOURNAL_UNKNOWN, /* encrypted, or broken: its commit ids are none of those known */
	JOURNAL_CUT,	 /* the file ends within it */
	JOURNAL_BITMAP,	 /* a bitmap is in its place */
};

struct probe {
	enum probe_kind kind;
	uint64_t offset; /* bytes */
	struct {
		struct integrity_sb sb;
		enum journal_state journal;
		bool has_geo; /* not with inline tags */
		struct integrity_geometry geo;
		uint64_t fits_sectors; /* what a device as long as the file provides; 0: none */
		uint32_t
			replay_sections; /* of a journal in use: so many would be written back ... */
		uint64_t replay_blocks;	 /* ... with so many blocks, some perhaps twice */
		uint64_t bitmap_bits_set; /* of a bitmap */
	} integrity;
	struct {
		struct verity_sb sb;
		struct verity_tree tree;
		bool has_tree; /* the algorithm is known, so that the tree's shape is */
	} verity;
	struct {
		unsigned version;
		char uuid[41];
		struct luks2 *header; /* owned; NULL with version 1 */
	} luks;
	struct fs_info fs;
};

void probe_done(struct probe *probe);
/*
 * Looks at one place. 0 also if there is nothing. A superblock that is broken gives its kind, the
 * error, and a diag.
 */
int probe_at(struct vdev *v, uint64_t offset, struct probe *ret, struct diag *diag) _must_check_;

/* In probe-integrity.c: head is the superblock's bytes at p->offset. */
int probe_integrity(
	struct vdev *v, const uint8_t *head, struct probe *p, struct diag *diag) _must_check_;
