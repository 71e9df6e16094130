/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PEM by libcrypto.
 */

#include "public-key.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "cleanup.h"
#include "fd.h"

#define FILE_MAX 65536 /* bytes */

static void key_freep(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static EVP_PKEY *key_read(const char *text, size_t size)
{
	BIO *bio = BIO_new_mem_buf(text, (int)size);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	(void)BIO_free(bio);
	return key;
}

int public_key_read(const char *path, uint8_t ret_x[PUBLIC_KEY_COORDINATE],
	uint8_t ret_y[PUBLIC_KEY_COORDINATE], struct diag *diag)
{
	_cleanup_(key_freep) EVP_PKEY *key = NULL;
	_cleanup_free_ char *text = NULL;
	uint8_t point[1 + 2 * PUBLIC_KEY_COORDINATE];
	char group[32] = "";
	size_t size, n;
	int r;

	r = file_read(AT_FDCWD, path, FILE_MAX, &text, &size);
	if (r < 0)
		return diag_set(diag, r, "cannot read the public key %s: %s", path, strerror(-r));
	key = key_read(text, size);
	if (!key)
		return diag_set(diag, -EINVAL, "%s is no public key in PEM", path);
	/* The uncompressed point: 4, x, y. */
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
		!streq(group, "prime256v1") ||
		EVP_PKEY_set_utf8_string_param(
			key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1 ||
		EVP_PKEY_get_octet_string_param(
			key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) != 1 ||
		n != sizeof(point) || point[0] != 4)
		return diag_set(diag, -EINVAL, "%s is no key of ECC P-256", path);
	memcpy(ret_x, point + 1, PUBLIC_KEY_COORDINATE);
	memcpy(ret_y, point + 1 + PUBLIC_KEY_COORDINATE, PUBLIC_KEY_COORDINATE);
	return 0;
}
