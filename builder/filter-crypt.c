/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-crypt without authentication: every sector is encrypted on its own, so chunks go straight
 * through.
 */

#include <string.h>

#include "cipher.h"
#include "context-pool.h"
#include "filter-crypt.h"
#include "filter-util.h"
#include "layer-crypt.h"

struct crypt_vdev {
	struct vdev vdev;
	struct vdev *data;
	uint64_t offset; /* bytes */
	struct cipher *cipher;
	struct context_pool pool;
};

struct crypt_context {
	struct cipher *cipher;
	uint8_t scratch[VDEV_CHUNK_SIZE];
};

static struct crypt_vdev *crypt_vdev(struct vdev *v)
{
	return (struct crypt_vdev *)v;
}

static void crypt_context_destroy(void *context)
{
	struct crypt_context *c = context;

	if (!c)
		return;
	cipher_free(c->cipher);
	free(c);
}

static int crypt_context_make(void *userdata, void **ret)
{
	struct crypt_vdev *v = userdata;
	struct crypt_context *c = malloc(sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = cipher_clone(v->cipher, &c->cipher);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int crypt_write_piece(struct crypt_vdev *v, struct crypt_context *c, const uint8_t *data,
	size_t len, uint64_t offset)
{
	const uint8_t *from = data;
	int r;

	if (!data)
		from = memset(c->scratch, 0, len);
	r = cipher_encrypt(c->cipher, from, c->scratch, len, offset >> SECTOR_SHIFT);
	return r < 0 ? r : vdev_write(v->data, c->scratch, len, offset + v->offset);
}

static int crypt_write(struct vdev *vdev, const void *data, uint64_t len, uint64_t offset)
{
	struct crypt_vdev *v = crypt_vdev(vdev);
	const uint8_t *from = data;
	void *context;
	int r;

	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	for (uint64_t done = 0; done < len && r >= 0; done += VDEV_CHUNK_SIZE)
		r = crypt_write_piece(v, context, from ? from + done : NULL,
			MIN(len - done, (uint64_t)VDEV_CHUNK_SIZE), offset + done);
	context_pool_put(&v->pool, context);
	return r;
}

static int crypt_read(struct vdev *vdev, void *ret, uint64_t len, uint64_t offset)
{
	struct crypt_vdev *v = crypt_vdev(vdev);
	void *context;
	int r;

	r = vdev_read(v->data, ret, len, offset + v->offset);
	if (r < 0)
		return r;
	r = context_pool_get(&v->pool, &context);
	if (r < 0)
		return r;
	r = cipher_decrypt(
		((struct crypt_context *)context)->cipher, ret, ret, len, offset >> SECTOR_SHIFT);
	context_pool_put(&v->pool, context);
	return r;
}

static void crypt_free(struct vdev *vdev)
{
	struct crypt_vdev *v = crypt_vdev(vdev);

	context_pool_done(&v->pool);
	cipher_free(v->cipher);
	free(v);
}

static const struct vdev_ops crypt_ops = {
	.write = crypt_write,
	.read = crypt_read,
	.free = crypt_free,
};

static int crypt_cipher(const struct filter_args *args, struct cipher **ret, struct diag *diag)
{
	const struct crypt_fields *p = crypt_fields(args->layer);
	struct cipher_params params = {
		.sector_size = (uint32_t)p->sector_size,
		.iv_large_sectors = p->iv_large_sectors,
		.iv_offset = p->skip,
	};
	const struct secret *key;
	int r;

	r = cipher_spec_parse(p->cipher, &params.spec, diag);
	if (r < 0)
		return r;
	r = filter_key(args, &args->layer->key, &key, diag);
	if (r < 0)
		return r;
	if (p->key_bits != 0 && p->key_bits != 8 * (uint64_t)secret_size(key))
		return diag_set(diag, -EINVAL, "the key has %zu bits, but size=%ju",
			8 * secret_size(key), (uintmax_t)p->key_bits);
	return cipher_new(&params, key, ret, diag);
}

static int crypt_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct crypt_fields *p = crypt_fields(args->layer);
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	/* dm-crypt hands the larger blocks of the device below up. */
	uint32_t block_size = MAX((uint32_t)p->sector_size, args->below[0]->block_size);
	struct crypt_vdev *v;
	uint64_t size;
	int r;

	if (p->integrity)
		return crypt_aead_open(args, ret, diag);
	r = filter_size(args, &size, diag);
	if (r >= 0)
		r = filter_check_alignment(
			args->below[0], p->offset * SECTOR_SIZE, block_size, diag);
	if (r >= 0 && size % block_size)
		r = diag_set(diag, -EINVAL, "%ju bytes are no multiple of the block size %u",
			(uintmax_t)size, block_size);
	if (r >= 0)
		r = crypt_cipher(args, &cipher, diag);
	if (r < 0)
		return r;

	v = malloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	*v = (struct crypt_vdev){
		.vdev = { .ops = &crypt_ops,
			.size_bytes = size,
			.block_size = block_size,
			.name = args->layer->name },
		.data = args->below[0],
		.offset = p->offset * SECTOR_SIZE,
		.cipher = take_ptr(cipher),
	};
	context_pool_init(&v->pool, crypt_context_make, crypt_context_destroy, v);
	*ret = &v->vdev;
	return 0;
}

const struct filter_type filter_type_crypt = {
	.type = &layer_type_crypt,
	.open = crypt_open,
};
