/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A device as the configuration names it.
 */

#include "buf.h"
#include "diag.h"

enum devref_kind {
	DEVREF_NONE,
	DEVREF_LAYER,	  /* the name of another layer */
	DEVREF_PATH,	  /* an absolute path: a node below /dev, else a file for a loop device */
	DEVREF_UUID,	  /* UUID=, of the file system or superblock */
	DEVREF_PARTUUID,  /* PARTUUID= */
	DEVREF_LABEL,	  /* LABEL= */
	DEVREF_PARTLABEL, /* PARTLABEL= */
	DEVREF_ID,	  /* ID=, a name in /dev/disk/by-id */
	_DEVREF_KIND_MAX,
};

struct devref {
	enum devref_kind kind;
	char *value; /* without the prefix; owned */
};

void devref_done(struct devref *dev);
int devref_parse(const char *text, struct devref *ret, struct diag *diag) _must_check_;
int devref_copy(const struct devref *from, struct devref *ret) _must_check_;
void devref_print(const struct devref *dev, struct buf *buf);
/* True if both name the same thing with the same words. */
bool devref_equal(const struct devref *a, const struct devref *b);
/*
 * The path where udev puts the device: /dev/disk/by-partlabel/..., /dev/mapper/NAME, or the path
 * itself. Characters that udev encodes in links are encoded (\x20). NULL when memory is out.
 */
char *devref_path(const struct devref *dev);
/* True for a path outside /dev: a file that needs a loop device. */
bool devref_is_file(const struct devref *dev);
