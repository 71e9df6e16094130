/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of dm-crypt with authentication, and of the tags in the dm-integrity below, which
 * is not active meanwhile: ciphertext and tag of a sector go through the journal together. A sector
 * whose tag was wrong stays as it is, with both.
 *
 *	| n sectors of data | their n tags | ...	is a slice of the bytes that are made anew
 */

#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "bytes.h"
#include "cleanup.h"
#include "fd.h"
#include "layer-crypt.h"
#include "random.h"
#include "rekey-integrity.h"

#define UNITS_MAX (SEAL_JOURNAL_SLICE / SECTOR_SIZE)

struct aead_worker {
	struct aead *before, *after;
	uint8_t *plain; /* SEAL_JOURNAL_SLICE bytes, of data and then of tags; owned */
	uint8_t *ivs;	/* owned */
	bool is_bad[UNITS_MAX];
};

struct aead_state {
	struct rekey_state base;
	int data_fd;
	struct integrity_geometry geo;
	bool authenticates;
	uint32_t iv_at, iv_size; /* bytes: the random IV within a tag; size 0: not random */
	unsigned n;
	struct aead_worker workers[];
};

static struct layer *aead_base(const struct layer *layer)
{
	return layer->devices[0].layer;
}

static const struct keyref *aead_key(const struct layer *layer)
{
	return crypt_fields(layer)->integrity ? &layer->key : NULL;
}

static int aead_check(const struct layer *layer, struct diag *diag)
{
	const struct layer *store = aead_base(layer);

	if (!store)
		return diag_set(
			diag, -EOPNOTSUPP, "the layer that keeps its tags is not configured");
	if (store->broken)
		return diag_set(
			diag, -EINVAL, "\"%s\", which keeps its tags, cannot be used", store->name);
	if (layer_is_read_only(store))
		return diag_set(diag, -EROFS, "\"%s\", which keeps its tags, can only be read",
			store->name);
	return rekey_integrity_check(store, diag);
}

static void aead_close(struct rekey_state *state)
{
	struct aead_state *s = (struct aead_state *)state;

	for (unsigned i = 0; s && i < s->n; i++) {
		struct aead_worker *w = &s->workers[i];

		(void)aead_free(w->before);
		(void)aead_free(w->after);
		if (w->plain)
			wipe(w->plain, SEAL_JOURNAL_SLICE);
		free(w->plain);
		free(w->ivs);
	}
	free(s);
}

static void aead_statep(struct aead_state **p)
{
	aead_close((struct rekey_state *)*p);
}

static int workers_open(struct aead_state *s, const struct rekey_source *source, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(source->layer);
	struct aead_params params = {
		.sector_size = (uint32_t)f->sector_size,
		.tag_size = crypt_tag_size(source->layer),
		.iv_offset = f->skip,
		.iv_large_sectors = f->iv_large_sectors,
	};
	struct aead_worker *w = s->workers;
	int r = crypt_layer_aead(source->layer, &params.spec, diag);

	if (r < 0)
		return r;
	s->authenticates = params.spec.kind != AEAD_RANDOM;
	s->iv_size = params.spec.iv_stored ? params.spec.iv_size : 0;
	s->iv_at = params.tag_size - s->iv_size;
	r = aead_new(&params, source->before, &w->before, diag);
	if (r == 0)
		r = aead_new(&params, source->after, &w->after, diag);
	for (unsigned i = 0; r == 0 && i < s->n; i++, w++) {
		w->plain = malloc(SEAL_JOURNAL_SLICE);
		w->ivs = malloc((size_t)UNITS_MAX * MAX(s->iv_size, 1U));
		if (!w->plain || !w->ivs)
			return -ENOMEM;
		if (i > 0)
			r = aead_clone(s->workers[0].before, &w->before);
		if (r == 0 && i > 0)
			r = aead_clone(s->workers[0].after, &w->after);
	}
	return r;
}

static int aead_open(const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(aead_statep) struct aead_state *s =
		calloc(1, sizeof(*s) + source->n_workers * sizeof(s->workers[0]));
	uint64_t below[LAYER_ROLES_MAX] = {}, sectors;
	int r;

	if (!s)
		return -ENOMEM;
	s->n = source->n_workers;
	s->data_fd = source->fds[0];
	s->base.fd = rekey_integrity_fd(source);
	if (s->data_fd != s->base.fd)
		s->base.also[s->base.n_also++] = s->data_fd;
	r = rekey_integrity_prepare(source, &s->geo, diag);
	below[0] = s->geo.provided_sectors;
	if (r == 0)
		r = layer_length(source->layer, below, &sectors, diag);
	if (r == 0)
		r = workers_open(s, source, diag);
	if (r < 0)
		return r;
	s->base.unit = s->geo.block_size + s->geo.tag_size;
	s->base.size = sectors * SECTOR_SIZE / s->geo.block_size * s->base.unit;
	*ret = &take_ptr(s)->base;
	return 0;
}

/* Units that lie in a row, of a slice. */
struct run {
	uint64_t data_offset, tags_offset; /* bytes, on their devices */
	size_t n;
};

static struct run run_get(const struct aead_state *s, uint64_t unit, size_t n)
{
	uint64_t sector = unit << s->geo.log2_sectors_per_block;
	uint64_t most = integrity_run_sectors(&s->geo, sector) >> s->geo.log2_sectors_per_block;

	return (struct run){
		.data_offset = integrity_data_sector(&s->geo, sector) * SECTOR_SIZE,
		.tags_offset = integrity_tag_byte(&s->geo, sector),
		.n = (size_t)MIN((uint64_t)n, most),
	};
}

static int move(int fd, uint8_t *data, size_t size, uint64_t offset, bool out)
{
	return out ? fd_pwrite_full(fd, data, size, offset) : fd_pread_full(fd, data, size, offset);
}

/* Between memory and the devices. */
static int move_units(struct aead_state *s, uint64_t unit, const struct aead_units *units, bool out)
{
	uint8_t *data = units->dst, *tags = units->tags;
	int r = 0;

	for (size_t n = units->n; r == 0 && n > 0;) {
		struct run run = run_get(s, unit, n);
		size_t data_size = run.n * s->geo.block_size, tags_size = run.n * s->geo.tag_size;

		r = move(s->data_fd, data, data_size, run.data_offset, out);
		if (r == 0)
			r = move(s->base.fd, tags, tags_size, run.tags_offset, out);
		data += data_size;
		tags += tags_size;
		unit += run.n;
		n -= run.n;
	}
	return r;
}

static int aead_write(struct rekey_state *state, uint64_t position, uint8_t *data, size_t size)
{
	struct aead_state *s = (struct aead_state *)state;
	const struct aead_units units = {
		.dst = data,
		.n = size / s->base.unit,
		.tags = data + size / s->base.unit * s->geo.block_size,
	};

	return move_units(s, position / s->base.unit, &units, true);
}

static void note_bad(void *userdata, size_t index)
{
	struct aead_worker *w = userdata;

	w->is_bad[index] = true;
}

/* Reads units and decrypts them, to w->plain; w->is_bad tells those that are not authentic. */
static int decrypt(
	struct aead_state *s, struct aead_worker *w, uint64_t unit, struct aead_units *units)
{
	int r = move_units(s, unit, units, false);

	units->src = units->dst;
	units->dst = w->plain;
	units->sector = unit << s->geo.log2_sectors_per_block;
	units->stride = s->geo.tag_size;
	memset(w->is_bad, 0, sizeof(w->is_bad));
	if (r == 0)
		r = aead_decrypt(w->before, units, note_bad, w);
	return MIN(r, 0);
}

static int aead_look(struct rekey_state *state, uint64_t unit)
{
	struct aead_state *s = (struct aead_state *)state;
	struct aead_worker *w = &s->workers[0];
	uint8_t raw[CIPHER_SECTOR_SIZE_MAX], tag[INTEGRITY_TAG_SIZE_MAX];
	struct aead_units units = { .dst = raw, .n = 1, .tags = tag };
	int r = decrypt(s, w, unit, &units);

	if (r < 0)
		return r;
	if (!s->authenticates)
		return (int)rekey_sign_of(raw, w->plain, s->geo.block_size);
	if (!w->is_bad[0])
		return REKEY_RIGHT;
	return bytes_are_zero(tag, s->geo.tag_size) ? REKEY_SILENT : REKEY_WRONG;
}

static void aead_place(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
	uint64_t *ret_length)
{
	*ret_offset = 0;
	*ret_length = state->size - position;
}

static int new_ivs(const struct aead_state *s, struct aead_worker *w, size_t n, uint8_t *tags)
{
	int r = random_bytes(w->ivs, n * s->iv_size);

	for (size_t i = 0; r == 0 && i < n; i++)
		memcpy(tags + i * s->geo.tag_size + s->iv_at, w->ivs + i * s->iv_size, s->iv_size);
	return r;
}

static int aead_make(
	struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret, size_t size)
{
	struct aead_state *s = (struct aead_state *)state;
	struct aead_worker *w = &s->workers[worker];
	size_t n = size / s->base.unit, block_size = s->geo.block_size, tag_size = s->geo.tag_size;
	uint8_t *old_tags = ret + n * block_size, *tags = w->plain + n * block_size;
	struct aead_units units = { .dst = ret, .n = n, .tags = old_tags };
	int r = decrypt(s, w, position / s->base.unit, &units);

	if (r < 0)
		return r;
	memcpy(tags, old_tags, n * tag_size);
	r = new_ivs(s, w, n, tags);
	units.src = w->plain;
	units.tags = tags;
	if (r == 0)
		r = aead_encrypt(w->after, &units);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (w->is_bad[i])
			continue;
		memcpy(ret + i * block_size, w->plain + i * block_size, block_size);
		memcpy(old_tags + i * tag_size, tags + i * tag_size, tag_size);
	}
	return r;
}

const struct rekey_type rekey_type_aead = {
	.type = &layer_type_crypt,
	.base = aead_base,
	.key = aead_key,
	.check = aead_check,
	.open = aead_open,
	.close = aead_close,
	.look = aead_look,
	.place = aead_place,
	.make = aead_make,
	.write = aead_write,
};
