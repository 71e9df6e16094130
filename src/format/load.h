/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * All configuration of a machine, from files to an unlinked stack:
 *
 *	dmstack.conf          of /etc, /run and /usr/lib the first that exists
 *	dmstack.conf.d/         files NAME.conf of these three folders, in the order of the names
 *	dmstack.d/              manifests NAME.json, unless a line of type "manifest" names the file
 *
 * A file masks those of the same name in a later folder; one that is empty or a symbolic link to
 * /dev/null masks and says nothing. $DMSTACK_CONF names one file that replaces the first two
 * kinds, $DMSTACK_MANIFEST_PATH (folders separated by colons) replaces the folders of the third;
 * both count only for the running system.
 */

#include <sys/types.h>

#include "load-error.h"
#include "load-files.h"
#include "stack.h"

/* A file as it was read, before anybody looked into it. Valid during the call only. */
struct load_text {
	const char *path; /* as seen from inside the root */
	char *data;
	size_t size;
	dev_t device; /* of the file system that the file is on */
	int root_fd;  /* -EBADF: the running system */
	bool is_manifest;
};

struct load_request {
	const char *root; /* the tree to read; NULL: the running system */
	load_error_fn on_error;
	/*
	 * Whether a file is to be believed. 1: somebody who is trusted vouches for these bytes; 0:
	 * nobody does, so that the sealed phase cannot use a manifest; an error and a diag: it is
	 * refused. NULL: nobody does.
	 */
	int (*judge)(void *userdata, const struct load_text *text, struct diag *diag);
	void *userdata; /* for both */
};

/*
 * Adds the layers to the stack. Paths in layers and messages are those inside the root, through
 * which symbolic links do not lead out. ret_files may be NULL. Returns the number of errors that
 * were reported, -ENOMEM, or -errno if the root itself cannot be opened.
 */
int load_stack(const struct load_request *request, struct stack *stack,
	struct load_files *ret_files) _must_check_;
