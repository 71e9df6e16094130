/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The layers, images and plaintext that a params.json describes. All of these fail the test if it
 * says something else than expected.
 */

#include "filter-integrity.h"
#include "golden.h"
#include "rig.h"

/* Of the array "images", and of the tables that dmsetup(8) printed. */
struct json_object *case_image(struct json_object *params, const char *name);
struct json_object *case_table(struct json_object *params, const char *target);
struct vdev *case_device(struct rig *rig, struct json_object *params, const char *name);
void case_assert_image(struct json_object *params, const char *name, struct vdev *v);
struct vdev *case_plain(struct json_object *params);
const char *case_option(struct json_object *table, const char *name);
struct rig_layer *case_add_crypt(
	struct rig *rig, struct json_object *params, struct json_object *table);
struct rig_layer *case_add_integrity(struct rig *rig, struct json_object *params,
	struct json_object *table, const char *image_name);
struct rig_layer *case_add_verity(struct rig *rig, struct json_object *spec);
void case_assert_reads(struct rig *rig, struct vdev *plain);
