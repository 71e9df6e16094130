/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-crypt with authentication, on a device that keeps its tags. Every sector is encrypted, free
 * space too: one without a valid tag could not even be read before it is written.
 */

#include <string.h>

#include "aead.h"
#include "context-pool.h"
#include "coverage.h"
#include "filter-crypt.h"
#include "filter-util.h"
#include "layer-crypt.h"
#include "random.h"

struct aead_vdev {
	struct vdev vdev;
	struct layer *layer;
	struct vdev *data;
	struct aead *aead;
	struct context_pool pool; /* of struct aead_context */
	struct coverage coverage;
	uint32_t iv_at, iv_size; /* bytes: the random IV within a tag; size 0: not random */
	enum filter_mode mode;
	int (*ivs)(void *userdata, const struct layer *layer, uint64_t sector, size_t n,
		uint8_t *ret, size_t stride);
	void (*report)(void *userdata, const struct damage *damage);
	void *userdata;
};

struct aead_context {
	struct aead *aead;
	uint8_t *tags;	/* of a chunk */
	uint8_t *ivs;	/* of a chunk, as they come */
	uint8_t *chunk; /* ciphertext */
};

static struct aead_vdev *aead_vdev(struct vdev *v)
{
	return (struct aead_vdev *)v;
}

static void context_destroy(void *context)
{
	struct aead_context *c = context;

	if (!c)
		return;
	aead_free(c->aead);
	free(c->tags);
	free(c->ivs);
	free(c->chunk);
	free(c);
}

static int context_make(void *userdata, void **ret)
{
	struct aead_vdev *v = userdata;
	size_t n = VDEV_CHUNK_SIZE / v->vdev.block_size;
	struct aead_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->tags = malloc(n * v->data->tag_size);
	c->ivs = malloc(n * MAX(v->iv_size, 1U));
	c->chunk = malloc(VDEV_CHUNK_SIZE);
	r = c->tags && c->ivs && c->chunk ? aead_clone(v->aead, &c->aead) : -ENOMEM;
	if (r < 0) {
		context_destroy(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int put_ivs(struct aead_vdev *v, struct aead_context *c, uint64_t sector, size_t n)
{
	size_t stride = v->data->tag_size;
	int r;

	if (v->iv_size == 0)
		return 0;
	if (v->ivs)
		return v->ivs(v->userdata, v->layer, sector, n, c->tags + v->iv_at, stride);
	r = random_bytes(c->ivs, n * v->iv_size);
	for (size_t i = 0; i < n && r >= 0; i++)
		memcpy(c->tags + i * stride + v->iv_at, c->ivs + i * v->iv_size, v->iv_size);
	return r;
}

static int write_piece(struct aead_vdev *v, struct aead_context *c, const uint8_t *data, size_t len,
	uint64_t offset)
{
	struct aead_units units = {
		.src = data,
		.dst = c->chunk,
		.n = len / v->vdev.block_size,
		.sector = offset >> SECTOR_SHIFT,
		.tags = c->tags,
		.stride = v->data->tag_size,
	};
	int r;

	if (!data)
		units.src = memset(c->chunk, 0, len);
	memset(c->tags, 0, units.n * units.stride);
	r = put_ivs(v, c, units.sector, units.n);
	if (r >= 0)
		r = aead_encrypt(c->aead, &units);
	return r < 0 ? r : vdev_write_tagged(v->data, c->chunk, c->tags, len, offset);
}

static int aead_write(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	struct aead_vdev *v = aead_vdev(vdev);
	const uint8_t *from = data;
	void *context;
	int r;

	r = coverage_add(&v->coverage, offset, len);
	if (r <= 0)
		return r < 0 ? r : -EALREADY;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	for (uint64_t done = 0; done < len && r >= 0; done += VDEV_CHUNK_SIZE)
		r = write_piece(v, context, from ? from + done : NULL,
			MIN(len - done, (uint64_t)VDEV_CHUNK_SIZE), offset + done);
	context_pool_put(&v->pool, context);
	return r;
}

struct reading {
	struct aead_vdev *v;
	uint64_t offset;
};

static void report_unit(void *userdata, size_t index)
{
	const struct reading *reading = userdata;
	struct aead_vdev *v = reading->v;

	if (!v->report)
		return;
	v->report(v->userdata, &(struct damage){
				       .layer = v->layer,
				       .part = "data",
				       .offset = reading->offset + index * v->vdev.block_size,
				       .length = v->vdev.block_size,
				       .what = "not authentic: ciphertext and tag do not agree",
			       });
}

/* 1: all of it is authentic; 0: some is not, and was reported. */
static int read_piece(
	struct aead_vdev *v, struct aead_context *c, uint8_t *ret, size_t len, uint64_t offset)
{
	struct reading reading = { v, offset };
	struct aead_units units = {
		.src = ret,
		.dst = ret,
		.n = len / v->vdev.block_size,
		.sector = offset >> SECTOR_SHIFT,
		.tags = c->tags,
		.stride = v->data->tag_size,
	};
	int r;

	r = vdev_read_tagged(v->data, ret, c->tags, len, offset);
	if (r >= 0)
		r = aead_decrypt(
			c->aead, &units, v->mode == FILTER_READ ? report_unit : NULL, &reading);
	return r < 0 ? r : r == 0;
}

static int aead_read(struct vdev *vdev, void *ret, uint64_t len, uint64_t offset)
{
	struct aead_vdev *v = aead_vdev(vdev);
	uint8_t *to = ret;
	bool good = true;
	void *context;
	int r = 0;

	if (v->mode == FILTER_READ)
		r = coverage_add(&v->coverage, offset, len);
	if (r < 0)
		return r;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	for (uint64_t done = 0; done < len && r >= 0; done += VDEV_CHUNK_SIZE) {
		r = read_piece(v, context, to + done, MIN(len - done, (uint64_t)VDEV_CHUNK_SIZE),
			offset + done);
		good &= r != 0;
	}
	context_pool_put(&v->pool, context);
	if (r < 0)
		return r;
	return good ? 0 : -EILSEQ;
}

static int aead_finish(struct vdev *vdev, struct diag *diag)
{
	struct aead_vdev *v = aead_vdev(vdev);
	int r;

	r = v->mode == FILTER_CREATE ? coverage_write_rest(&v->coverage, vdev)
				     : coverage_read_rest(&v->coverage, vdev);
	return r < 0 ? diag_set(diag, r, "%s: cannot be completed: %s", vdev->name, strerror(-r))
		     : 0;
}

static void aead_vdev_free(struct vdev *vdev)
{
	struct aead_vdev *v = aead_vdev(vdev);

	context_pool_done(&v->pool);
	coverage_done(&v->coverage);
	aead_free(v->aead);
	free(v);
}

static const struct vdev_ops create_ops = {
	.write = aead_write,
	.read = aead_read,
	.finish = aead_finish,
	.free = aead_vdev_free,
};

static const struct vdev_ops read_ops = {
	.read = aead_read,
	.finish = aead_finish,
	.free = aead_vdev_free,
};

static int make_aead(const struct filter_args *args, const struct aead_spec *spec,
	struct aead **ret, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(args->layer);
	const struct aead_params params = {
		.spec = *spec,
		.sector_size = (uint32_t)f->sector_size,
		.tag_size = crypt_tag_size(args->layer),
		.iv_offset = f->skip,
		.iv_large_sectors = f->iv_large_sectors,
	};
	const struct secret *key;
	int r;

	r = filter_key(args, &args->layer->key, &key, diag);
	if (r < 0)
		return r;
	if (f->key_bits != 0 && f->key_bits != 8 * (uint64_t)secret_size(key))
		return diag_set(diag, -EINVAL, "the key has %zu bits, but size=%ju",
			8 * secret_size(key), (uintmax_t)f->key_bits);
	return aead_new(&params, key, ret, diag);
}

int crypt_aead_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(args->layer);
	_cleanup_(aead_freep) struct aead *aead = NULL;
	struct vdev *below = args->below[0];
	struct aead_spec spec;
	uint64_t size;
	int r;

	r = crypt_layer_aead(args->layer, &spec, diag);
	if (r >= 0)
		r = filter_size(args, &size, diag);
	if (r < 0)
		return r;
	if (below->tag_size < crypt_tag_size(args->layer) || below->block_size != f->sector_size)
		return diag_set(diag, -EINVAL,
			"integrity: \"%s\" does not keep tags of %u bytes for sectors of %ju bytes",
			below->name, crypt_tag_size(args->layer), (uintmax_t)f->sector_size);
	r = make_aead(args, &spec, &aead, diag);
	if (r < 0)
		return r;

	struct aead_vdev *v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->vdev = (struct vdev){
		.ops = args->mode == FILTER_CREATE ? &create_ops : &read_ops,
		.size_bytes = size,
		.block_size = (uint32_t)f->sector_size,
		.name = args->layer->name,
	};
	v->layer = args->layer;
	v->data = below;
	v->aead = take_ptr(aead);
	v->iv_size = spec.iv_stored ? spec.iv_size : 0;
	v->iv_at = crypt_tag_size(args->layer) - v->iv_size;
	v->mode = args->mode;
	v->ivs = args->ivs;
	v->report = args->report;
	v->userdata = args->userdata;
	coverage_init(&v->coverage);
	context_pool_init(&v->pool, context_make, context_destroy, v);
	*ret = &v->vdev;
	return 0;
}
