/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "cleanup.h"
#include "fd.h"
#include "golden.h"
#include "hex.h"

#define DATA "../golden/data"

struct json_object *golden_load(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), DATA "/%s/params.json", name);
	struct json_object *o = json_object_from_file(path);
	if (!o)
		fail_msg("%s: cannot be read", path);
	return o;
}

uint8_t *golden_file(const char *name, const char *file, size_t *ret_size)
{
	char path[256], *data = NULL;

	(void)snprintf(path, sizeof(path), DATA "/%s/%s", name, file);
	return file_read(AT_FDCWD, path, 1 << 20, &data, ret_size) < 0 ? NULL : (uint8_t *)data;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **golden_list(const char *prefix)
{
	char **list = calloc(256, sizeof(*list));
	size_t n = 0;
	DIR *dir = opendir(DATA);

	assert_non_null(list);
	assert_non_null(dir);
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (!startswith(d->d_name, prefix))
			continue;
		assert_true(n < 255);
		list[n] = strdup(d->d_name);
		assert_non_null(list[n++]);
	}
	(void)closedir(dir);
	assert_true(n > 0);
	qsort(list, n, sizeof(*list), compare);
	return list;
}

void golden_free_list(char **list)
{
	for (char **p = list; *p; p++)
		free(*p);
	free(list);
}

struct json_object *golden_get(struct json_object *o, const char *path)
{
	char name[64];

	while (o && *path) {
		size_t size = strcspn(path, ".");

		assert_true(size > 0 && size < sizeof(name));
		memcpy(name, path, size);
		name[size] = '\0';
		path += size + (path[size] == '.');
		if (json_object_is_type(o, json_type_array))
			o = json_object_array_get_idx(o, strtoul(name, NULL, 10));
		else
			o = json_object_object_get(o, name);
	}
	return o;
}

static struct json_object *must_get(struct json_object *o, const char *path)
{
	o = golden_get(o, path);
	if (!o)
		fail_msg("golden: no %s", path);
	return o;
}

const char *golden_str(struct json_object *o, const char *path)
{
	return json_object_get_string(must_get(o, path));
}

uint64_t golden_u64(struct json_object *o, const char *path)
{
	o = must_get(o, path);
	assert_true(json_object_is_type(o, json_type_int));
	return json_object_get_uint64(o);
}

uint64_t golden_u64_or_zero(struct json_object *o, const char *path)
{
	return golden_get(o, path) ? golden_u64(o, path) : 0;
}

bool golden_flag(struct json_object *o, const char *path)
{
	o = golden_get(o, path);
	return o && json_object_get_boolean(o);
}

uint8_t *golden_hex(struct json_object *o, const char *path, size_t *ret_size)
{
	uint8_t *bytes = NULL;

	assert_int_equal(hex_parse(golden_str(o, path), &bytes, ret_size), 0);
	return bytes;
}

struct secret *golden_secret(const char *hex)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct secret *s = NULL;
	size_t size;

	assert_int_equal(hex_parse(hex, &bytes, &size), 0);
	assert_int_equal(secret_new_from(bytes, size, false, &s), 0);
	return s;
}

/* AES-128-CTR of zeros with a zero IV: the block number is the counter. */
void golden_plain(uint64_t offset, void *ret, size_t size)
{
	static const uint8_t key[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
		0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	uint8_t iv[16] = {}, skipped[16] = {};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0;

	for (unsigned i = 0; i < 8; i++)
		iv[15 - i] = (uint8_t)(offset / 16 >> (8 * i));
	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, skipped, &done, skipped, (int)(offset % 16)), 1);
	memset(ret, 0, size);
	assert_int_equal(EVP_EncryptUpdate(ctx, ret, &done, ret, (int)size), 1);
	assert_int_equal(done, (int)size);
	EVP_CIPHER_CTX_free(ctx);
}

void golden_assert_sha256(const void *data, size_t size, const char *expected)
{
	uint8_t digest[32];
	char hex[65];

	assert_int_equal(EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL), 1);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex, expected);
}
