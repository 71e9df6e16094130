/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The cipher argument of a dm-crypt table, taken apart. Both notations of the kernel's
 * Documentation/admin-guide/device-mapper/dm-crypt.rst are read:
 *
 *	cipher[:keycount]-chainmode-ivmode[:ivopts]     aes-cbc-essiv:sha256
 *	capi:cipher_api_spec-ivmode[:ivopts]            capi:xts(aes)-plain64
 */

#include "diag.h"
#include "macro.h"

#define CIPHER_IV_SIZE_MAX     32
#define CIPHER_SECTOR_SIZE_MIN 512
#define CIPHER_SECTOR_SIZE_MAX 4096

enum cipher_mode {
	CIPHER_MODE_OTHER, /* one that is not computed offline */
	CIPHER_MODE_ECB,
	CIPHER_MODE_CBC,
	CIPHER_MODE_XTS,
	CIPHER_MODE_ADIANTUM, /* over xchacha12 or xchacha20 */
};

enum cipher_iv {
	CIPHER_IV_OTHER,
	CIPHER_IV_NONE, /* ecb has none */
	CIPHER_IV_NULL,
	CIPHER_IV_PLAIN,
	CIPHER_IV_PLAIN64,
	CIPHER_IV_PLAIN64BE,
	CIPHER_IV_ESSIV,
	CIPHER_IV_BENBI,
	CIPHER_IV_EBOIV,
	CIPHER_IV_RANDOM, /* stored in the tags: with an integrity profile only */
};

struct cipher_spec {
	char algorithm[64]; /* crypto API name: xts(aes), cbc(aes), adiantum(xchacha12,aes) ... */
	char cipher[32];    /* aes, xchacha12 ...; "" where the API name is not mode(cipher) */
	char iv_name[16];   /* plain64, essiv ...; "" if none */
	char iv_opts[32];   /* sha256 of essiv:sha256, else "" */
	enum cipher_mode mode;
	enum cipher_iv iv;
	uint32_t block_size; /* bytes, where IVs depend on it; 0: unknown */
	uint32_t iv_size;    /* bytes; 0 for ecb or unknown */
	bool capi;	     /* written in the capi: notation */
};

/* -EINVAL: it does not follow either notation. A cipher not known here is no error. */
int cipher_spec_parse(const char *text, struct cipher_spec *ret, struct diag *diag) _must_check_;

/* True if dmstack can compute it without the kernel (cipher_new() takes it). */
_pure_ bool cipher_spec_is_offline(const struct cipher_spec *spec);

/* True if a volume key of so many bytes fits; true for all sizes if the cipher is not known. */
_pure_ bool cipher_spec_key_size_fits(const struct cipher_spec *spec, size_t size);
/* The key sizes for a message, such as "32 or 64 bytes"; NULL if not known. */
_pure_ const char *cipher_spec_key_sizes(const struct cipher_spec *spec);
