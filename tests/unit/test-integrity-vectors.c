/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices of 8 MiB formatted from options alone, odd tag sizes and paddings among them. The digests
 * were made by other code, which was held against the kernel. Sector s of the content is the number
 * s, little endian, 64 times.
 */

#include "test.h"

#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "golden.h"
#include "hex.h"
#include "integrity-journal.h"
#include "journal-crypt.h"

#define DEVICE_SECTORS 16384
#define META_SECTORS   4096

#define K1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define K2 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define K3 "000102030405060708090a0b0c0d0e0f"

static const struct vector {
	const char *alg, *key, *journal_mac_key, *journal_crypt_key;
	struct integrity_format format;
	bool fix_hmac;
	uint64_t provided;
	const char *image; /* the begin of its sha256 */
	const char *tag0;  /* the begin of the first tag, or NULL */
} vectors[] = {
	{ "crc32c", NULL, NULL, NULL, { .tag_size = 4, .block_size = 512, .fix_padding = true },
		false, 15944, "d8d74614917a1f57cef9229633955d68", "c740e882" },
	{ "sha256", NULL, NULL, NULL, { .tag_size = 32, .block_size = 4096, .fix_padding = true },
		true, 15856, "f3b2e1192b5f328e85cd691cb9290594", "a37885a32e02e6c4" },
	{ "hmac(sha256)", K1, NULL, NULL,
		{ .tag_size = 32, .block_size = 4096, .fix_padding = true }, true, 15856,
		"a6b30d5bad26b3ea4229337cdab86849", "4cb63e082de09ddf" },
	{ "hmac(sha256)", K1, K2, NULL, { .tag_size = 32, .block_size = 4096, .fix_padding = true },
		true, 15856, "4ce0461588860cf650953b574cc5341b", NULL },
	{ "hmac(sha256)", K1, K2, NULL, { .tag_size = 32, .block_size = 512, .fix_padding = true },
		false, 14240, "2b0e525ce499cab96da1d68896c8c5fa", NULL },
	{ "sha256", NULL, K2, K3, { .tag_size = 32, .block_size = 512, .fix_padding = true }, true,
		14240, "65ba8b72e4fefe5ef1b683b6b73d52dc", NULL },
	{ "sha256", NULL, NULL, NULL, { .tag_size = 40, .block_size = 4096, .fix_padding = true },
		false, 15792, "938fc4c0b37f7117814a5b41cdf8abc9", NULL },
	{ "sha1", NULL, NULL, NULL, { .tag_size = 16, .block_size = 4096, .fix_padding = true },
		false, 15920, "d95fc9478dc7308a8f3520da75da8079", NULL },
	{ "xxhash64", NULL, NULL, NULL, { .tag_size = 8, .block_size = 4096, .start_sector = 4096 },
		false, 11632, "2fdc7d1928cace610502bab84ffb0180", NULL },
	{ "sha256", NULL, NULL, NULL,
		{ .tag_size = 7, .block_size = 512, .interleave_sectors = 64, .fix_padding = true },
		false, 14400, "7d56e073fd931cf3671a33430f424d41", NULL },
	{ "crc32", NULL, NULL, NULL, { .tag_size = 4, .block_size = 512, .fix_padding = true },
		false, 15944, "d391eeaf81ebb2c81ee7837dfe7e6efd", NULL },
	{ "sha256", NULL, NULL, NULL,
		{ .tag_size = 32,
			.block_size = 4096,
			.has_meta = true,
			.meta_sectors = META_SECTORS },
		true, 16384, "ec09860bf28e79492e78fce898a7198f", NULL },
};

struct image {
	const struct vector *vector;
	struct integrity_geometry geo;
	struct integrity_sb sb;
	struct digest *hash, *mac;
	struct journal_crypt *crypt;
	uint8_t *data, *meta;
};

static int section_mac(
	void *userdata, const void *data, size_t size, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE])
{
	struct image *image = userdata;

	memset(ret, 0, INTEGRITY_JOURNAL_MAC_SIZE);
	return digest_data(image->mac, data, size, ret);
}

static int section_encrypt(void *userdata, uint32_t section, uint8_t *data, size_t size)
{
	struct image *image = userdata;

	return journal_crypt_encrypt(image->crypt, section, data, size);
}

static struct digest *keyed_digest(const char *alg, const char *key_hex)
{
	_cleanup_(secret_freep) struct secret *key = key_hex ? golden_secret(key_hex) : NULL;
	struct digest *digest = NULL;

	assert_int_equal(digest_new(alg, key, &digest), 0);
	return digest;
}

static void image_open(struct image *image, const struct vector *v)
{
	struct integrity_format format = v->format;
	uint8_t salt[INTEGRITY_SALT_SIZE] = {};
	uint32_t flags = 0;

	*image = (struct image){ .vector = v };
	format.data_sectors = DEVICE_SECTORS;
	format.journal_mac = v->journal_mac_key != NULL;
	assert_int_equal(integrity_geometry_format(&format, &image->geo, NULL), 0);
	assert_int_equal(image->geo.provided_sectors, v->provided);
	for (unsigned i = 0; v->fix_hmac && i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	flags |= v->fix_hmac ? INTEGRITY_SB_FIX_HMAC : 0;
	flags |= v->format.fix_padding ? INTEGRITY_SB_FIX_PADDING : 0;
	flags |= v->journal_mac_key ? INTEGRITY_SB_HAVE_JOURNAL_MAC : 0;
	integrity_geometry_sb(&image->geo, flags, salt, &image->sb);

	image->data = calloc(DEVICE_SECTORS, 512);
	image->meta = v->format.has_meta ? calloc(META_SECTORS, 512) : image->data;
	assert_true(image->data && image->meta);
	image->hash = keyed_digest(v->alg, v->key);
	if (v->fix_hmac)
		assert_int_equal(digest_set_prefix(image->hash, salt, sizeof(salt)), 0);
	if (v->journal_mac_key)
		image->mac = keyed_digest("hmac(sha256)", v->journal_mac_key);
	if (v->journal_crypt_key) {
		_cleanup_(secret_freep) struct secret *key = golden_secret(v->journal_crypt_key);

		assert_int_equal(
			journal_crypt_new("cbc(aes)", key, &image->geo, 4096, &image->crypt, NULL),
			0);
	}
}

static void image_done(struct image *image)
{
	digest_free(image->hash);
	digest_free(image->mac);
	journal_crypt_free(image->crypt);
	if (image->meta != image->data)
		free(image->meta);
	free(image->data);
}

static void write_head(struct image *image)
{
	const struct integrity_journal_ops ops = {
		.mac = image->mac ? section_mac : NULL,
		.encrypt = image->crypt ? section_encrypt : NULL,
		.userdata = image,
	};
	struct integrity_journal journal = {
		.geo = &image->geo,
		.ops = &ops,
		.fix_hmac = image->vector->fix_hmac,
	};
	uint8_t *at = image->meta + image->geo.start_sector * 512;

	integrity_sb_encode(&image->sb, at);
	if (integrity_sb_has_mac(&image->sb))
		assert_int_equal(digest_data(image->mac, at, 480, at + 480), 0);
	memcpy(journal.salt, image->sb.salt, sizeof(journal.salt));
	integrity_journal_commit_ids(NULL, journal.commit_ids);
	for (uint32_t i = 0; i < image->geo.journal_sections; i++)
		assert_int_equal(integrity_journal_section(&journal, i,
					 at + INTEGRITY_SB_SIZE +
						 (size_t)i * image->geo.section_sectors * 512),
			0);
}

static void write_block(struct image *image, uint64_t sector)
{
	uint8_t *data = image->data + integrity_data_sector(&image->geo, sector) * 512;
	uint8_t number[8], tag[INTEGRITY_TAG_SIZE_MAX] = {};
	const struct iovec iov[] = {
		{ number, sizeof(number) },
		{ data, image->geo.block_size },
	};

	for (uint32_t i = 0; i < image->geo.block_size; i += 8)
		put_le64(data + i, sector + i / 512);
	put_le64(number, sector);
	assert_int_equal(digest_vec(image->hash, iov, ARRAY_SIZE(iov), tag), 0);
	memcpy(image->meta + integrity_tag_byte(&image->geo, sector), tag, image->geo.tag_size);
}

static void check_begin(const uint8_t *bytes, const char *expected)
{
	char hex[65];

	assert_true(strlen(expected) < sizeof(hex));
	hex_encode(bytes, strlen(expected) / 2, hex);
	assert_string_equal(hex, expected);
}

static void check_vector(const struct vector *v)
{
	_cleanup_(digest_freep) struct digest *sha256 = keyed_digest("sha256", NULL);
	uint8_t digest[32];
	struct image image;

	image_open(&image, v);
	write_head(&image);
	for (uint64_t s = 0; s < image.geo.provided_sectors; s += image.geo.block_size / 512)
		write_block(&image, s);
	assert_int_equal(
		digest_data(sha256, image.meta,
			(size_t)(v->format.has_meta ? META_SECTORS : DEVICE_SECTORS) * 512, digest),
		0);
	check_begin(digest, v->image);
	if (v->tag0)
		check_begin(image.meta + integrity_tag_byte(&image.geo, 0), v->tag0);
	image_done(&image);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		check_vector(&vectors[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests_name("integrity-vectors", tests, NULL, NULL);
}
