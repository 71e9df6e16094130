/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "verity": read-only data under a hash tree, whose root the configuration holds.
 */

#include "layer-verity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alg.h"
#include "overflow.h"
#include "verity-sb.h"

#define SIGNATURE_USE "signature"

#define FIELD(n, k, member, ...)                                                                   \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct verity_fields, member),        \
		__VA_ARGS__                                                                        \
	}

static const char *const on_corruption_words[] = {
	[VERITY_EIO] = "eio",
	[VERITY_IGNORE] = "ignore",
	[VERITY_RESTART] = "restart",
	[VERITY_PANIC] = "panic",
	[_VERITY_ON_CORRUPTION_MAX] = NULL,
};
static const char *const on_corruption_options[] = {
	[VERITY_EIO] = NULL,
	[VERITY_IGNORE] = "ignore_corruption",
	[VERITY_RESTART] = "restart_on_corruption",
	[VERITY_PANIC] = "panic_on_corruption",
};
static const char *const on_error_words[] = { "eio", "restart", "panic", NULL };
static const char *const on_error_options[] = { NULL, "restart_on_error", "panic_on_error" };

static const struct field fields[] = {
	FIELD("root-hash", FIELD_HEX, root_hash, .min = 16, .max = 64,
		.flags = FIELD_REQUIRED | FIELD_RESULT, .help = "The digest of the tree's top."),
	FIELD("root-hash-signature", FIELD_KEYREF, signature,
		.help = "Where the PKCS#7 signature of the root hash is: a path or a credential."),
	FIELD("hash-algorithm", FIELD_STRING, hash, .min = 1, .max = VERITY_ALG_SIZE_MAX,
		.dflt = "sha256", .flags = FIELD_FROM_DISK,
		.help = "The hash (*hash=* in veritytab, where no device has that name)."),
	FIELD("salt", FIELD_HEX, salt, .max = VERITY_SALT_SIZE_MAX, .flags = FIELD_FROM_DISK,
		.help = "Hashed with every block; - for none."),
	FIELD("format", FIELD_U64, format, .max = 1, .dflt = "1", .flags = FIELD_FROM_DISK,
		.help = "1, or 0 as Chrome OS wrote it first."),
	FIELD("data-block-size", FIELD_SIZE, data_block_size, .min = VERITY_BLOCK_SIZE_MIN,
		.max = VERITY_BLOCK_SIZE_MAX, .dflt = "4096", .unit = "bytes",
		.flags = FIELD_POW2 | FIELD_FROM_DISK, .help = "The block that a digest covers."),
	FIELD("hash-block-size", FIELD_SIZE, hash_block_size, .min = VERITY_BLOCK_SIZE_MIN,
		.max = VERITY_BLOCK_SIZE_MAX, .dflt = "4096", .unit = "bytes",
		.flags = FIELD_POW2 | FIELD_FROM_DISK, .help = "The block of the tree."),
	FIELD("data-blocks", FIELD_U64, data_blocks, .max = UINT64_C(1) << 48, .unit = "blocks",
		.flags = FIELD_FROM_DISK,
		.help = "How many blocks are covered. Needed without a superblock."),
	FIELD("hash-offset", FIELD_SIZE, hash_offset, .multiple = SECTOR_SIZE, .dflt = "0",
		.unit = "bytes", .help = "Where the superblock, or else the tree, begins."),
	FIELD("superblock", FIELD_BOOL, superblock, .dflt = "yes",
		.help = "Whether a superblock precedes the tree."),
	FIELD("uuid", FIELD_UUID, uuid, .flags = FIELD_FROM_DISK,
		.help = "The UUID in the superblock."),
	FIELD("fec-offset", FIELD_SIZE, fec_offset, .dflt = "0", .unit = "bytes",
		.help = "Where the parity begins on the fec device."),
	FIELD("fec-roots", FIELD_U64, fec_roots, .min = VERITY_FEC_ROOTS_MIN,
		.max = VERITY_FEC_ROOTS_MAX, .dflt = "2", .unit = "bytes",
		.help = "Parity bytes of a code word."),
	FIELD("fec-blocks", FIELD_U64, fec_blocks, .max = UINT64_C(1) << 48, .unit = "blocks",
		.flags = FIELD_RESULT,
		.help = "How many blocks the parity covers. Needed with a fec device."),
	FIELD("on-corruption", FIELD_ENUM, on_corruption, .choices = on_corruption_words,
		.dflt = "eio", .help = "What a block with a wrong digest does."),
	FIELD("on-error", FIELD_ENUM, on_error, .choices = on_error_words, .dflt = "eio",
		.help = "What a block that cannot be read does (Linux 6.12)."),
	FIELD("ignore-zero-blocks", FIELD_BOOL, ignore_zero_blocks,
		.help = "Do not read blocks whose digest is that of zeros."),
	FIELD("check-at-most-once", FIELD_BOOL, check_at_most_once,
		.help = "Check a block the first time only."),
};

static const struct role roles[] = {
	{ "data", true, "The device with the data." },
	{ "hash", false, "The device with the tree; the data device if not given." },
	{ "fec", false, "The device with the parity of forward error correction." },
};

static const char *const modules[] = { "dm_verity", "dm_bufio", NULL };

static int check_sizes(const struct layer *layer, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(layer);

	if (layer->common.device_size % f->data_block_size)
		return diag_set(diag, -EINVAL, "device-size: not a multiple of data-block-size");
	if (layer_device(layer, "fec") && !(f->fec_offset % f->data_block_size == 0))
		return diag_set(diag, -EINVAL, "fec-offset: not a multiple of data-block-size");
	if (layer_device(layer, "fec") && f->data_block_size != f->hash_block_size)
		return diag_set(diag, -EINVAL, "fec: data and hash blocks must be of one size");
	return 0;
}

static int verity_check(const struct layer *layer, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->hash);

	if (!alg || alg->keyed || alg->size < 16)
		return diag_set(
			diag, -EINVAL, "hash-algorithm: \"%s\" is not a hash for a tree", f->hash);
	if (f->root_hash.size && f->root_hash.size != alg->size)
		return diag_set(diag, -EINVAL, "root-hash: has %zu bytes, a digest of %s has %u",
			f->root_hash.size, f->hash, alg->size);
	if (f->on_corruption == VERITY_IGNORE && layer->common.phase == PHASE_SEALED)
		return diag_set(
			diag, -EINVAL, "on-corruption: ignore is not possible in the sealed phase");
	if (f->signature.kind != KEYREF_NONE && f->signature.kind != KEYREF_FILE &&
		f->signature.kind != KEYREF_CREDENTIAL)
		return diag_set(
			diag, -EINVAL, "root-hash-signature: neither a path nor credential:NAME");
	return check_sizes(layer, diag);
}

static const struct keyref *verity_public_key(const struct layer *layer, const char **ret_use)
{
	const struct verity_fields *f = verity_fields(layer);

	*ret_use = SIGNATURE_USE;
	return f->signature.kind == KEYREF_NONE ? NULL : &f->signature;
}

/* What the disk can still tell is not known before adopt(). */
static bool is_unknown(const struct layer *layer, const char *field)
{
	const struct verity_fields *f = verity_fields(layer);

	return f->superblock && !f->has_sb && !layer_is_set(layer, field);
}

static uint32_t verity_block_size(const struct layer *layer)
{
	return (uint32_t)verity_fields(layer)->data_block_size;
}

static int verity_superblock(const struct layer *layer, struct superblock_place *ret)
{
	const struct verity_fields *f = verity_fields(layer);

	if (!f->superblock)
		return -ENODATA;
	*ret = (struct superblock_place){
		.role = layer_device(layer, "hash") ? 1 : 0,
		.offset = f->hash_offset,
		.size = VERITY_SB_SIZE,
	};
	return 0;
}

static int differs(const char *field, struct diag *diag)
{
	return diag_set(diag, -EMEDIUMTYPE,
		"%s: the superblock has another one than the configuration", field);
}

/* A number that was given must be the disk's; else it is taken from there. */
static int adopt_number(const struct layer *layer, const char *field, uint64_t *value,
	uint64_t disk, struct diag *diag)
{
	if (layer_is_set(layer, field) && *value != disk)
		return diag_set(diag, -EMEDIUMTYPE,
			"%s: the superblock has %llu, the configuration %llu", field,
			(unsigned long long)disk, (unsigned long long)*value);
	*value = disk;
	return 0;
}

static int adopt_hash(const struct layer *layer, const struct verity_sb *sb, struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);

	if (layer_is_set(layer, "hash-algorithm") && !streq(f->hash, sb->algorithm))
		return differs("hash-algorithm", diag);
	const struct hash_alg *alg = hash_alg_find(sb->algorithm);
	if (!alg || alg->keyed || alg->size != f->root_hash.size)
		return diag_set(diag, -EMEDIUMTYPE,
			"hash-algorithm: the superblock has \"%s\", which does not fit the root hash",
			sb->algorithm);
	char *copy = strdup(sb->algorithm);
	if (!copy)
		return -ENOMEM;
	free(f->hash);
	f->hash = copy;
	return 0;
}

static int adopt_salt(const struct layer *layer, const struct verity_sb *sb, struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);

	if (layer_is_set(layer, "salt")) {
		if (f->salt.size != sb->salt_size ||
			(sb->salt_size && memcmp(f->salt.data, sb->salt, sb->salt_size) != 0))
			return differs("salt", diag);
		return 0;
	}
	uint8_t *copy = malloc(sb->salt_size + 1U);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, sb->salt, sb->salt_size);
	free(f->salt.data);
	f->salt = (struct hexval){ .data = copy, .size = sb->salt_size };
	return 0;
}

static int verity_adopt(struct layer *layer, const void *data, size_t size, struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);
	struct verity_sb sb;

	if (size < VERITY_SB_SIZE)
		return diag_set(diag, -ENODATA, "the device is too small for a superblock");
	int r = verity_sb_decode(data, &sb, diag);
	if (r < 0)
		return r;

	const struct {
		const char *field;
		uint64_t *value, disk;
	} numbers[] = {
		{ "format", &f->format, sb.hash_type },
		{ "data-block-size", &f->data_block_size, sb.data_block_size },
		{ "hash-block-size", &f->hash_block_size, sb.hash_block_size },
		{ "data-blocks", &f->data_blocks, sb.data_blocks },
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		r = adopt_number(layer, numbers[i].field, numbers[i].value, numbers[i].disk, diag);
		if (r < 0)
			return r;
	}
	r = adopt_hash(layer, &sb, diag);
	if (r < 0)
		return r;
	r = adopt_salt(layer, &sb, diag);
	if (r < 0)
		return r;
	if (layer_is_set(layer, "uuid") && memcmp(f->uuid, sb.uuid, sizeof(f->uuid)) != 0)
		return differs("uuid", diag);
	memcpy(f->uuid, sb.uuid, sizeof(f->uuid));
	f->has_sb = true;
	return 0;
}

static void number_word(
	const struct layer *layer, struct dmtable *t, const char *field, uint64_t value)
{
	if (is_unknown(layer, field))
		dmtable_unknown(t, "", field);
	else
		dmtable_text(t, "%llu", (unsigned long long)value);
}

/* The first hash block of the tree: behind the superblock, which has its block to itself. */
static void tree_start_word(const struct layer *layer, struct dmtable *t)
{
	const struct verity_fields *f = verity_fields(layer);
	uint64_t start = f->superblock ? div_round_up_u64(f->hash_offset + VERITY_SB_SIZE,
						 f->hash_block_size)
				       : f->hash_offset / f->hash_block_size;

	if (is_unknown(layer, "hash-block-size"))
		dmtable_unknown(t, "", "hash-block-size");
	else
		dmtable_text(t, "%llu", (unsigned long long)start);
}

static void hex_word(struct dmtable *t, const struct hexval *hex)
{
	_cleanup_(buf_done) struct buf text = {};

	buf_hex(&text, hex->data, hex->size);
	if (buf_error(&text) < 0)
		t->error = -ENOMEM;
	dmtable_text(t, "%s", hex->size ? buf_str(&text) : "-");
}

static void fec_options(const struct layer *layer, struct dmtable *t)
{
	const struct verity_fields *f = verity_fields(layer);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "fec_start", f->fec_offset / f->data_block_size },
		{ "fec_blocks", f->fec_blocks },
		{ "fec_roots", f->fec_roots },
	};

	dmtable_option(t, "use_fec_from_device");
	dmtable_option_device(t, "", "fec");
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		dmtable_option(t, "%s", numbers[i].name);
		dmtable_option(t, "%llu", (unsigned long long)numbers[i].value);
	}
}

/* The kernel finds the signature in its keyring by this name. */
static void signature_option(const struct layer *layer, struct dmtable *t)
{
	_cleanup_free_ char *description = layer_key_description(layer, SIGNATURE_USE);

	if (!description)
		t->error = -ENOMEM;
	dmtable_option(t, "root_hash_sig_key_desc");
	dmtable_option(t, "%s", description ?: "");
}

static void verity_table(const struct layer *layer, struct dmtable *t)
{
	const struct verity_fields *f = verity_fields(layer);

	number_word(layer, t, "format", f->format);
	dmtable_device(t, "", "data");
	dmtable_device(t, "", layer_device(layer, "hash") ? "hash" : "data");
	number_word(layer, t, "data-block-size", f->data_block_size);
	number_word(layer, t, "hash-block-size", f->hash_block_size);
	number_word(layer, t, "data-blocks", f->data_blocks);
	tree_start_word(layer, t);
	if (is_unknown(layer, "hash-algorithm"))
		dmtable_unknown(t, "", "hash-algorithm");
	else
		dmtable_text(t, "%s", f->hash);
	hex_word(t, &f->root_hash);
	if (is_unknown(layer, "salt"))
		dmtable_unknown(t, "", "salt");
	else
		hex_word(t, &f->salt);

	dmtable_begin_options(t);
	if (on_corruption_options[f->on_corruption])
		dmtable_option(t, "%s", on_corruption_options[f->on_corruption]);
	if (on_error_options[f->on_error])
		dmtable_option(t, "%s", on_error_options[f->on_error]);
	if (f->ignore_zero_blocks)
		dmtable_option(t, "ignore_zero_blocks");
	if (layer_device(layer, "fec"))
		fec_options(layer, t);
	if (f->check_at_most_once)
		dmtable_option(t, "check_at_most_once");
	if (f->signature.kind != KEYREF_NONE)
		signature_option(layer, t);
	dmtable_end_options(t, false);
}

static void verity_algorithms(const struct layer *layer, struct buf *buf)
{
	buf_printf(buf, " %s", hash_alg_find(verity_fields(layer)->hash)->kernel);
}

/* The version of the target did not change with these options, so that it cannot be asked. */
static const char *verity_refusal_hint(const struct layer *layer)
{
	if (verity_fields(layer)->on_error == 0)
		return NULL;
	return "on-error needs Linux 6.12 or later; without it, on-error=eio with on-corruption comes "
	       "nearest: a block that cannot be read is then an error for the reader";
}

const struct layer_type layer_type_verity = {
	.name = "verity",
	.dm_target = "verity",
	.version = { 1, 3, 0 },
	.summary = "read-only data under a hash tree (dm-verity)",
	.uuid_prefix = "verity",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct verity_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_NEVER,
	.read_only = true,
	.early = true,
	.check = verity_check,
	.public_key = verity_public_key,
	.superblock = verity_superblock,
	.adopt = verity_adopt,
	.length = verity_length,
	.below = verity_below,
	.block_size = verity_block_size,
	.algorithms = verity_algorithms,
	.table = verity_table,
	.refusal_hint = verity_refusal_hint,
};
