/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What has to be done to bring up a stack: ordered steps, compiled from the graph
 * without touching the world. It can be printed, compared and tested; src/cmd/run.c does it.
 * A plan points into the stack, which must outlive it, and never holds key bytes.
 */

#include "stack.h"

enum step_kind {
	STEP_WAIT,  /* until the device of a role is there */
	STEP_PROBE, /* read the superblock and hold it against the fields */
	STEP_KEY,   /* fetch a key into the kernel keyring */
	STEP_TABLE, /* load the table and resume */
	STEP_UNKEY, /* revoke the key of STEP_KEY */
	_STEP_KIND_MAX,
};

struct step {
	enum step_kind kind;
	struct layer *layer;
	size_t device;		  /* WAIT: index into layer->devices */
	const struct keyref *key; /* KEY */
	size_t key_size;	  /* KEY: bytes; 0: as many as there are */
	char *key_description;	  /* KEY, UNKEY: in the kernel keyring; owned */
	bool public_key;	  /* KEY: no secret; a key of type "user" */
};

struct plan {
	struct step *steps;
	size_t n_steps;
};

void plan_done(struct plan *plan);
/* The layer and all below, bottom first. -EINVAL: a layer is broken, with its diag. */
int plan_attach(const struct stack *stack, struct layer *top, struct plan *ret,
	struct diag *diag) _must_check_;
/* One line a step, numbered; tables masked. */
void plan_print(const struct plan *plan, struct buf *buf);
