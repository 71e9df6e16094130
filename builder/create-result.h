/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The result of create, for people or as a line of JSON.
 */

#include "layout.h"
#include "manifest.h"

struct create_result {
	const char *output; /* the folder; NULL: nothing was written */
	const struct manifest *manifest;
	const struct recipe *recipe;
	const struct layout *layout;
	bool dry_run, json;
};

/* Prints to stdout. -ENOMEM. */
int create_result_print(const struct create_result *r) _must_check_;
