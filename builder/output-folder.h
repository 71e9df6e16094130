/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The folder that a build leaves its files in. They are collected in a hidden folder first. If
 * nothing else is in the output folder, that takes its place as a whole, in one step: whoever looks,
 * at whatever moment, sees all of the files or none. Where others are in it, or it cannot be
 * replaced (a mount point, the working directory), the files move there one after another, the
 * last one last.
 */

#include <sys/types.h>

#include "diag.h"
#include "macro.h"

enum output_state {
	OUTPUT_UNTOUCHED,
	OUTPUT_MOVED_IN,
	OUTPUT_EXCHANGED, /* with an older file, which is now in the hidden folder */
	OUTPUT_MOVED_OUT,
};

struct output_name {
	char *name;  /* owned */
	bool is_new; /* the build makes it; else one of an older build, which goes */
	enum output_state state;
};

struct output_folder {
	const char *path; /* as it was given; not owned */
	struct output_name *names;
	size_t n_names;
	bool replace;  /* names that are there may be replaced */
	bool whole;    /* the folder is replaced, or new */
	char *name;    /* of the folder, within its parent; owned */
	int parent_fd; /* owned, like the others */
	int dir_fd;    /* the folder, if it is there */
	char *stage;   /* the hidden folder's name, within work_fd; owned */
	int stage_fd;
};
#define OUTPUT_FOLDER_INIT                                                                         \
	{                                                                                          \
		.parent_fd = -EBADF, .dir_fd = -EBADF, .stage_fd = -EBADF                          \
	}

/* Names in the order in which they are to appear. The same name twice counts once. */
int output_folder_add(struct output_folder *f, const char *name, bool is_new) _must_check_;
/*
 * Looks for the folder and makes its parents; path and replace are set, and all names added.
 * -EEXIST: one of the new names is there and must not be replaced.
 */
int output_folder_open(struct output_folder *f, struct diag *diag) _must_check_;
/* Where files without a name can be made; remains owned. */
static inline int output_folder_work_fd(const struct output_folder *f)
{
	return f->whole ? f->parent_fd : f->dir_fd;
}
/* Makes the hidden folder, stage_fd, that the files have to be put into under their names. */
int output_folder_stage(struct output_folder *f, struct diag *diag) _must_check_;
/* Makes what is in the hidden folder appear. On failure nothing of it is left. */
int output_folder_publish(struct output_folder *f, struct diag *diag) _must_check_;
/* Removes a hidden folder that was not published. */
void output_folder_done(struct output_folder *f);
