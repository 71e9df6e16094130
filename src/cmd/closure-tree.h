/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Looking for files in the tree that an initrd is made of.
 */

#include "closure.h"

struct closure_tree {
	int fd; /* -EBADF: the running system */
	struct closure *closure;
};

bool tree_has(const struct closure_tree *tree, const char *path);
/* The text of a file up to limit bytes; -ENOENT. */
int tree_read(const struct closure_tree *tree, const char *path, size_t limit, char **ret,
	size_t *ret_size) _must_check_;
/*
 * The names in a folder, sorted, without those that begin with a dot. A folder need not be there.
 */
int tree_list(const struct closure_tree *tree, const char *path, struct strset *ret) _must_check_;
/* Each returns 0, or an error with a diag. */
int tree_add_units(const struct closure_tree *tree, struct diag *diag) _must_check_;
/*
 * What extends PCR 11 in the initrd of a unified kernel image that was measured, which a signed
 * policy counts with. An initrd that is loaded otherwise does without.
 */
int tree_add_measuring(const struct closure_tree *tree) _must_check_;
int tree_add_udev(const struct closure_tree *tree, struct diag *diag) _must_check_;
int tree_add_certificates(const struct closure_tree *tree, struct diag *diag) _must_check_;
/* A program in one of the usual folders: -ENOENT and a diag if it is nowhere and is required. */
int tree_add_program(const struct closure_tree *tree, enum closure_kind kind, const char *name,
	bool required, struct diag *diag) _must_check_;
int tree_add_file(const struct closure_tree *tree, enum closure_kind kind, const char *path,
	struct diag *diag) _must_check_;
/* A library that programs open by themselves; nothing if it is not there. */
int tree_add_library(const struct closure_tree *tree, const char *name) _must_check_;
/*
 * The modules of the kernel. version NULL: the only one in the tree. Without modules in the tree the
 * names themselves.
 */
int tree_add_modules(const struct closure_tree *tree, const char *version,
	const struct strset *targets, const struct strset *algorithms,
	struct diag *diag) _must_check_;
