/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "layer-crypt.h"
#include "layer-verity.h"
#include "memory-vdev.h"
#include "overflow.h"
#include "pipeline.h"
#include "rig.h"

static void rig_fail(const char *what, int r, const struct diag *diag)
{
	fail_msg("%s: %s: %s: %s", what, strerror(-r), diag->where ?: "-", diag->what ?: "-");
}

void rig_done(struct rig *rig)
{
	rig_close(rig);
	for (size_t i = 0; i < rig->n_layers; i++)
		layer_free(rig->layers[i].layer);
	for (size_t i = 0; i < rig->n_devices; i++)
		vdev_free(rig->devices[i]);
	for (size_t i = 0; i < rig->n_keys; i++)
		secret_free(rig->keys[i].key);
	*rig = (struct rig){};
}

struct vdev *rig_add_device(struct rig *rig, struct vdev *v)
{
	assert_non_null(v);
	assert_true(rig->n_devices < RIG_DEVICES);
	rig->devices[rig->n_devices++] = v;
	return v;
}

void rig_add_key(struct rig *rig, const char *name, const char *hex)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size;

	if (!hex)
		return;
	assert_true(rig->n_keys < RIG_LAYERS);
	assert_int_equal(hex_parse(hex, &bytes, &size), 0);
	rig->keys[rig->n_keys].name = name;
	assert_int_equal(secret_new_from(bytes, size, false, &rig->keys[rig->n_keys].key), 0);
	rig->n_keys++;
}

struct rig_layer *rig_add_layer(struct rig *rig, const char *type, const char *key)
{
	struct rig_layer *l = &rig->layers[rig->n_layers];
	char name[32], ref[64];

	assert_true(rig->n_layers < RIG_LAYERS);
	(void)snprintf(name, sizeof(name), "%s%zu", type, rig->n_layers++);
	assert_int_equal(layer_new(name, layer_type_find(type), &l->layer, NULL), 0);
	if (!key)
		return l;
	(void)snprintf(ref, sizeof(ref), "credential:%s", key);
	assert_int_equal(keyref_parse(ref, &l->layer->key, NULL), 0);
	return l;
}

void rig_set(struct rig_layer *l, const char *name, const char *format, ...)
{
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_free_ char *value = NULL;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&value, format, ap);
	va_end(ap);
	assert_true(r >= 0);
	r = layer_set(l->layer, name, value, &diag);
	if (r < 0)
		rig_fail(name, r, &diag);
}

void rig_below(struct rig_layer *l, const char *role, struct vdev *v)
{
	const struct layer_type *type = l->layer->type;
	char path[32];

	for (size_t i = 0; i < type->n_roles; i++) {
		if (!streq(type->roles[i].name, role))
			continue;
		l->below[i] = v;
		(void)snprintf(path, sizeof(path), "/dev/%s", role);
		assert_int_equal(layer_set_device(l->layer, role, path, NULL), 0);
		return;
	}
	fail_msg("%s has no role %s", type->name, role);
}

void rig_below_later(struct rig_layer *l, const char *role)
{
	rig_below(l, role, NULL);
}

static void layer_layout(struct rig *rig, struct rig_layer *l, uint64_t *bytes)
{
	_cleanup_(diag_done) struct diag diag = {};
	uint64_t below[LAYER_ROLES_MAX] = {};
	int r;

	r = layer_finish_create(l->layer, &diag);
	l->finished = true;
	if (r >= 0 && l->layer->type == &layer_type_verity) {
		struct verity_fields *f = verity_fields(l->layer);

		f->data_blocks = div_round_up_u64(*bytes, f->data_block_size);
		if (!layer_device(l->layer, "hash"))
			f->hash_offset = align_up_u64(
				f->data_blocks * f->data_block_size, f->hash_block_size);
	}
	if (r >= 0)
		r = layer_below(l->layer, div_round_up_u64(*bytes, SECTOR_SIZE), below, &diag);
	if (r < 0)
		rig_fail("layout", r, &diag);
	for (size_t i = 1; i < LAYER_ROLES_MAX; i++)
		if (below[i])
			l->below[i] = rig_add_device(
				rig, memory_vdev_new(NULL, below[i] * SECTOR_SIZE, SECTOR_SIZE));
	*bytes = below[0] * SECTOR_SIZE;
}

void rig_layout(struct rig *rig, uint64_t bytes)
{
	for (size_t i = rig->n_layers; i-- > 0;)
		layer_layout(rig, &rig->layers[i], &bytes);
	rig->base = rig_add_device(rig, memory_vdev_new(NULL, bytes, SECTOR_SIZE));
}

static int rig_key(
	void *userdata, const struct keyref *ref, const struct secret **ret, struct diag *diag)
{
	struct rig *rig = userdata;

	for (size_t i = 0; i < rig->n_keys; i++)
		if (streq_ptr(ref->value, rig->keys[i].name)) {
			*ret = rig->keys[i].key;
			return 0;
		}
	return diag_set(diag, -ENOKEY, "no key %s", ref->value);
}

static void rig_report(void *userdata, const struct damage *damage)
{
	struct rig *rig = userdata;

	if (__atomic_fetch_add(&rig->n_damages, 1, __ATOMIC_SEQ_CST) == 0)
		rig->damage = *damage;
}

static int rig_ivs(void *userdata, const struct layer *layer, uint64_t sector, size_t n,
	uint8_t *ret, size_t stride)
{
	const struct rig *rig = userdata;
	uint64_t first = sector / (crypt_fields(layer)->sector_size / SECTOR_SIZE);

	for (size_t i = 0; i < n; i++)
		memcpy(ret + i * stride, rig->ivs + (first + i) * rig->iv_size, rig->iv_size);
	return 0;
}

int rig_open(struct rig *rig, enum filter_mode mode, struct diag *diag)
{
	for (size_t i = 0; i < rig->n_layers; i++) {
		struct rig_layer *l = &rig->layers[i];
		struct filter_args args = {
			.layer = l->layer,
			.mode = mode,
			.threads = rig->threads,
			.key = rig_key,
			.ivs = rig->ivs ? rig_ivs : NULL,
			.report = rig_report,
			.userdata = rig,
			.journal = { l->free_section, l->commit_seq },
		};
		int r;

		if (i > 0)
			l->below[0] = rig->layers[i - 1].vdev;
		else if (!l->below[0])
			l->below[0] = rig->base ?: rig->devices[0];
		memcpy(args.below, l->below, sizeof(args.below));
		if (!l->finished) {
			r = layer_finish_create(l->layer, diag);
			if (r < 0)
				return r;
			l->finished = true;
		}
		r = filter_open(&args, &l->vdev, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

void rig_close(struct rig *rig)
{
	for (size_t i = rig->n_layers; i-- > 0;)
		rig->layers[i].vdev = vdev_free(rig->layers[i].vdev);
}

void rig_create(struct rig *rig, struct vdev *input)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct pipeline p = { .threads = rig->threads ?: 1 };
	int r;

	r = rig_open(rig, FILTER_CREATE, &diag);
	if (r < 0)
		rig_fail("open to create", r, &diag);
	r = pipeline_write(&p, input, rig_top(rig), &diag);
	for (size_t i = rig->n_layers; i-- > 0 && r >= 0;)
		r = vdev_finish(rig->layers[i].vdev, &diag);
	if (r < 0)
		rig_fail("create", r, &diag);
	rig_close(rig);
}

uint64_t rig_verify(struct rig *rig)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct pipeline p = { .threads = rig->threads ?: 1 };
	uint64_t damaged = 0;
	int r;

	rig->n_damages = 0;
	r = rig_open(rig, FILTER_READ, &diag);
	if (r < 0)
		rig_fail("open to read", r, &diag);
	r = pipeline_verify(&p, rig_top(rig), &damaged, &diag);
	for (size_t i = rig->n_layers; i-- > 0 && r >= 0;)
		r = vdev_finish(rig->layers[i].vdev, &diag);
	if (r < 0)
		rig_fail("verify", r, &diag);
	rig_close(rig);
	return damaged;
}

void rig_assert_content(struct rig *rig, const uint8_t *expected, uint64_t size)
{
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_free_ uint8_t *found = NULL;
	struct vdev *top;
	int r;

	rig->n_damages = 0;
	r = rig_open(rig, FILTER_READ, &diag);
	if (r < 0)
		rig_fail("open to read", r, &diag);
	top = rig_top(rig);
	assert_true(top->size_bytes >= size);
	found = malloc(top->size_bytes);
	assert_non_null(found);
	assert_int_equal(vdev_read(top, found, top->size_bytes, 0), 0);
	assert_int_equal(rig->n_damages, 0);
	assert_memory_equal(found, expected, size);
	for (uint64_t i = size; i < top->size_bytes; i++)
		assert_int_equal(found[i], 0);
	rig_close(rig);
}
