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

#include "load-error.h"
#include "load-files.h"
#include "stack.h"

struct load_request {
	const char *root; /* the tree to read; NULL: the running system */
	load_error_fn on_error;
	void *userdata;
};

/*
 * Adds the layers to the stack. Paths in layers and messages are those inside the root, through
 * which symbolic links do not lead out. ret_files may be NULL. Returns the number of errors that
 * were reported, -ENOMEM, or -errno if the root itself cannot be opened.
 */
int load_stack(const struct load_request *request, struct stack *stack,
	struct load_files *ret_files) _must_check_;
