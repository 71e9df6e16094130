/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of LUKS2. A new key for a keyslot alone would leave the volume key, which who made the
 * image knows: so the data gets a new one, made of the new key, and the header a new digest and a new
 * keyslot for it in the place of the old one.
 *
 *	data | both copies of the header | area of the keyslot		are the bytes that are made anew
 *
 * The header is one piece, the last one. Until it is there the old one stays; if the power goes while
 * it is written, the journal has it, and it is written again before anybody reads it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fd.h"
#include "hkdf.h"
#include "layer-integrity.h"
#include "layer-luks.h"
#include "luks2-keyslot.h"
#include "overflow.h"
#include "random.h"
#include "rekey-convert.h"

#define KEY_SIZE_MIN  32U /* bytes of a new key, whatever the old one had */
#define AREA_CIPHER   "aes-xts-plain64"
#define AREA_KEY_SIZE 64U
#define ALIGNMENT     4096U /* of what follows the data */

struct luks_state {
	struct rekey_state base;
	const struct rekey_type *type; /* of the data: with tags or without */
	struct rekey_state *data;      /* owned */
	int header_fd;
	bool is_new; /* the header has the new key already, so that the old one is not known */
	struct luks2 header;
	uint8_t *bytes; /* of the new header and its keyslot; owned */
	size_t size;
};

static const struct keyref *luks_key(const struct layer *layer)
{
	return &layer->key;
}

static const struct rekey_type *data_type(const struct layer *layer)
{
	return crypt_fields(layer)->integrity ? &rekey_type_aead : &rekey_type_crypt;
}

static struct layer *luks_base(const struct layer *layer)
{
	const struct rekey_type *type = data_type(layer);

	return type->base ? type->base(layer) : NULL;
}

static int luks_check(const struct layer *layer, struct diag *diag)
{
	const struct rekey_type *type = data_type(layer);

	return type->check ? type->check(layer, diag) : 0;
}

static size_t luks_new_size(const struct layer *layer, size_t before)
{
	return luks_fields(layer)->volume_key ? before : MAX(before, (size_t)KEY_SIZE_MIN);
}

static void luks_close(struct rekey_state *state)
{
	struct luks_state *s = (struct luks_state *)state;

	if (!s)
		return;
	if (s->type)
		s->type->close(s->data);
	free(s->bytes);
	free(s);
}

static void luks_statep(struct luks_state **p)
{
	luks_close((struct rekey_state *)*p);
}

static int header_fd(const struct rekey_source *source)
{
	if (source->base != source->layer)
		return source->header_fd;
	return source->fds[luks_has_header_device(source->layer) ? 1 : 0];
}

/* Only what can be made anew without anybody's help. */
static int check_header(const struct layer *layer, const struct luks2 *h, struct diag *diag)
{
	size_t wanted = luks_fields(layer)->volume_key ? 0 : 1;

	if (h->n_keyslots != wanted)
		return diag_set(diag, -EOPNOTSUPP,
			"its header has %zu keyslots, and a new volume key leaves only that of its "
			"own key; remove the others first, and add them again with new keys",
			h->n_keyslots);
	if (h->n_tokens > 0)
		return diag_set(diag, -EOPNOTSUPP,
			"its header has %zu tokens, which do not fit a new key; remove them first",
			h->n_tokens);
	if (h->n_digests != 1 || !h->digests[0].has_segment)
		return diag_set(diag, -EOPNOTSUPP, "its header has %zu digests where one is usual",
			h->n_digests);
	if (wanted && align_up_u64(luks2_area_bytes(&h->keyslots[0]), ALIGNMENT) >
			      h->keyslots[0].area_size)
		return diag_set(diag, -EOPNOTSUPP, "the area of its keyslot is too small");
	return 0;
}

static int read_header(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	const int *fd = userdata;
	int r = fd_pread_full(*fd, ret, size, offset);

	return r < 0 ? diag_set(diag, r, "its header cannot be read: %s", strerror(-r)) : 0;
}

static int unlock(struct luks_state *s, const struct rekey_source *source, const struct secret *key,
	struct secret **ret, struct diag *diag)
{
	const struct luks2_reader reader = { .read = read_header, .userdata = &s->header_fd };

	return luks2_unlock(luks_fields(source->layer)->header, &reader, key,
		luks_key_slot(source->layer), ret, diag);
}

/* The key of the data. That of before can be had as long as the old header is there. */
static int open_before(struct luks_state *s, const struct rekey_source *source, struct secret **ret,
	struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	int r = unlock(s, source, source->before, ret, &why);

	if (r == -EKEYREJECTED && source->resumes) {
		s->is_new = true;
		return unlock(s, source, source->after, ret, diag);
	}
	if (r < 0)
		diag_move(diag, &why);
	return r;
}

static int make_after(
	const struct rekey_source *source, uint32_t size, struct secret **ret, struct diag *diag)
{
	const struct secret *after = source->after;

	if (!luks_fields(source->layer)->volume_key)
		return hkdf_derive(after, "dmstack1 volume key", NULL, size, ret);
	if (secret_size(after) != size)
		return diag_set(diag, -EINVAL, "the volume key has %u bytes, the new one %zu", size,
			secret_size(after));
	return secret_new_from(secret_peek(after), size, true, ret);
}

/* What covers the new key is not left to the old header, which anybody may have written. */
static int make_keyslot(struct luks2_keyslot *slot, const struct secret *passphrase,
	const struct secret *volume_key, uint8_t *ret, struct diag *diag)
{
	size_t size = (size_t)slot->key_size * (slot->stripes - 1);
	_cleanup_free_ uint8_t *stripes = malloc(size);
	int r = stripes ? random_bytes(stripes, size) : -ENOMEM;

	(void)snprintf(slot->area_cipher, sizeof(slot->area_cipher), "%s", AREA_CIPHER);
	slot->area_key_size = AREA_KEY_SIZE;
	if (r == 0)
		r = random_bytes(slot->kdf.salt, slot->kdf.salt_size);
	return r < 0 ? r : luks2_seal_keyslot(slot, passphrase, volume_key, stripes, ret, diag);
}

/* Another digest and other salts; all else is as it was. */
static int make_header(struct luks_state *s, const struct rekey_source *source,
	const struct secret *volume_key, struct diag *diag)
{
	struct luks2 *h = &s->header;
	struct luks2_image image = { .header = h };
	struct luks2_keyslot *slot = h->n_keyslots > 0 ? &h->keyslots[0] : NULL;
	size_t area = slot ? (size_t)align_up_u64(luks2_area_bytes(slot), ALIGNMENT) : 0;
	int r;

	s->size = (size_t)(2 * h->header_size) + area;
	s->bytes = calloc(1, s->size);
	if (!s->bytes)
		return -ENOMEM;
	h->seqid++;
	r = random_bytes(h->digests[0].salt, h->digests[0].salt_size);
	if (r == 0)
		r = luks2_make_digest(&h->digests[0], volume_key, diag);
	if (r == 0 && slot)
		r = make_keyslot(
			slot, source->after, volume_key, s->bytes + 2 * h->header_size, diag);
	if (r == 0)
		r = random_bytes(image.salts, sizeof(image.salts));
	return r < 0 ? r : luks2_encode(&image, s->bytes);
}

static int luks_open(const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	const struct luks2 *h = luks_fields(source->layer)->header;
	_cleanup_(secret_freep) struct secret *before = NULL, *after = NULL;
	_cleanup_(luks_statep) struct luks_state *s = calloc(1, sizeof(*s));
	struct rekey_source data = *source;
	int r;

	if (!s)
		return -ENOMEM;
	s->type = data_type(source->layer);
	s->header_fd = header_fd(source);
	r = h ? check_header(source->layer, h, diag) : diag_set(diag, -ENODATA, "no LUKS2 header");
	if (r < 0)
		return r;
	s->header = *h;
	r = open_before(s, source, &before, diag);
	if (r == 0)
		r = make_after(source, (uint32_t)secret_size(before), &after, diag);
	if (r == 0)
		r = make_header(s, source, after, diag);
	data.before = before;
	data.after = after;
	if (r == 0)
		r = s->type->open(&data, &s->data, diag);
	if (r < 0)
		return r;
	s->base = *s->data;
	s->base.size += s->size;
	if (s->header_fd != s->base.fd)
		s->base.also[s->base.n_also++] = s->header_fd;
	s->base.last = (uint32_t)s->size;
	*ret = &take_ptr(s)->base;
	return 0;
}

static void luks_place(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
	uint64_t *ret_length)
{
	const struct luks_state *s = (const struct luks_state *)state;

	if (position < s->data->size) {
		s->type->place(s->data, position, ret_offset, ret_length);
	} else {
		*ret_offset = 0;
		*ret_length = state->size - position;
	}
}

static int luks_make(
	struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret, size_t size)
{
	struct luks_state *s = (struct luks_state *)state;

	if (position < s->data->size)
		return s->is_new ? -EUCLEAN : s->type->make(s->data, worker, position, ret, size);
	memcpy(ret, s->bytes + (position - s->data->size), size);
	return 0;
}

/* Those from position on of a header and its keyslot. */
static int write_header(
	int fd, const struct luks2 *h, uint64_t position, const uint8_t *data, size_t size)
{
	uint64_t copies = 2 * h->header_size;
	size_t n = position < copies ? (size_t)MIN((uint64_t)size, copies - position) : 0;
	int r = fd_pwrite_full(fd, data, n, position);

	if (r < 0 || n == size)
		return r;
	return fd_pwrite_full(
		fd, data + n, size - n, h->keyslots[0].area_offset + (position + n - copies));
}

static int luks_write(struct rekey_state *state, uint64_t position, uint8_t *data, size_t size)
{
	struct luks_state *s = (struct luks_state *)state;
	uint64_t offset, length;

	if (position >= s->data->size)
		return write_header(s->header_fd, &s->header, position - s->data->size, data, size);
	if (s->type->write)
		return s->type->write(s->data, position, data, size);
	s->type->place(s->data, position, &offset, &length);
	return fd_pwrite_full(s->base.fd, data, size, offset);
}

/* The last piece, if that is the newest one, says itself where it lies. */
static int luks_mend(const struct rekey_source *source, const uint8_t *piece, size_t size)
{
	_cleanup_free_ struct luks2 *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	if (luks2_decode(piece, size, h, NULL, NULL) < 0 || size < 2 * h->header_size ||
		h->n_keyslots > 1)
		return 0;
	return write_header(header_fd(source), h, 0, piece, size);
}

static uint32_t luks_mend_unit(const struct rekey_source *source)
{
	const struct integrity_sb *sb = &integrity_fields(source->base)->sb;

	/* Any sector size gives the same slices. */
	if (source->base == source->layer)
		return SECTOR_SIZE;
	return ((uint32_t)SECTOR_SIZE << sb->log2_sectors_per_block) + sb->tag_size;
}

const struct rekey_type rekey_type_luks = {
	.type = &layer_type_luks,
	.base = luks_base,
	.key = luks_key,
	.check = luks_check,
	.new_size = luks_new_size,
	.open = luks_open,
	.close = luks_close,
	.place = luks_place,
	.make = luks_make,
	.write = luks_write,
	.mend = luks_mend,
	.mend_unit = luks_mend_unit,
};
