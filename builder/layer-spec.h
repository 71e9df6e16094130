/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The words of --layer, and the names that layers get.
 */

#include "diag.h"
#include "layer.h"
#include "options.h"

struct layer_spec {
	const struct layer_type *type;
	char *name;	/* owned; given as name=, else derived */
	char **options; /* owned; the rest, in order */
	size_t n_options;
	unsigned own;	 /* bit n: role n gets an artifact of its own (ROLE=new) */
	unsigned inside; /* bit n: role n lies on the data device (ROLE=data) */
	unsigned beside; /* bit n: role n lies on the hash device (fec=hash) */
};

void layer_spec_done(struct layer_spec *spec);
/* TYPE[,OPTION[=VALUE]...]. A comma within parentheses does not separate. */
int layer_spec_parse(const char *text, struct layer_spec *ret, struct diag *diag) _must_check_;
/* One more option. ROLE=new, ROLE=data and ROLE=hash are taken out, name= too. */
int layer_spec_add(struct layer_spec *spec, const char *option, struct diag *diag) _must_check_;
/*
 * Names what has none: the top one as the stack, the others STACK-TYPE, with a number from 2 on
 * where that is taken.
 */
int layer_spec_name_all(
	struct layer_spec *specs, size_t n, const char *stack, struct diag *diag) _must_check_;
