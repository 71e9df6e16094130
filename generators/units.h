/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From a linked stack to unit files, in memory. The edges and the reasons for them are described
 * in dmstack-generator(8).
 */

#include "stack.h"
#include "unit-tree.h"

struct units_input {
	const struct stack *stack; /* linked */
	bool initrd;		   /* only what is flagged for the initrd comes up there */
	bool root_given;	   /* root= is on the kernel command line: no sysroot.mount */
	char *const *names;	   /* dmstack.stack=: these, what carries them, and sealed ones */
	size_t n_names;		   /* 0: every layer that carries no other */
	bool sealed_error;	   /* something sealed could not even be read */
	/* True if the credential is stored encrypted; NULL: none is. */
	bool (*credential_is_encrypted)(const char *name, void *userdata);
	/* True if fstab(5) has a line for the mount point, which then counts; NULL: it has none. */
	bool (*mount_is_configured)(const char *where, void *userdata);
	/* Called once for every stack; error is NULL for one whose units are in the tree. */
	void (*on_stack)(
		const char *name, unsigned phase, const struct diag *error, void *userdata);
	void *userdata;
};

/*
 * Appends the units of every stack that is whole. A stack that is not is reported and has none.
 * Returns the number of stacks that failed, or -ENOMEM.
 */
int units_compile(const struct units_input *in, struct unit_tree *tree) _must_check_;

/*
 * The settings for an action of the sealed phase: "FailureAction=reboot-force\n". A version of
 * systemd that does not know a word ignores its line, so a weaker one that every version knows may
 * stand before it.
 */
void unit_put_action(struct buf *buf, const char *setting, unsigned fail);
