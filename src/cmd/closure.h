/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What has to be in an initrd for the stacks of the root file system, /usr and a hibernated system,
 * and nothing else. Everything is looked up in a tree, as files; no device is asked.
 */

#include "strset.h"

#include "diag.h"

enum closure_kind {
	CLOSURE_STACK,	     /* a layer that is to be attached, with all below it */
	CLOSURE_MODULE,	     /* a module of the kernel, or an alias where no modules are at hand */
	CLOSURE_BINARY,	     /* a program */
	CLOSURE_SYSTEMD,     /* a program that only an initrd with systemd runs */
	CLOSURE_LIBRARY,     /* a library, also one that no program is linked with */
	CLOSURE_UNIT,	     /* a unit, a drop-in, or the link that pulls a unit in */
	CLOSURE_UDEV_RULE,   /* a file of udev rules */
	CLOSURE_CONFIG,	     /* dmstack.conf and its drop-ins */
	CLOSURE_MANIFEST,    /* a manifest of these stacks */
	CLOSURE_SIGNATURE,   /* of a manifest or a root hash */
	CLOSURE_CERTIFICATE, /* to check signatures with */
	CLOSURE_KEY,	     /* a secret: never to be copied by a tool of its own accord */
	_CLOSURE_KIND_MAX,
};

struct closure {
	struct strset items[_CLOSURE_KIND_MAX];
};

struct closure_request {
	const char *root;    /* NULL: the running system */
	const char *kernel;  /* its version; NULL: the running or the only one */
	const char *cmdline; /* kernel words; NULL: those of the system or of the tree */
};

void closure_done(struct closure *closure);
/* Nothing is needed: the closure is empty. Warnings are logged. */
int closure_collect(
	const struct closure_request *request, struct closure *ret, struct diag *diag) _must_check_;
/* The word for one item, and the name of the array in JSON. */
const char *closure_kind_word(enum closure_kind kind);
const char *closure_kind_plural(enum closure_kind kind);
