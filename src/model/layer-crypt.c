/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "crypt": plain dm-crypt, with the key in the kernel keyring.
 */

#include "layer-crypt.h"

#include <errno.h>

#include "cipher-spec.h"
#include "layer-integrity.h"
#include "overflow.h"

#define FIELD(n, k, member, ...)                                                                   \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct crypt_fields, member),         \
		__VA_ARGS__                                                                        \
	}

static const struct field fields[] = {
	FIELD("cipher", FIELD_STRING, cipher, .min = 3, .max = 127, .dflt = "aes-xts-plain64",
		.help = "The cipher as dm-crypt takes it, in either notation."),
	FIELD("size", FIELD_U64, key_bits, .min = 64, .max = 8192, .multiple = 8, .unit = "bits",
		.help = "The size of the key; 512 for xts and 256 for other modes if not given."),
	FIELD("sector-size", FIELD_SIZE, sector_size, .min = 512, .max = 4096, .flags = FIELD_POW2,
		.dflt = "512", .unit = "bytes", .help = "The unit of encryption."),
	FIELD("offset", FIELD_U64, offset, .max = UINT64_C(1) << 52, .dflt = "0", .unit = "sectors",
		.help = "Where the encrypted data begins on the device below."),
	FIELD("skip", FIELD_U64, skip, .max = UINT64_C(1) << 52, .dflt = "0", .unit = "sectors",
		.help = "Added to the sector number before the IV is made of it."),
	FIELD("integrity", FIELD_STRING, integrity, .min = 4, .max = 31,
		.help = "Authenticated encryption, on an integrity layer that keeps the tags: "
			"hmac-sha256, hmac-sha512 ..., or with a cipher that authenticates itself "
			"*aead* (aes-gcm-random, aes-ccm-random, aegis128-random) or *poly1305* "
			"(chacha20-random); *none* keeps a random IV only."),
	FIELD("integrity-key-size", FIELD_U64, integrity_key_size, .min = 8, .max = 512,
		.unit = "bytes",
		.help = "The size of the MAC's key, which is the end of the key; that of its digest "
			"if not given. Other sizes need Linux 6.12."),
	FIELD("tag-size", FIELD_U64, tag_size, .min = 1, .max = 255, .unit = "bytes",
		.help = "How much of each tag below is used. Less than the algorithm gives cuts the "
			"authentication tag."),
	FIELD("iv-large-sectors", FIELD_BOOL, iv_large_sectors,
		.help = "Count IVs in units of *sector-size* and not of 512 bytes."),
	FIELD("same-cpu-crypt", FIELD_BOOL, same_cpu_crypt,
		.help = "Encrypt on the CPU that asked for it."),
	FIELD("submit-from-crypt-cpus", FIELD_BOOL, submit_from_crypt_cpus,
		.help = "Do not hand writes to a thread of their own after encryption."),
	FIELD("no-read-workqueue", FIELD_BOOL, no_read_workqueue,
		.help = "Decrypt at once and not in a workqueue."),
	FIELD("no-write-workqueue", FIELD_BOOL, no_write_workqueue,
		.help = "Encrypt at once and not in a workqueue."),
};

static const struct role roles[] = {
	{ "data", true, "The device with the ciphertext." },
};

static const char *const modules[] = { "dm_crypt", NULL };

int crypt_layer_aead(const struct layer *layer, struct aead_spec *ret, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);

	if (!f->integrity)
		return -ENODATA;
	int r = aead_spec_parse(
		f->cipher, f->integrity, (uint32_t)f->integrity_key_size, ret, diag);
	return r < 0 ? diag_at(diag, r, "cipher") : 0;
}

uint32_t crypt_tag_size(const struct layer *layer)
{
	const struct crypt_fields *f = crypt_fields(layer);
	struct aead_spec spec;

	if (f->tag_size)
		return (uint32_t)f->tag_size;
	return crypt_layer_aead(layer, &spec, NULL) < 0 ? 0 : aead_spec_tag_size(&spec);
}

static int check_plain(const struct layer *layer, struct diag *diag)
{
	struct crypt_fields *f = crypt_fields(layer);
	struct cipher_spec spec;

	int r = cipher_spec_parse(f->cipher, &spec, diag);
	if (r < 0)
		return diag_at(diag, r, "cipher");
	if (spec.iv == CIPHER_IV_RANDOM || startswith(spec.algorithm, "authenc("))
		return diag_set(diag, -EINVAL,
			"cipher: \"%s\" needs room for tags: integrity= and an integrity layer below",
			f->cipher);
	if (f->integrity_key_size || f->tag_size)
		return diag_set(diag, -EINVAL, "%s: goes with integrity= only",
			f->tag_size ? "tag-size" : "integrity-key-size");
	if (f->key_bits == 0)
		f->key_bits = spec.mode == CIPHER_MODE_XTS ? 512 : 256;
	if (!cipher_spec_key_size_fits(&spec, f->key_bits / 8))
		return diag_set(diag, -EINVAL, "size: %s takes a key of %s, not of %llu bits",
			f->cipher, cipher_spec_key_sizes(&spec) ?: "another size",
			(unsigned long long)f->key_bits);
	return 0;
}

static int check_aead(const struct layer *layer, struct diag *diag)
{
	struct crypt_fields *f = crypt_fields(layer);
	struct aead_spec spec;

	int r = crypt_layer_aead(layer, &spec, diag);
	if (r < 0)
		return r;
	if (f->key_bits == 0)
		f->key_bits = aead_spec_key_size(&spec) * 8;
	if (!aead_spec_key_size_fits(&spec, f->key_bits / 8))
		return diag_set(diag, -EINVAL,
			"size: a key of %llu bits does not fit %s with integrity=%s, whose usual one "
			"has %zu",
			(unsigned long long)f->key_bits, f->cipher, f->integrity,
			aead_spec_key_size(&spec) * 8);
	uint32_t iv_size = spec.iv_stored ? spec.iv_size : 0;
	bool authenticates = spec.kind != AEAD_RANDOM;
	if (f->tag_size &&
		(f->tag_size > aead_spec_tag_size(&spec) || f->tag_size < iv_size + authenticates))
		return diag_set(diag, -EINVAL, "tag-size: %llu bytes, %s with integrity=%s has %u",
			(unsigned long long)f->tag_size, f->cipher, f->integrity,
			aead_spec_tag_size(&spec));
	if (layer->common.discard)
		return diag_set(diag, -EINVAL, "discard: not possible with integrity=");
	if (f->offset)
		return diag_set(diag, -EINVAL, "offset: not possible with integrity=");
	if (!authenticates && layer->common.phase == PHASE_SEALED)
		return diag_set(diag, -EINVAL,
			"integrity: none authenticates nothing, and is not possible in the sealed "
			"phase");
	return 0;
}

static int crypt_check(const struct layer *layer, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);

	int r = f->integrity ? check_aead(layer, diag) : check_plain(layer, diag);
	if (r < 0)
		return r;
	if (f->skip % (f->sector_size / SECTOR_SIZE))
		return diag_set(diag, -EINVAL,
			"skip: %llu sectors are not a multiple of sector-size",
			(unsigned long long)f->skip);
	if (f->iv_large_sectors && f->sector_size == SECTOR_SIZE)
		return diag_set(
			diag, -EINVAL, "iv-large-sectors: means nothing with a sector-size of 512");
	if (layer->common.device_size % f->sector_size)
		return diag_set(diag, -EINVAL, "device-size: not a multiple of sector-size");
	return 0;
}

/* Tags go to an integrity layer that keeps them, block for sector. */
static int crypt_check_below(
	const struct layer *layer, const struct layer *below, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);
	bool store =
		below && streq(below->type->name, "integrity") && integrity_is_tag_store(below);

	if (!f->integrity && store)
		return diag_set(diag, -EINVAL,
			"\"%s\" keeps tags (integrity-algorithm=none), but there is no integrity= here",
			below->name);
	if (!f->integrity)
		return 0;
	if (!store)
		return diag_set(diag, -EINVAL,
			"integrity: needs an integrity layer with integrity-algorithm=none right "
			"below");
	if (integrity_fields(below)->sector_size != f->sector_size)
		return diag_set(diag, -EINVAL,
			"sector-size: %llu bytes here, %llu on \"%s\"; they must be equal",
			(unsigned long long)f->sector_size,
			(unsigned long long)integrity_fields(below)->sector_size, below->name);
	if (integrity_tag_size(below) < crypt_tag_size(layer))
		return diag_set(diag, -EINVAL, "integrity: needs tags of %u bytes, \"%s\" has %u",
			crypt_tag_size(layer), below->name, integrity_tag_size(below));
	return 0;
}

static size_t crypt_key_size(const struct layer *layer)
{
	return crypt_fields(layer)->key_bits / 8;
}

static int crypt_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);

	if (f->offset >= below[0])
		return diag_set(diag, -ENOSPC,
			"offset: sector %llu is behind the end of the device (%llu sectors)",
			(unsigned long long)f->offset, (unsigned long long)below[0]);
	*ret_sectors = align_down_u64(below[0] - f->offset, f->sector_size / SECTOR_SIZE);
	return 0;
}

static int crypt_below(const struct layer *layer, uint64_t sectors,
	uint64_t ret_below[LAYER_ROLES_MAX], struct diag *diag)
{
	const struct crypt_fields *f = crypt_fields(layer);

	if (align_up_overflows(sectors, f->sector_size / SECTOR_SIZE, &ret_below[0]) ||
		add_overflows(ret_below[0], f->offset, &ret_below[0]))
		return diag_set(diag, -EOVERFLOW, "offset: the device would be too large");
	return 0;
}

static uint32_t crypt_block_size(const struct layer *layer)
{
	return (uint32_t)crypt_fields(layer)->sector_size;
}

static void crypt_table(const struct layer *layer, struct dmtable *t)
{
	const struct crypt_fields *f = crypt_fields(layer);
	_cleanup_free_ char *key = layer_key_description(layer, NULL);

	if (!key) {
		t->error = -ENOMEM;
		return;
	}
	struct aead_spec aead;
	bool has_aead = crypt_layer_aead(layer, &aead, NULL) >= 0;

	if (has_aead)
		dmtable_text(t, "capi:%s-%s", aead.algorithm, aead.iv_words);
	else
		dmtable_text(t, "%s", f->cipher);
	dmtable_text(t, ":%llu:logon:%s", (unsigned long long)(f->key_bits / 8), key);
	dmtable_text(t, "%llu", (unsigned long long)f->skip);
	dmtable_device(t, "", "data");
	dmtable_text(t, "%llu", (unsigned long long)f->offset);

	dmtable_begin_options(t);
	if (layer->common.discard)
		dmtable_option(t, "allow_discards");
	if (f->same_cpu_crypt)
		dmtable_option(t, "same_cpu_crypt");
	if (f->submit_from_crypt_cpus)
		dmtable_option(t, "submit_from_crypt_cpus");
	if (f->no_read_workqueue)
		dmtable_option(t, "no_read_workqueue");
	if (f->no_write_workqueue)
		dmtable_option(t, "no_write_workqueue");
	if (has_aead)
		dmtable_option(t, "integrity:%u:%s", crypt_tag_size(layer),
			aead.kind == AEAD_RANDOM ? "none" : "aead");
	if (f->sector_size != SECTOR_SIZE)
		dmtable_option(t, "sector_size:%llu", (unsigned long long)f->sector_size);
	if (f->iv_large_sectors)
		dmtable_option(t, "iv_large_sectors");
	if (has_aead && aead.mac_key_size && !aead.mac_key_is_default)
		dmtable_option(t, "integrity_key_size:%u", aead.mac_key_size);
	dmtable_end_options(t, false);
}

static void crypt_algorithms(const struct layer *layer, struct buf *buf)
{
	struct cipher_spec cipher;
	struct aead_spec aead;

	if (crypt_layer_aead(layer, &aead, NULL) >= 0)
		buf_printf(buf, " %s", aead.algorithm);
	if (cipher_spec_parse(crypt_fields(layer)->cipher, &cipher, NULL) < 0)
		return;
	buf_printf(buf, " %s", cipher.algorithm);
	if (cipher.iv == CIPHER_IV_ESSIV)
		buf_printf(buf, " essiv(%s,%s)", cipher.algorithm, cipher.iv_opts);
	if (cipher.iv == CIPHER_IV_EBOIV)
		buf_printf(buf, " ecb(%s)", cipher.cipher);
}

const struct layer_type layer_type_crypt = {
	.name = "crypt",
	.dm_target = "crypt",
	.version = { 1, 18, 1 },
	.summary = "encryption, plain or authenticated (dm-crypt)",
	.uuid_prefix = "crypt",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct crypt_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_REQUIRED,
	.any_block_size = true,
	.key_wipe = true,
	.early = true,
	.check = crypt_check,
	.check_below = crypt_check_below,
	.key_size = crypt_key_size,
	.length = crypt_length,
	.below = crypt_below,
	.block_size = crypt_block_size,
	.algorithms = crypt_algorithms,
	.table = crypt_table,
};
