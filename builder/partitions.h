/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The partition that each image belongs in, as the Discoverable Partitions Specification wants it,
 * https://uapi-group.org/specifications/specs/discoverable_partitions_specification/ : its type
 * where the stack is / or /usr, its UUID where a root hash is known.
 */

#include "gpt.h"
#include "layout.h"
#include "manifest.h"

/* The first line of a definition for systemd-repart. */
#define PARTITION_REPART_HEAD "# Made by dmstack-build; --force replaces it.\n"

struct partition {
	const struct artifact *artifact;
	char *label;	    /* owned */
	char type_name[40]; /* "root-x86-64-verity" */
	char type[37];
	char uuid[37];
	bool discoverable; /* the type is one that systemd-gpt-auto-generator(8) looks for ... */
	bool no_auto;	   /* ... and has to leave alone */
	bool read_only;
};

struct partitions {
	struct partition *items; /* owned */
	size_t n;
	char disk_uuid[37];
};

struct partitions_args {
	const struct recipe *recipe;
	const struct layout *layout;
	const struct mount_hint *mount; /* or NULL */
	const char *architecture;	/* or NULL: that of this program */
	const struct seed *seed;
};

/*
 * When root hashes are known; before, the UUIDs are not yet right. -EINVAL: a label is too long, or
 * a PARTUUID= no UUID; -EOPNOTSUPP: an unknown architecture.
 */
int partitions_init(
	struct partitions *ret, const struct partitions_args *args, struct diag *diag) _must_check_;
void partitions_done(struct partitions *p);
/* Writes the partition table of a disk image, whose descriptor is fd. */
int partitions_write_gpt(
	const struct partitions *p, int fd, const char *name, struct diag *diag) _must_check_;
/*
 * A definition for systemd-repart(8), repart.d(5), that copies the image from the folder. -EINVAL: it
 * has a size that systemd-repart cannot give.
 */
int partition_print_repart(const struct partition *p, const char *folder, struct buf *buf,
	struct diag *diag) _must_check_;
