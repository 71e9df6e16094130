/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A luks layer offline: the header and one keyslot are written or opened when the filter opens, and
 * what is left is a crypt filter with the volume key.
 */

#include <string.h>
#include <sys/random.h>

#include "filter-util.h"
#include "kdf.h"
#include "layer-integrity.h"
#include "layer-luks.h"
#include "luks2-keyslot.h"
#include "overflow.h"
#include "parse.h"

#define HASH	       "sha256"
#define SALT_SIZE      32U
#define DIGEST_SIZE    32U
#define ITERATIONS     600000U /* of PBKDF2 for the keyslot */
#define ITERATIONS_MIN 1000U   /* for the digest of a random key: cryptsetup's least */
#define PASSES	       4U      /* of Argon2 */
#define AREA_CIPHER    "aes-xts-plain64"
#define AREA_KEY_SIZE  64U

static struct vdev *header_device(const struct filter_args *args)
{
	return args->below[1] ?: args->below[0];
}

static int random_bytes(const struct filter_args *args, const char *label, void *ret, size_t size)
{
	uint8_t *p = ret;

	if (args->random)
		return args->random(args->userdata, args->layer, label, ret, size);
	while (size > 0) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int inner_open(const struct filter_args *args, const struct secret *volume_key,
	struct vdev **ret, struct diag *diag)
{
	struct filter_args inner = *args;

	inner.volume_key = volume_key;
	return filter_type_crypt.open(&inner, ret, diag);
}

static int header_kdf(const struct filter_args *args, struct luks2_kdf *kdf)
{
	const struct luks_fields *f = luks_fields(args->layer);

	enum luks2_kdf_type type = f->kdf;

	/* The default is the better one that there is. */
	if (!layer_is_set(args->layer, "pbkdf") && !kdf_has_argon2())
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
	return random_bytes(args, "keyslot-salt", kdf->salt, SALT_SIZE);
}

/* Where the data begins, as the header says it: with tags, their superblock is there. */
static uint64_t segment_offset(const struct layer *layer)
{
	const struct layer *store = luks_tag_store(layer);

	return SECTOR_SIZE *
	       (store ? integrity_fields(store)->offset : crypt_fields(layer)->offset);
}

static int header_sizes(const struct filter_args *args, struct luks2 *h, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(args->layer);
	/* A header that lies before the data ends there, else with its device. */
	uint64_t room =
		h->segment.offset
			?: MIN(header_device(args)->size_bytes, (uint64_t)LUKS2_DETACHED_SIZE);
	uint64_t needed = luks2_area_size((uint32_t)(f->crypt.key_bits / 8));

	h->header_size = f->metadata_size;
	if (room < 2 * h->header_size + needed)
		return diag_set(diag, -ENOSPC,
			"the header with one keyslot needs %ju bytes, and there are %ju before "
			"the data",
			(uintmax_t)(2 * h->header_size + needed), (uintmax_t)room);
	h->keyslots_size = f->keyslots_size ?: align_down_u64(room - 2 * h->header_size, 4096);
	h->keyslots_size = MIN(h->keyslots_size, (uint64_t)128 << 20);
	if (h->keyslots_size < needed || 2 * h->header_size + h->keyslots_size > room)
		return diag_set(diag, -EINVAL,
			"luks2-keyslots-size: %ju bytes; %ju to %ju are possible",
			(uintmax_t)h->keyslots_size, (uintmax_t)needed,
			(uintmax_t)(room - 2 * h->header_size));
	return 0;
}

static int header_fill(const struct filter_args *args, struct luks2 *h, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(args->layer);
	uint32_t key_size = (uint32_t)(f->crypt.key_bits / 8);
	int r;

	*h = (struct luks2){ .seqid = 1, .n_keyslots = 1, .n_digests = 1 };
	format_uuid(f->uuid, h->uuid);
	(void)snprintf(h->label, sizeof(h->label), "%s", f->label ?: "");
	h->segment = (struct luks2_segment){
		.offset = segment_offset(args->layer),
		.sector_size = (uint32_t)f->crypt.sector_size,
	};
	(void)snprintf(h->segment.cipher, sizeof(h->segment.cipher), "%s", f->crypt.cipher);
	r = f->crypt.integrity ? luks_integrity_word(f->crypt.integrity, h->segment.integrity) : 0;
	if (r >= 0)
		r = header_sizes(args, h, diag);
	if (r < 0)
		return r;
	h->keyslots[0] = (struct luks2_keyslot){
		.id = luks_key_slot(args->layer) < 0 ? 0 : (unsigned)f->key_slot,
		.priority = 1,
		.key_size = key_size,
		.stripes = LUKS2_STRIPES,
		.af_hash = HASH,
		.area_offset = 2 * h->header_size,
		.area_size = luks2_area_size(key_size),
		.area_cipher = AREA_CIPHER,
		.area_key_size = AREA_KEY_SIZE,
	};
	h->digests[0] = (struct luks2_digest){
		.hash = HASH,
		.iterations = ITERATIONS_MIN,
		.salt_size = SALT_SIZE,
		.digest_size = DIGEST_SIZE,
		.keyslots = UINT32_C(1) << h->keyslots[0].id,
		.has_segment = true,
	};
	r = header_kdf(args, &h->keyslots[0].kdf);
	return r < 0 ? r : random_bytes(args, "digest-salt", h->digests[0].salt, SALT_SIZE);
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
		r = random_bytes(args, NULL, secret_bytes(key), slot->key_size);
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

static int write_keyslot(const struct filter_args *args, const struct luks2_keyslot *slot,
	const struct secret *passphrase, const struct secret *volume_key, struct diag *diag)
{
	size_t random_size = (size_t)slot->key_size * (slot->stripes - 1);
	_cleanup_free_ uint8_t *stripes = malloc(random_size);
	_cleanup_free_ uint8_t *area = calloc(1, slot->area_size);
	int r;

	if (!stripes || !area)
		return -ENOMEM;
	r = random_bytes(args, "stripes", stripes, random_size);
	if (r >= 0)
		r = luks2_seal_keyslot(slot, passphrase, volume_key, stripes, area, diag);
	if (r >= 0)
		r = vdev_write(header_device(args), area, slot->area_size, slot->area_offset);
	return r;
}

static int write_copies(const struct filter_args *args, const struct luks2 *h, struct diag *diag)
{
	_cleanup_free_ uint8_t *bytes = malloc(2 * h->header_size);
	struct luks2_image image = { .header = h };
	int r;

	if (!bytes)
		return -ENOMEM;
	r = random_bytes(args, "header-salts", image.salts, sizeof(image.salts));
	if (r >= 0)
		r = luks2_encode(&image, bytes);
	if (r == -EFBIG)
		return diag_set(diag, r, "luks2-metadata-size: too small for the header");
	return r < 0 ? r : vdev_write(header_device(args), bytes, 2 * h->header_size, 0);
}

/* All of it up to the data, so that a layer below sees every block written once. */
static int write_header(const struct filter_args *args, const struct luks2 *h,
	const struct secret *passphrase, const struct secret *volume_key, struct diag *diag)
{
	const struct luks2_keyslot *slot = &h->keyslots[0];
	uint64_t used = slot->area_offset + slot->area_size;
	struct vdev *device = header_device(args);
	int r;

	if (slot->area_offset % device->block_size || slot->area_size % device->block_size)
		return diag_set(diag, -EINVAL,
			"a LUKS2 header cannot stand on a device with blocks of %u bytes",
			device->block_size);
	r = write_keyslot(args, slot, passphrase, volume_key, diag);
	if (r >= 0 && h->segment.offset > used)
		r = vdev_write(device, NULL, h->segment.offset - used, used);
	return r < 0 ? r : write_copies(args, h, diag);
}

static int open_create(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	_cleanup_free_ struct luks2 *h = malloc(sizeof(*h));
	const struct secret *passphrase;
	int r;

	if (!h)
		return -ENOMEM;
	r = filter_key(args, &args->layer->key, &passphrase, diag);
	if (r >= 0)
		r = header_fill(args, h, diag);
	if (r >= 0)
		r = make_volume_key(args, &h->keyslots[0], passphrase, &volume_key, diag);
	if (r >= 0)
		r = luks2_make_digest(&h->digests[0], volume_key, diag);
	if (r >= 0)
		r = write_header(args, h, passphrase, volume_key, diag);
	return r < 0 ? r : inner_open(args, volume_key, ret, diag);
}

static int read_bytes(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	int r = vdev_read_bytes(userdata, ret, size, offset);

	return r < 0 ? diag_set(diag, r, "cannot read the header: %s", strerror(-r)) : 0;
}

/* Returns 1 if more of it has to be seen. */
static int adopt_once(const struct filter_args *args, struct diag *diag)
{
	struct vdev *device = header_device(args);
	_cleanup_free_ uint8_t *data = NULL;
	struct superblock_place place;
	size_t size;
	int r;

	r = layer_type_luks.superblock(args->layer, &place);
	if (r < 0)
		return r;
	size = MIN(device->size_bytes, (uint64_t)place.size);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	r = read_bytes(device, data, size, 0, diag);
	return r < 0 ? r : layer_type_luks.adopt(args->layer, data, size, diag);
}

static int open_read(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct luks2_reader reader = { .read = read_bytes, .userdata = header_device(args) };
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	const struct secret *passphrase;
	int r;

	do
		r = adopt_once(args, diag);
	while (r > 0);
	if (r >= 0)
		r = filter_key(args, &args->layer->key, &passphrase, diag);
	if (r >= 0)
		r = luks2_unlock(luks_fields(args->layer)->header, &reader, passphrase,
			luks_key_slot(args->layer), &volume_key, diag);
	return r < 0 ? r : inner_open(args, volume_key, ret, diag);
}

static int luks_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	return args->mode == FILTER_CREATE ? open_create(args, ret, diag)
					   : open_read(args, ret, diag);
}

const struct filter_type filter_type_luks = {
	.type = &layer_type_luks,
	.open = luks_open,
};
