/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Live device-mapper mappings, through libdevmapper. A mapping of ours has exactly one target that
 * begins at sector 0. Sectors are of 512 bytes. Functions return 0 or a negative errno with a
 * sentence in the diag.
 */

#include <sys/types.h>

#include "diag.h"
#include "macro.h"
#include "secret.h"

/* What every DM UUID of ours has behind its type: TYPE-dmstack-NAME. */
#define MAPPING_UUID_MARK "-dmstack-"

struct mapping_info {
	char *name; /* owned */
	char *uuid; /* owned; "" if it has none */
	bool exists;
	bool live; /* a table is active */
	bool suspended;
	bool read_only;
	unsigned open_count; /* openers, mounts and mappings above */
	dev_t device;
};

void mapping_info_done(struct mapping_info *info);
/* A mapping that is not there is no error: exists is false then. */
int mapping_info_get(const char *name, struct mapping_info *ret, struct diag *diag) _must_check_;

struct mapping_list {
	struct mapping_info *items; /* owned */
	size_t n;
};

void mapping_list_done(struct mapping_list *list);
/* All mappings whose UUID carries our mark. */
int mapping_list_get(struct mapping_list *ret, struct diag *diag) _must_check_;
/* Those of others, too. */
int mapping_list_all(struct mapping_list *ret, struct diag *diag) _must_check_;

/* One line of "dmsetup table" or "dmsetup status". */
struct mapping_line {
	uint64_t start_sector;
	uint64_t length_sectors;
	char *target;	       /* owned */
	struct secret *params; /* a string with its NUL; a table may have a key in it; owned */
};

void mapping_line_done(struct mapping_line *line);
/* -EEXIST: it has more than one target, or none, so that it is not what dmstack makes. */
int mapping_table(const char *name, struct mapping_line *ret, struct diag *diag) _must_check_;
int mapping_status(const char *name, struct mapping_line *ret, struct diag *diag) _must_check_;

/* The devices that its table refers to. To be freed by the caller. */
int mapping_deps(const char *name, dev_t **ret, size_t *ret_n, struct diag *diag) _must_check_;

struct mapping_spec {
	const char *name;
	const char *uuid;
	const char *target;
	uint64_t length_sectors;
	const struct secret *params; /* the target's words, a string with its NUL */
	bool has_key;		     /* key bytes are among the words */
	bool read_only;
	/* A middle layer: no links by its content, nothing assembled or mounted from it. */
	bool hidden;
};

/*
 * Creates, loads and resumes; waits for udev if it runs. On failure nothing is left behind.
 * -EBUSY: the name or UUID is taken, or a device below is in use.
 */
int mapping_create(const struct mapping_spec *spec, struct diag *diag) _must_check_;
/* Waits a few seconds for short-lived openers. -EBUSY: it is still in use. */
int mapping_remove(const char *name, bool hidden, struct diag *diag) _must_check_;
/*
 * One pass over our mappings, or over all: removes those that nobody has open. *ret_left says how
 * many are there still, *ret_removed how many are gone now; the diag, why one of them stays.
 */
int mapping_remove_unused(
	bool foreign, size_t *ret_left, size_t *ret_removed, struct diag *diag) _must_check_;
/*
 * Puts a table in its place that only gives errors, whoever uses it: the kernel drops the keys of
 * the old one. Neither udev nor what is mounted is waited for. Nothing to do without a table.
 */
int mapping_wipe(const char *name, struct diag *diag) _must_check_;

/*
 * Suspends: what was written so far is on the device below, a file system on it is frozen, and
 * whoever goes on writing waits. Resumes; hidden as in struct mapping_spec.
 */
int mapping_suspend(const char *name, struct diag *diag) _must_check_;
int mapping_wake(const char *name, bool hidden, struct diag *diag) _must_check_;
/* A message for its target, which ends up in kernel logs: never with a key in it. */
int mapping_message(const char *name, const char *message, struct diag *diag) _must_check_;

/*
 * Makes sure that the kernel has the target in at least that version, loading the modules (a
 * NULL-terminated list, or NULL) if it has not. -EOPNOTSUPP otherwise.
 */
int mapping_require_target(const char *target, const unsigned version[3],
	const char *const *modules, struct diag *diag) _must_check_;
