/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a run knows about one layer: its mapping as it was found, and the devices below, open.
 */

#include "blockdev.h"
#include "dm.h"
#include "layer.h"
#include "table-render.h"

struct run_layer {
	struct layer *layer; /* not owned */
	struct mapping_info info;
	bool examined;
	bool live; /* the mapping was there before */
	bool probed;
	struct blockdev devices[LAYER_ROLES_MAX]; /* by role */
	struct table_device words[LAYER_ROLES_MAX];
};

void run_layer_init(struct run_layer *rl, struct layer *layer);
void run_layer_done(struct run_layer *rl);
/* Looks for the mapping, once. -EEXIST: the name is taken by one that is not ours. */
int run_layer_examine(struct run_layer *rl, struct diag *diag) _must_check_;
/* Opens the device in layer->devices[index], waiting for it if need be. */
int run_layer_open(struct run_layer *rl, size_t index, struct diag *diag) _must_check_;
int run_layer_open_all(struct run_layer *rl, struct diag *diag) _must_check_;
/* Reads the superblock, if the type has one, and holds it against the fields. */
int run_layer_probe(struct run_layer *rl, struct diag *diag) _must_check_;
/* The table with its length, from the devices' sizes. All devices must be open. */
int run_layer_table(struct run_layer *rl, struct dmtable *ret, struct diag *diag) _must_check_;
/* The MAJOR:MINOR of the open devices, for table_render() and table_compare(). */
struct table_inputs run_layer_inputs(struct run_layer *rl);
/* Holds the live mapping against the table. -EEXIST: it differs. */
int run_layer_compare(
	struct run_layer *rl, const struct dmtable *table, struct diag *diag) _must_check_;
