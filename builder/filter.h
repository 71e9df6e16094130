/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A filter is the offline form of a layer type: it does to a virtual block device what the
 * kernel's target does to a mapping. A new type is one file and one line in filters.c.
 *
 * To create: open the filters bottom first, write all of the top device (pipeline_write()), then
 * vdev_finish() every device, top first. To read: open bottom first, read the top; to
 * verify all, also what no layer above uses, vdev_finish() every device then, top first.
 */

#include "layer.h"
#include "secret.h"
#include "vdev.h"

struct luks_additions;

enum filter_mode { FILTER_CREATE, FILTER_READ };

/* One damaged place, as it is reported. The texts live as long as the layer. */
struct damage {
	const struct layer *layer;
	const char *part; /* "data", "tag", "tree", "superblock", "journal" */
	uint64_t offset;  /* bytes: data: on the layer's mapping; else on the device of that role */
	uint64_t length;  /* bytes */
	const char *
		role; /* the device that offset is on ("data", "meta", "hash"); NULL: the mapping */
	const char *what; /* one sentence without a full stop; static */
};

struct filter_args {
	/*
	 * Finished. FILTER_CREATE: verity's finish sets the root hash (verity_fields.root_hash,
	 * marked as given). FILTER_READ: fields that were not given are filled in from the
	 * superblock. Must outlive the device.
	 */
	struct layer *layer;
	struct vdev
		*below[LAYER_ROLES_MAX]; /* by role; NULL: absent. The filter does not own them. */
	enum filter_mode mode;
	unsigned threads; /* for work in finish; 0 counts as 1 */

	/* The bytes of a key; they stay the caller's and must live until open has returned. */
	int (*key)(void *userdata, const struct keyref *ref, const struct secret **ret,
		struct diag *diag);
	/*
	 * FILTER_CREATE: where the random IVs of n units of authenticated encryption come from,
	 * stride bytes from one to the next. NULL: getrandom(2). Another source must never give an
	 * IV twice for one key; it is there to build a known image again.
	 */
	int (*ivs)(void *userdata, const struct layer *layer, uint64_t sector, size_t n,
		uint8_t *ret, size_t stride);
	/*
	 * FILTER_CREATE: bytes that are the same whenever the same image is made, for a label. NULL:
	 * random ones of getrandom(2) are wanted.
	 */
	int (*random)(void *userdata, const struct layer *layer, const char *label, void *ret,
		size_t size);
	/* FILTER_CREATE: what a luks layer's header has beside one keyslot. May be NULL. */
	const struct luks_additions *luks;
	/* The key of the table where the layer's key only opens a keyslot; else NULL. */
	const struct secret *volume_key;
	/*
	 * FILTER_READ: what the superblock calls unfinished is no error, since integrity_repair() is
	 * going to finish it.
	 */
	bool change;
	/* FILTER_READ: called for every damaged place, by any thread. May be NULL. */
	void (*report)(void *userdata, const struct damage *damage);
	void *userdata;

	/*
	 * The state in which an integrity journal is written: {0, 0} is fresh, as formatted. Others
	 * are what a kernel leaves at close; sections from free_section on carry commit_seq, those
	 * before it commit_seq + 1.
	 */
	struct {
		uint32_t free_section;
		uint8_t commit_seq;
	} journal;
};

struct filter_type {
	const struct layer_type *type;
	int (*open)(const struct filter_args *args, struct vdev **ret, struct diag *diag);
};

/*
 * The layer as a device. -EOPNOTSUPP: no offline form of this type or of what it is set to.
 * FILTER_READ: -ENODATA, -EUCLEAN, -EMEDIUMTYPE as in layer_type.adopt; -EILSEQ: a root hash,
 * superblock MAC or journal is wrong; -EUCLEAN also for a journal that is not empty.
 */
int filter_open(const struct filter_args *args, struct vdev **ret, struct diag *diag) _must_check_;

/* In the table of filters.c. */
extern const struct filter_type filter_type_linear;
extern const struct filter_type filter_type_crypt;
extern const struct filter_type filter_type_luks;
extern const struct filter_type filter_type_integrity;
extern const struct filter_type filter_type_verity;
