/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of dm-crypt without authentication: each sector is decrypted and encrypted again.
 */

#include "cipher.h"
#include "layer-crypt.h"
#include "rekey-convert.h"

struct crypt_state {
	unsigned n;
	struct {
		struct cipher *before, *after;
	} workers[];
};

static int crypt_check(const struct layer *layer, struct diag *diag)
{
	if (crypt_fields(layer)->integrity)
		return diag_set(diag, -EOPNOTSUPP,
			"authenticated encryption cannot be re-keyed yet: the tags below would have "
			"to change in the same moment");
	return 0;
}

static uint64_t crypt_offset(const struct layer *layer)
{
	return crypt_fields(layer)->offset * SECTOR_SIZE;
}

static void crypt_close(void *state)
{
	struct crypt_state *s = state;

	for (unsigned i = 0; s && i < s->n; i++) {
		(void)cipher_free(s->workers[i].before);
		(void)cipher_free(s->workers[i].after);
	}
	free(s);
}

static void crypt_statep(struct crypt_state **p)
{
	crypt_close(*p);
}

static int crypt_open(const struct layer *layer, const struct rekey_keys *keys, unsigned n_workers,
	void **ret, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);
	struct cipher_params params = {
		.sector_size = (uint32_t)f->sector_size,
		.iv_large_sectors = f->iv_large_sectors,
		.iv_offset = f->skip,
	};
	_cleanup_(crypt_statep) struct crypt_state *s =
		calloc(1, sizeof(*s) + n_workers * sizeof(s->workers[0]));
	int r;

	if (!s)
		return -ENOMEM;
	s->n = n_workers;
	r = cipher_spec_parse(f->cipher, &params.spec, diag);
	if (r == 0)
		r = cipher_new(&params, keys->before, &s->workers[0].before, diag);
	if (r == 0)
		r = cipher_new(&params, keys->after, &s->workers[0].after, diag);
	for (unsigned i = 1; r == 0 && i < n_workers; i++) {
		r = cipher_clone(s->workers[0].before, &s->workers[i].before);
		if (r == 0)
			r = cipher_clone(s->workers[0].after, &s->workers[i].after);
	}
	if (r < 0)
		return r;
	*ret = take_ptr(s);
	return 0;
}

static int crypt_convert(void *state, unsigned worker, uint8_t *data, size_t size, uint64_t sector)
{
	struct crypt_state *s = state;
	int r = cipher_decrypt(s->workers[worker].before, data, data, size, sector);

	return r < 0 ? r : cipher_encrypt(s->workers[worker].after, data, data, size, sector);
}

const struct rekey_type rekey_type_crypt = {
	.type = &layer_type_crypt,
	.check = crypt_check,
	.offset = crypt_offset,
	.open = crypt_open,
	.close = crypt_close,
	.convert = crypt_convert,
};
