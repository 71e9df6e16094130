/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The configuration as every verb sees it: all files, the kernel command line, and the graph.
 */

#include "load.h"
#include "log.h"
#include "stack.h"

/*
 * Loads and links below root (NULL: of the running system, with its kernel command line). What is
 * wrong with a file or a layer is logged at the level and the rest goes on; *ret_errors counts it.
 */
int config_load(
	const char *root, enum log_level level, struct stack *ret, size_t *ret_errors) _must_check_;

struct config_request {
	const char *root;     /* NULL: the running system, with its kernel command line */
	enum log_level level; /* of errors */
	bool initrd;	      /* as an initrd would see it, which this is or is to be made of */
};

/* What there is to say of a configuration besides its layers. */
struct config_report {
	size_t n_errors;
	bool sealed; /* an error has to do with the sealed phase, or may have */
	struct load_files files;
};

void config_report_done(struct config_report *report);
int config_load_report(const struct config_request *config, struct stack *ret,
	struct config_report *ret_report) _must_check_;

/* As systemd tells its generators, and as its tools find out. */
bool config_in_initrd(void);
/* The layer of that name, or -ENOENT and a diag. It may be broken. */
int config_find(const struct stack *stack, const char *name, struct layer **ret,
	struct diag *diag) _must_check_;
/* Appends the devices below, as "PARTLABEL=x" or with the role in front: "hash=PARTLABEL=y". */
void config_print_devices(const struct layer *layer, const char *separator, struct buf *buf);
