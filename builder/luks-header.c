/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header of a new LUKS2 volume: a keyslot for the layer's key and one for each that is added,
 * one behind the other, the digest of the volume key, tokens as they are given.
 */

#include <string.h>

#include "filter-luks.h"
#include "filter-util.h"
#include "kdf.h"
#include "layer-integrity.h"
#include "layer-luks.h"
#include "luks2-keyslot.h"
#include "overflow.h"
#include "parse.h"
#include "random.h"

#define HASH	       "sha256"
#define SALT_SIZE      32U
#define DIGEST_SIZE    32U
#define ITERATIONS     600000U /* of PBKDF2 for a keyslot */
#define ITERATIONS_MIN 1000U   /* for the digest of a random key: cryptsetup's least */
#define PASSES	       4U      /* of Argon2 */
#define AREA_CIPHER    "aes-xts-plain64"
#define AREA_KEY_SIZE  64U

void luks_additions_done(struct luks_additions *additions)
{
	for (size_t i = 0; i < additions->n_slots; i++)
		layer_free(additions->slots[i]);
	free(additions->slots);
	buf_done(&additions->tokens);
	*additions = (struct luks_additions){};
}

static int labelled_bytes(const struct filter_args *args, const char *label, void *ret, size_t size)
{
	return args->random ? args->random(args->userdata, args->layer, label, ret, size)
			    : random_bytes(ret, size);
}

/* The same, of which every keyslot has its own. The layer's own has no number in the label. */
static int slot_bytes(
	const struct filter_args *args, size_t index, const char *label, void *ret, size_t size)
{
	char numbered[64];

	if (index == 0)
		return labelled_bytes(args, label, ret, size);
	(void)snprintf(numbered, sizeof(numbered), "%s-%zu", label, index);
	return labelled_bytes(args, numbered, ret, size);
}

/* The layers that say what the keyslots are: the own one first, unless its key opens none. */
static size_t list_slots(
	const struct filter_args *args, const struct layer *ret[static LUKS2_KEYSLOTS_MAX])
{
	const struct luks_additions *more = args->luks;
	size_t n = 0;

	if (!luks_fields(args->layer)->volume_key)
		ret[n++] = args->layer;
	for (size_t i = 0; more && i < more->n_slots && n < LUKS2_KEYSLOTS_MAX; i++)
		ret[n++] = more->slots[i];
	return n;
}

static int slot_kdf(const struct layer *layer, struct luks2_kdf *kdf, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(layer);
	enum luks2_kdf_type type = f->kdf;

	/* The default is the better one that there is. */
	if (!layer_is_set(layer, "pbkdf") && !kdf_has_argon2())
		type = LUKS2_PBKDF2;
	*kdf = (struct luks2_kdf){
		.type = type,
		.hash = HASH,
		.iterations = (uint32_t)(f->kdf_iterations
						 ?: type == LUKS2_PBKDF2 ? ITERATIONS
									 : PASSES),
		.memory_kib = (uint32_t)(f->kdf_memory >> 10),
		.parallelism = (uint32_t)f->kdf_parallelism,
		.salt_size = SALT_SIZE,
	};
	if (type != LUKS2_PBKDF2 && kdf->iterations > LUKS2_ARGON2_COST_MAX / kdf->memory_kib)
		return diag_set(diag, -EINVAL,
			"pbkdf-force-iterations: %u passes over %u KiB are more than is taken when "
			"it is opened",
			kdf->iterations, kdf->memory_kib);
	return 0;
}

/* Where the data begins, as the header says it: with tags, their superblock is there. */
static uint64_t segment_offset(const struct layer *layer)
{
	const struct layer *store = luks_tag_store(layer);

	return SECTOR_SIZE *
	       (store ? integrity_fields(store)->offset : crypt_fields(layer)->offset);
}

static int header_sizes(
	const struct filter_args *args, size_t n_slots, struct luks2 *h, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(args->layer);
	/* A header that lies before the data ends there, else with its device. */
	uint64_t room =
		h->segment.offset
			?: MIN(luks_header_device(args)->size_bytes, (uint64_t)LUKS2_DETACHED_SIZE);
	uint64_t needed = n_slots * luks2_area_size((uint32_t)(f->crypt.key_bits / 8));

	h->header_size = f->metadata_size;
	if (room < 2 * h->header_size + needed)
		return diag_set(diag, -ENOSPC,
			"the header with %zu keyslots needs %ju bytes, and there are %ju before "
			"the data",
			n_slots, (uintmax_t)(2 * h->header_size + needed), (uintmax_t)room);
	h->keyslots_size = f->keyslots_size ?: align_down_u64(room - 2 * h->header_size, 4096);
	h->keyslots_size = MIN(h->keyslots_size, (uint64_t)128 << 20);
	if (h->keyslots_size < needed || 2 * h->header_size + h->keyslots_size > room)
		return diag_set(diag, -EINVAL,
			"luks2-keyslots-size: %ju bytes; %ju to %ju are possible",
			(uintmax_t)h->keyslots_size, (uintmax_t)needed,
			(uintmax_t)(room - 2 * h->header_size));
	return 0;
}

static int fill_slots(const struct filter_args *args, const struct layer *const *slots, size_t n,
	struct luks2 *h, struct diag *diag)
{
	uint32_t key_size = (uint32_t)(luks_fields(args->layer)->crypt.key_bits / 8);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct luks2_keyslot *k = &h->keyslots[h->n_keyslots++];
		int number = luks_key_slot(slots[i]);

		*k = (struct luks2_keyslot){
			.id = number < 0 ? 0 : (unsigned)number,
			.priority = luks_fields(slots[i])->priority,
			.key_size = key_size,
			.stripes = LUKS2_STRIPES,
			.af_hash = HASH,
			.area_offset = 2 * h->header_size + i * luks2_area_size(key_size),
			.area_size = luks2_area_size(key_size),
			.area_cipher = AREA_CIPHER,
			.area_key_size = AREA_KEY_SIZE,
		};
		h->digests[0].keyslots |= UINT32_C(1) << k->id;
		r = slot_kdf(slots[i], &k->kdf, diag);
		if (r >= 0)
			r = slot_bytes(args, i, "keyslot-salt", k->kdf.salt, SALT_SIZE);
	}
	return r;
}

static int header_fill(const struct filter_args *args, const struct layer *const *slots,
	size_t n_slots, struct luks2 *h, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(args->layer);
	int r;

	*h = (struct luks2){ .seqid = 1, .n_digests = 1 };
	format_uuid(f->uuid, h->uuid);
	(void)snprintf(h->label, sizeof(h->label), "%s", f->label ?: "");
	h->segment = (struct luks2_segment){
		.offset = segment_offset(args->layer),
		.sector_size = (uint32_t)f->crypt.sector_size,
	};
	(void)snprintf(h->segment.cipher, sizeof(h->segment.cipher), "%s", f->crypt.cipher);
	r = f->crypt.integrity ? luks_integrity_word(f->crypt.integrity, h->segment.integrity) : 0;
	if (r >= 0)
		r = header_sizes(args, n_slots, h, diag);
	if (r < 0)
		return r;
	h->digests[0] = (struct luks2_digest){
		.hash = HASH,
		.iterations = ITERATIONS_MIN,
		.salt_size = SALT_SIZE,
		.digest_size = DIGEST_SIZE,
		.has_segment = true,
	};
	r = fill_slots(args, slots, n_slots, h, diag);
	return r < 0 ? r : labelled_bytes(args, "digest-salt", h->digests[0].salt, SALT_SIZE);
}

/* It is the layer's key itself. */
static int copy_volume_key(const struct filter_args *args, const struct secret *key,
	struct secret **ret, struct diag *diag)
{
	size_t needed = luks_fields(args->layer)->crypt.key_bits / 8;

	if (secret_size(key) != needed)
		return diag_set(diag, -EINVAL,
			"volume-key: the key has %zu bytes, but %zu are needed", secret_size(key),
			needed);
	layer_mark_set(args->layer, "size");
	return secret_new_from(secret_peek(key), needed, false, ret);
}

/*
 * Random; or, where the same image has to come out again, made of the passphrase with a salt of its own,
 * which costs whoever guesses as much as the keyslot does.
 */
static int make_volume_key(const struct filter_args *args, const struct luks2_keyslot *slot,
	const struct secret *passphrase, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct luks2_kdf kdf = slot->kdf;
	int r;

	r = secret_new(slot->key_size, false, &key);
	if (r < 0)
		return r;
	if (!args->random) {
		r = labelled_bytes(args, NULL, secret_bytes(key), slot->key_size);
	} else {
		r = args->random(
			args->userdata, args->layer, "volume-key-salt", kdf.salt, kdf.salt_size);
		if (r >= 0)
			r = kdf_derive(&kdf, passphrase, secret_bytes(key), slot->key_size, diag);
	}
	if (r >= 0)
		*ret = take_ptr(key);
	return r;
}

static int write_keyslot(const struct filter_args *args, const struct luks2 *h, size_t index,
	const struct layer *layer, const struct secret *volume_key, struct diag *diag)
{
	const struct luks2_keyslot *slot = &h->keyslots[index];
	size_t random_size = (size_t)slot->key_size * (slot->stripes - 1);
	_cleanup_free_ uint8_t *stripes = malloc(random_size);
	_cleanup_free_ uint8_t *area = calloc(1, slot->area_size);
	const struct secret *passphrase;
	int r;

	if (!stripes || !area)
		return -ENOMEM;
	r = filter_key(args, &layer->key, &passphrase, diag);
	if (r >= 0)
		r = slot_bytes(args, index, "stripes", stripes, random_size);
	if (r >= 0)
		r = luks2_seal_keyslot(slot, passphrase, volume_key, stripes, area, diag);
	if (r >= 0)
		r = vdev_write(luks_header_device(args), area, slot->area_size, slot->area_offset);
	return r;
}

static int write_copies(const struct filter_args *args, const struct luks2 *h, struct diag *diag)
{
	_cleanup_free_ uint8_t *bytes = malloc(2 * h->header_size);
	_cleanup_free_ struct luks2 *again = malloc(sizeof(*again));
	struct luks2_image image = { .header = h,
		.tokens = args->luks ? buf_str(&args->luks->tokens) : NULL };
	int r;

	if (!bytes || !again)
		return -ENOMEM;
	r = labelled_bytes(args, "header-salts", image.salts, sizeof(image.salts));
	if (r >= 0)
		r = luks2_encode(&image, bytes);
	if (r == -EFBIG)
		return diag_set(diag, r, "luks2-metadata-size: too small for the header");
	/* Tokens can be anything; what could not be opened again is not written. */
	if (r >= 0)
		r = luks2_decode(bytes, 2 * h->header_size, again, NULL, diag);
	return r < 0 ? r : vdev_write(luks_header_device(args), bytes, 2 * h->header_size, 0);
}

/* All of it up to the data, so that a layer below sees every block written once. */
static int write_header(const struct filter_args *args, const struct luks2 *h,
	const struct layer *const *slots, const struct secret *volume_key, struct diag *diag)
{
	struct vdev *device = luks_header_device(args);
	uint64_t used = 2 * h->header_size;
	int r = 0;

	if (used % device->block_size || luks2_area_size(1) % device->block_size)
		return diag_set(diag, -EINVAL,
			"a LUKS2 header cannot stand on a device with blocks of %u bytes",
			device->block_size);
	for (size_t i = 0; r >= 0 && i < h->n_keyslots; i++) {
		r = write_keyslot(args, h, i, slots[i], volume_key, diag);
		if (r < 0)
			return diag_at(diag, r, "keyslot %u", h->keyslots[i].id);
		used += h->keyslots[i].area_size;
	}
	if (r >= 0 && h->segment.offset > used)
		r = vdev_write(device, NULL, h->segment.offset - used, used);
	return r < 0 ? r : write_copies(args, h, diag);
}

int luks_header_create(
	const struct filter_args *args, struct secret **ret_volume_key, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	_cleanup_free_ struct luks2 *h = malloc(sizeof(*h));
	const struct layer *slots[LUKS2_KEYSLOTS_MAX];
	size_t n_slots = list_slots(args, slots);
	const struct secret *key;
	int r;

	if (!h)
		return -ENOMEM;
	r = filter_key(args, &args->layer->key, &key, diag);
	if (r >= 0)
		r = header_fill(args, slots, n_slots, h, diag);
	if (r >= 0)
		r = luks_fields(args->layer)->volume_key
			    ? copy_volume_key(args, key, &volume_key, diag)
			    : make_volume_key(args, &h->keyslots[0], key, &volume_key, diag);
	if (r >= 0)
		r = luks2_make_digest(&h->digests[0], volume_key, diag);
	if (r >= 0)
		r = write_header(args, h, slots, volume_key, diag);
	if (r >= 0)
		*ret_volume_key = take_ptr(volume_key);
	return r;
}
