/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "luks": dm-crypt as a LUKS2 header describes it. Nothing authenticates such a header,
 * so what the configuration says of it must be what it says itself.
 */

#include "layer-luks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer-integrity.h"
#include "parse.h"

#define FIELD(n, k, member, ...)                                                                   \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct luks_fields, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct field fields[] = {
	FIELD("cipher", FIELD_STRING, crypt.cipher, .min = 3, .max = 127, .dflt = "aes-xts-plain64",
		.flags = FIELD_FROM_DISK,
		.help = "The cipher. If it is given, the header must say the same."),
	FIELD("size", FIELD_U64, crypt.key_bits, .min = 64, .max = 4096, .multiple = 8,
		.unit = "bits", .flags = FIELD_FROM_DISK, .help = "The size of the volume key."),
	FIELD("sector-size", FIELD_SIZE, crypt.sector_size, .min = 512, .max = 4096,
		.flags = FIELD_POW2 | FIELD_FROM_DISK, .dflt = "512", .unit = "bytes",
		.help = "The unit of encryption."),
	FIELD("offset", FIELD_U64, crypt.offset, .max = UINT64_C(1) << 43, .unit = "sectors",
		.flags = FIELD_FROM_DISK,
		.help = "Where the encrypted data begins on the device below."),
	FIELD("integrity", FIELD_STRING, crypt.integrity, .min = 4, .max = 31,
		.help = "Authenticated encryption, as for a crypt layer. The tags are on an "
			"integrity layer right below, whose *offset=* is that of the header, and "
			"*header=* names the device below that."),
	FIELD("uuid", FIELD_UUID, uuid, .flags = FIELD_FROM_DISK,
		.help = "The UUID in the header."),
	FIELD("label", FIELD_STRING, label, .max = 47, .flags = FIELD_CREATE,
		.help = "The label in the header."),
	FIELD("key-slot", FIELD_U64, key_slot, .max = LUKS2_KEYSLOTS_MAX - 1,
		.help = "The number of the keyslot that the key opens; any if not given."),
	FIELD("volume-key", FIELD_BOOL, volume_key,
		.help = "The key is the volume key itself, random bytes as many as the cipher "
			"takes, and opens no keyslot."),
	FIELD("keyslot-priority", FIELD_ENUM, priority, .choices = luks2_priority_words,
		.dflt = "normal", .flags = FIELD_CREATE,
		.help = "When the keyslot is tried: if asked for by number, or in turn, or first."),
	FIELD("luks2-metadata-size", FIELD_SIZE, metadata_size, .min = LUKS2_HEADER_SIZE_MIN,
		.max = LUKS2_HEADER_SIZE_MAX, .flags = FIELD_POW2 | FIELD_CREATE, .dflt = "16384",
		.unit = "bytes", .help = "The size of each of the two copies of the header."),
	FIELD("luks2-keyslots-size", FIELD_SIZE, keyslots_size, .max = 128U << 20, .multiple = 4096,
		.unit = "bytes", .flags = FIELD_CREATE,
		.help = "The size of the area for keyslots; up to the data if not given."),
	FIELD("pbkdf", FIELD_ENUM, kdf, .choices = luks2_kdf_words, .dflt = "argon2id",
		.flags = FIELD_CREATE, .help = "How the key of the keyslot is made of the key."),
	FIELD("pbkdf-force-iterations", FIELD_U64, kdf_iterations, .max = LUKS2_ITERATIONS_MAX,
		.flags = FIELD_CREATE,
		.help = "Iterations of pbkdf2 (600000 if not given), or passes of argon2 (4)."),
	FIELD("pbkdf-memory", FIELD_SIZE, kdf_memory, .min = 32 << 10, .max = UINT64_C(4) << 30,
		.multiple = 1024, .dflt = "268435456", .unit = "bytes", .flags = FIELD_CREATE,
		.help = "The memory that argon2 needs, on the target too."),
	FIELD("pbkdf-parallel", FIELD_U64, kdf_parallelism, .min = 1, .max = 4, .dflt = "4",
		.flags = FIELD_CREATE, .help = "The threads of argon2."),
	FIELD("same-cpu-crypt", FIELD_BOOL, crypt.same_cpu_crypt,
		.help = "Encrypt on the CPU that asked for it."),
	FIELD("submit-from-crypt-cpus", FIELD_BOOL, crypt.submit_from_crypt_cpus,
		.help = "Do not hand writes to a thread of their own after encryption."),
	FIELD("no-read-workqueue", FIELD_BOOL, crypt.no_read_workqueue,
		.help = "Decrypt at once and not in a workqueue."),
	FIELD("no-write-workqueue", FIELD_BOOL, crypt.no_write_workqueue,
		.help = "Encrypt at once and not in a workqueue."),
};

static const struct role roles[] = {
	{ "data", true, "The device with the ciphertext, and the header unless it has its own." },
	{ "header", false, "The device with the header." },
};

static const char *const modules[] = { "dm_crypt", NULL };

bool luks_has_header_device(const struct layer *layer)
{
	return layer_device(layer, "header") != NULL;
}

const struct layer *luks_tag_store(const struct layer *layer)
{
	const struct layer_device *data = layer_device(layer, "data");
	const struct layer *below = data ? data->layer : NULL;

	return below && below->type == &layer_type_integrity && luks_fields(layer)->crypt.integrity
		       ? below
		       : NULL;
}

int luks_key_slot(const struct layer *layer)
{
	if (luks_fields(layer)->volume_key)
		return LUKS2_NO_KEYSLOT;
	return layer_is_set(layer, "key-slot") ? (int)luks_fields(layer)->key_slot
					       : LUKS2_ANY_KEYSLOT;
}

int luks_integrity_word(const char *integrity, char ret[static 64])
{
	const char *hash = startswith(integrity, "hmac-");
	int n = hash ? snprintf(ret, 64, "hmac(%s)", hash) : snprintf(ret, 64, "%s", integrity);

	return n < 0 || n >= 64 ? -EINVAL : 0;
}

/* As in crypttab, an attacker who can write the header must not choose the cipher. */
static int check_sealed(const struct layer *layer, struct diag *diag)
{
	static const char *const needed[] = { "cipher", "sector-size", "uuid" };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!layer_is_set(layer, needed[i]))
			return diag_set(diag, -EINVAL,
				"%s: nothing authenticates a LUKS2 header, so the sealed phase "
				"wants it here too",
				needed[i]);
	return 0;
}

static int luks_check(const struct layer *layer, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(layer);

	if (strstr(f->crypt.cipher, "null"))
		return diag_set(diag, -EINVAL, "cipher: \"%s\" does not encrypt", f->crypt.cipher);
	if (f->volume_key && layer_is_set(layer, "key-slot"))
		return diag_set(diag, -EINVAL, "key-slot: with volume-key there is none");
	if (layer->common.phase != PHASE_BOOTSTRAP) {
		int r = check_sealed(layer, diag);

		if (r < 0)
			return r;
	}
	return layer_type_crypt.check(layer, diag);
}

static int luks_check_below(const struct layer *layer, const struct layer *below, struct diag *diag)
{
	if (luks_fields(layer)->crypt.integrity && !luks_has_header_device(layer))
		return diag_set(diag, -EINVAL,
			"integrity: the header is not on the integrity layer but on the device "
			"below it, so header= must name that");
	return layer_type_crypt.check_below(layer, below, diag);
}

static int luks_superblock(const struct layer *layer, struct superblock_place *ret)
{
	const struct luks_fields *f = luks_fields(layer);

	*ret = (struct superblock_place){
		.role = luks_has_header_device(layer) ? 1 : 0,
		.size = f->wanted ?: LUKS2_BINARY_SIZE,
	};
	return 0;
}

static int adopt_cipher(struct layer *layer, const struct luks2_segment *s, struct diag *diag)
{
	struct luks_fields *f = luks_fields(layer);
	char *cipher;

	if (strstr(s->cipher, "null"))
		return diag_set(diag, -EMEDIUMTYPE,
			"the header says cipher \"%s\", which does not "
			"encrypt",
			s->cipher);
	if (layer_is_set(layer, "cipher") && !streq(f->crypt.cipher, s->cipher))
		return diag_set(diag, -EMEDIUMTYPE,
			"cipher: the header has \"%s\", the configuration \"%s\"", s->cipher,
			f->crypt.cipher);
	cipher = strdup(s->cipher);
	if (!cipher)
		return -ENOMEM;
	free(f->crypt.cipher);
	f->crypt.cipher = cipher;
	return 0;
}

static int adopt_number(
	struct layer *layer, const char *name, uint64_t found, uint64_t *value, struct diag *diag)
{
	if (layer_is_set(layer, name) && *value != found)
		return diag_set(diag, -EMEDIUMTYPE,
			"%s: the header has %llu, the configuration %llu", name,
			(unsigned long long)found, (unsigned long long)*value);
	*value = found;
	return 0;
}

/* The size of the volume key, on which all keyslots for the data must agree. */
static int adopt_key_size(struct layer *layer, const struct luks2 *h, struct diag *diag)
{
	uint32_t size = 0;

	for (size_t i = 0; i < h->n_keyslots; i++)
		for (size_t k = 0; k < h->n_digests; k++) {
			if (!h->digests[k].has_segment ||
				!(h->digests[k].keyslots & UINT32_C(1) << h->keyslots[i].id))
				continue;
			if (size && size != h->keyslots[i].key_size)
				return diag_set(
					diag, -EUCLEAN, "the keyslots have keys of several sizes");
			size = h->keyslots[i].key_size;
		}
	/* What the configuration or the cipher says then is what the volume key has to have. */
	if (size == 0 && luks_fields(layer)->volume_key)
		return 0;
	if (size == 0)
		return diag_set(diag, -ENOKEY, "the header has no keyslot for the data");
	return adopt_number(
		layer, "size", (uint64_t)size * 8, &luks_fields(layer)->crypt.key_bits, diag);
}

/* With tags, the segment begins with the superblock of the integrity layer. */
static int adopt_place(struct layer *layer, const struct luks2_segment *s, struct diag *diag)
{
	struct luks_fields *f = luks_fields(layer);
	const struct layer *store = luks_tag_store(layer);
	char word[64] = "";

	if (f->crypt.integrity && luks_integrity_word(f->crypt.integrity, word) < 0)
		return -EINVAL;
	if (!streq(word, s->integrity))
		return diag_set(diag, -EMEDIUMTYPE,
			"integrity: the header has \"%s\", the configuration \"%s\"",
			*s->integrity ? s->integrity : "none", *word ? word : "none");
	if (!*s->integrity)
		return adopt_number(
			layer, "offset", s->offset / SECTOR_SIZE, &f->crypt.offset, diag);
	f->crypt.integrity_key_size = s->integrity_key_size;
	if (store && integrity_fields(store)->offset != s->offset / SECTOR_SIZE)
		return diag_set(diag, -EMEDIUMTYPE,
			"the header has its tags at sector %llu, and \"%s\" has offset=%llu",
			(unsigned long long)(s->offset / SECTOR_SIZE), store->name,
			(unsigned long long)integrity_fields(store)->offset);
	return adopt_number(layer, "offset", 0, &f->crypt.offset, diag);
}

static int adopt_uuid(struct layer *layer, const struct luks2 *h, struct diag *diag)
{
	struct luks_fields *f = luks_fields(layer);
	uint8_t uuid[16];

	if (parse_uuid(h->uuid, uuid) < 0)
		return -EUCLEAN;
	if (layer_is_set(layer, "uuid") && memcmp(uuid, f->uuid, sizeof(uuid)) != 0)
		return diag_set(diag, -EMEDIUMTYPE,
			"uuid: the header has %s, which is not that of the configuration", h->uuid);
	memcpy(f->uuid, uuid, sizeof(uuid));
	return 0;
}

static int luks_adopt(struct layer *layer, const void *data, size_t size, struct diag *diag)
{
	struct luks_fields *f = luks_fields(layer);
	_cleanup_free_ struct luks2 *h = malloc(sizeof(*h));
	size_t wanted = 0;
	int r;

	if (!h)
		return -ENOMEM;
	r = luks2_decode(data, size, h, &wanted, diag);
	if (r > 0 && wanted > f->wanted && size >= (f->wanted ?: LUKS2_BINARY_SIZE)) {
		f->wanted = wanted;
		return 1;
	}
	/* Less than was asked for is all that there is. */
	if (r > 0)
		r = luks2_decode(data, size, h, NULL, diag);
	if (r >= 0)
		r = adopt_uuid(layer, h, diag);
	if (r >= 0)
		r = adopt_cipher(layer, &h->segment, diag);
	if (r >= 0)
		r = adopt_number(
			layer, "sector-size", h->segment.sector_size, &f->crypt.sector_size, diag);
	if (r >= 0)
		r = adopt_key_size(layer, h, diag);
	if (r >= 0)
		r = adopt_place(layer, &h->segment, diag);
	if (r < 0)
		return r;
	f->crypt.skip = h->segment.iv_tweak;
	free(f->header);
	f->header = take_ptr(h);
	/* All together, as for a crypt layer that was configured so. */
	return layer_type_crypt.check(layer, diag);
}

static int luks_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	const struct luks_fields *f = luks_fields(layer);
	uint64_t sectors = 0, fixed;

	int r = layer_type_crypt.length(layer, below, &sectors, diag);
	if (r < 0)
		return r;
	fixed = f->header && !f->crypt.integrity ? f->header->segment.size / SECTOR_SIZE : 0;
	if (fixed > sectors)
		return diag_set(diag, -ENOSPC,
			"the header wants %llu sectors of data, the device has %llu",
			(unsigned long long)fixed, (unsigned long long)sectors);
	*ret_sectors = fixed ?: sectors;
	return 0;
}

static int luks_below(const struct layer *layer, uint64_t sectors,
	uint64_t ret_below[LAYER_ROLES_MAX], struct diag *diag)
{
	if (luks_has_header_device(layer))
		ret_below[1] = LUKS2_DETACHED_SIZE / SECTOR_SIZE;
	return layer_type_crypt.below(layer, sectors, ret_below, diag);
}

static uint32_t luks_block_size(const struct layer *layer)
{
	return layer_type_crypt.block_size(layer);
}

static const struct luks2 *luks_keyslots(const struct layer *layer)
{
	return luks_fields(layer)->header;
}

/* What the configuration says, or the default; a header may yet say otherwise. */
static void luks_algorithms(const struct layer *layer, struct buf *buf)
{
	layer_type_crypt.algorithms(layer, buf);
}

static void luks_table(const struct layer *layer, struct dmtable *t)
{
	if (luks_fields(layer)->header) {
		layer_type_crypt.table(layer, t);
		return;
	}
	dmtable_unknown(t, "", "cipher");
	dmtable_unknown(t, "", "key");
	dmtable_unknown(t, "", "skip");
	dmtable_device(t, "", "data");
	dmtable_unknown(t, "", "offset");
}

static void luks_done(struct layer *layer)
{
	free(luks_fields(layer)->header);
}

const struct layer_type layer_type_luks = {
	.name = "luks",
	.dm_target = "crypt",
	.version = { 1, 18, 1 },
	.summary = "encryption with a LUKS2 header (dm-crypt)",
	.uuid_prefix = "crypt",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct luks_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_REQUIRED,
	.any_block_size = true,
	.key_wipe = true,
	.check = luks_check,
	.check_below = luks_check_below,
	.superblock = luks_superblock,
	.adopt = luks_adopt,
	.keyslots = luks_keyslots,
	.length = luks_length,
	.below = luks_below,
	.block_size = luks_block_size,
	.algorithms = luks_algorithms,
	.table = luks_table,
	.done = luks_done,
};
