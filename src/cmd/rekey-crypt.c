/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of dm-crypt without authentication: each sector is decrypted and encrypted again.
 */

#include "cipher.h"
#include "fd.h"
#include "layer-crypt.h"
#include "rekey-convert.h"

struct crypt_state {
	struct rekey_state base;
	uint64_t offset; /* of the data on the device, bytes */
	unsigned n;
	struct {
		struct cipher *before, *after;
	} workers[];
};

static const struct keyref *crypt_key(const struct layer *layer)
{
	return crypt_fields(layer)->integrity ? NULL : &layer->key;
}

static void crypt_close(struct rekey_state *state)
{
	struct crypt_state *s = (struct crypt_state *)state;

	for (unsigned i = 0; s && i < s->n; i++) {
		(void)cipher_free(s->workers[i].before);
		(void)cipher_free(s->workers[i].after);
	}
	free(s);
}

static void crypt_statep(struct crypt_state **p)
{
	crypt_close((struct rekey_state *)*p);
}

static int crypt_open(
	const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(source->layer);
	struct cipher_params params = {
		.sector_size = (uint32_t)f->sector_size,
		.iv_large_sectors = f->iv_large_sectors,
		.iv_offset = f->skip,
	};
	_cleanup_(crypt_statep) struct crypt_state *s =
		calloc(1, sizeof(*s) + source->n_workers * sizeof(s->workers[0]));
	uint64_t sectors = 0;
	int r;

	if (!s)
		return -ENOMEM;
	s->n = source->n_workers;
	s->offset = f->offset * SECTOR_SIZE;
	s->base.fd = source->fds[0];
	s->base.unit = (uint32_t)f->sector_size;
	r = layer_length(source->layer, source->sectors, &sectors, diag);
	s->base.size = sectors * SECTOR_SIZE;
	if (r == 0)
		r = cipher_spec_parse(f->cipher, &params.spec, diag);
	if (r == 0)
		r = cipher_new(&params, source->before, &s->workers[0].before, diag);
	if (r == 0)
		r = cipher_new(&params, source->after, &s->workers[0].after, diag);
	for (unsigned i = 1; r == 0 && i < s->n; i++) {
		r = cipher_clone(s->workers[0].before, &s->workers[i].before);
		if (r == 0)
			r = cipher_clone(s->workers[0].after, &s->workers[i].after);
	}
	if (r < 0)
		return r;
	*ret = &take_ptr(s)->base;
	return 0;
}

static int crypt_look(struct rekey_state *state, uint64_t unit)
{
	struct crypt_state *s = (struct crypt_state *)state;
	uint8_t raw[CIPHER_SECTOR_SIZE_MAX], plain[CIPHER_SECTOR_SIZE_MAX];
	uint64_t position = unit * s->base.unit;
	int r;

	r = fd_pread_full(s->base.fd, raw, s->base.unit, s->offset + position);
	if (r == 0)
		r = cipher_decrypt(
			s->workers[0].before, raw, plain, s->base.unit, position >> SECTOR_SHIFT);
	if (r == 0)
		r = (int)rekey_sign_of(raw, plain, s->base.unit);
	wipe(plain, sizeof(plain));
	return r;
}

static void crypt_place(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
	uint64_t *ret_length)
{
	const struct crypt_state *s = (const struct crypt_state *)state;

	*ret_offset = s->offset + position;
	*ret_length = s->base.size - position;
}

static int crypt_make(
	struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret, size_t size)
{
	struct crypt_state *s = (struct crypt_state *)state;
	uint64_t sector = position >> SECTOR_SHIFT;
	int r;

	r = fd_pread_full(s->base.fd, ret, size, s->offset + position);
	if (r == 0)
		r = cipher_decrypt(s->workers[worker].before, ret, ret, size, sector);
	if (r == 0)
		r = cipher_encrypt(s->workers[worker].after, ret, ret, size, sector);
	return r;
}

const struct rekey_type rekey_type_crypt = {
	.type = &layer_type_crypt,
	.key = crypt_key,
	.open = crypt_open,
	.close = crypt_close,
	.look = crypt_look,
	.place = crypt_place,
	.make = crypt_make,
};
