/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stack of filters in a test: devices at the bottom, layers from text options, keys by name.
 */

#include "filter.h"

#define RIG_DEVICES 8U
#define RIG_LAYERS  4U

struct rig_layer {
	struct layer *layer;
	struct vdev *vdev;
	struct vdev *below[LAYER_ROLES_MAX];
	uint32_t free_section; /* of the journal */
	uint8_t commit_seq;
	bool finished;
};

struct rig {
	struct vdev *devices[RIG_DEVICES];   /* owned */
	struct rig_layer layers[RIG_LAYERS]; /* bottom first; owned */
	struct vdev *base;		     /* of the lowest layer; NULL: devices[0] */
	size_t n_devices, n_layers;
	struct {
		const char *name;
		struct secret *key;
	} keys[RIG_LAYERS];
	size_t n_keys;
	unsigned threads;
	/* Random IVs of the units in order, for a crypt layer with integrity=; NULL: getrandom. */
	const uint8_t *ivs;
	size_t iv_size;
	/* What was reported. */
	unsigned n_damages;
	struct damage damage; /* the first */
};

void rig_done(struct rig *rig);
struct vdev *rig_add_device(struct rig *rig, struct vdev *v);
/* hex may be NULL: nothing is added. The layer's key is then "credential:NAME". */
void rig_add_key(struct rig *rig, const char *name, const char *hex);
/* key: the name of one, or NULL. Devices are told with rig_below(). */
struct rig_layer *rig_add_layer(struct rig *rig, const char *type, const char *key);
void rig_set(struct rig_layer *l, const char *name, const char *format, ...) _printf_(3, 4);
/* A device in a role; role "data" is needed. */
void rig_below(struct rig_layer *l, const char *role, struct vdev *v);

/* The same for a device that rig_layout() will make. */
void rig_below_later(struct rig_layer *l, const char *role);
/*
 * Makes all devices, just large enough for a top device of so many bytes. The tree of a verity
 * layer without a hash device goes behind its data.
 */
void rig_layout(struct rig *rig, uint64_t bytes);

/* Layers above stand on the device of the layer below in role data, unless told otherwise. */
int rig_open(struct rig *rig, enum filter_mode mode, struct diag *diag);
/* Closes the layers' devices; layers and the devices at the bottom stay. */
void rig_close(struct rig *rig);
/* Opens, writes the whole of it, finishes, closes. */
void rig_create(struct rig *rig, struct vdev *input);
/* Opens, reads all of it; data gets the content. Returns the number of damaged bytes. */
uint64_t rig_verify(struct rig *rig);
/* Opens and compares with the content, which must be sound. */
void rig_assert_content(struct rig *rig, const uint8_t *expected, uint64_t size);

static inline struct vdev *rig_top(struct rig *rig)
{
	return rig->layers[rig->n_layers - 1].vdev;
}
