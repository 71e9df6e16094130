/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a generator leaves: folders, files and links, first in memory, then on disk. The tree has
 * one text buffer for all, so that a thousand layers cost a handful of allocations.
 */

#include <stdio.h>

#include "buf.h"
#include "diag.h"

/* The folders that systemd gives a generator, see systemd.generator(7). */
enum unit_place {
	UNIT_PLACE_NORMAL, /* above /usr/lib, below /etc */
	UNIT_PLACE_LATE,   /* below everything */
	_UNIT_PLACE_MAX,
};

enum unit_entry_kind { UNIT_ENTRY_FOLDER, UNIT_ENTRY_FILE, UNIT_ENTRY_LINK };

struct unit_entry {
	enum unit_entry_kind kind;
	enum unit_place place;
	size_t path; /* offset of the NUL-terminated path in the text */
	size_t data; /* offset of the content or of the NUL-terminated target */
	size_t size; /* bytes of the content */
};

struct unit_tree {
	struct buf text;
	struct unit_entry *entries; /* in the order in which they are made; owned */
	size_t n_entries;
	size_t space;
};

void unit_tree_done(struct unit_tree *tree);

/*
 * Errors stick in tree->text and are reported by unit_tree_write(). The folder is made, too; NULL
 * stands for the place itself.
 */
void unit_tree_add_link(struct unit_tree *tree, enum unit_place place, const char *folder,
	const char *name, const char *target);
/* Whatever is appended to the buf, up to the next call for this tree, is the content. */
struct buf *unit_tree_add_file(
	struct unit_tree *tree, enum unit_place place, const char *folder, const char *name);
/* Ends the content of the last file. */
void unit_tree_end_file(struct unit_tree *tree);

const char *unit_tree_path(const struct unit_tree *tree, const struct unit_entry *entry);
const char *unit_tree_data(const struct unit_tree *tree, const struct unit_entry *entry);

/*
 * Makes everything below the folders. Goes on after an error, since one unit must not hold up the
 * others, and returns the first; the diag names its path.
 */
int unit_tree_write(const struct unit_tree *tree, const int place_fd[_UNIT_PLACE_MAX],
	struct diag *diag) _must_check_;
