/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What depmod(8) and the kernel's build wrote about the modules of one kernel version: from names
 * and aliases to modules. Dependencies between modules are left to whoever copies them.
 */

#include "strset.h"

/* The texts of the files; each may be "". The sizes are those of the texts; owned by the caller. */
struct module_index {
	const char *dep;	     /* modules.dep */
	const char *alias;	     /* modules.alias */
	const char *builtin;	     /* modules.builtin */
	const char *builtin_modinfo; /* modules.builtin.modinfo, records that end with a NUL */
	size_t builtin_modinfo_size; /* bytes */
};

/*
 * Adds the modules that the name of a module, or an alias without wildcards, stands for. Returns how
 * many these are (0: it is built into the kernel), or -ENOENT, -ENOMEM. "-" and "_" are the same.
 */
int module_index_find(
	const struct module_index *index, const char *name, struct strset *modules) _must_check_;
