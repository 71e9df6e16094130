/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "crypt": plain dm-crypt, with the key in the kernel keyring.
 */

#include "layer-crypt.h"

#include <errno.h>

#include "cipher-spec.h"
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

static int check_cipher(const struct layer *layer, struct cipher_spec *ret, struct diag *diag)
{
	int r = cipher_spec_parse(crypt_fields(layer)->cipher, ret, diag);

	if (r < 0)
		return diag_at(diag, r, "cipher");
	if (ret->iv == CIPHER_IV_RANDOM || startswith(ret->algorithm, "authenc("))
		return diag_set(diag, -EOPNOTSUPP,
			"cipher: \"%s\" needs room for tags, which plain encryption has not",
			crypt_fields(layer)->cipher);
	return 0;
}

static int crypt_check(const struct layer *layer, struct diag *diag)
{
	struct crypt_fields *f = crypt_fields(layer);
	struct cipher_spec spec;

	int r = check_cipher(layer, &spec, diag);
	if (r < 0)
		return r;
	if (f->key_bits == 0)
		f->key_bits = spec.mode == CIPHER_MODE_XTS ? 512 : 256;
	if (!cipher_spec_key_size_fits(&spec, f->key_bits / 8))
		return diag_set(diag, -EINVAL, "size: %s takes a key of %s, not of %llu bits",
			f->cipher, cipher_spec_key_sizes(&spec) ?: "another size",
			(unsigned long long)f->key_bits);
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
	if (f->sector_size != SECTOR_SIZE)
		dmtable_option(t, "sector_size:%llu", (unsigned long long)f->sector_size);
	if (f->iv_large_sectors)
		dmtable_option(t, "iv_large_sectors");
	dmtable_end_options(t, false);
}

const struct layer_type layer_type_crypt = {
	.name = "crypt",
	.dm_target = "crypt",
	.version = { 1, 18, 1 },
	.summary = "encryption (plain dm-crypt)",
	.uuid_prefix = "crypt",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct crypt_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_REQUIRED,
	.check = crypt_check,
	.key_size = crypt_key_size,
	.length = crypt_length,
	.below = crypt_below,
	.block_size = crypt_block_size,
	.table = crypt_table,
};
