/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole dm-integrity devices, made of superblock, journal and tags, against the sha256 of those
 * that the kernel wrote: after format, and after writing and closing.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "golden.h"
#include "integrity-journal.h"
#include "journal-crypt.h"

/* One golden device while it is rebuilt. */
struct device {
	struct json_object *params;
	struct json_object *options; /* of the table */
	struct integrity_sb sb;
	struct integrity_geometry geo;
	struct digest *hash;	     /* of the tags */
	struct digest *journal_mac;  /* or NULL */
	struct journal_crypt *crypt; /* or NULL */
	uint8_t *data, *meta;	     /* the same without a metadata device */
	size_t data_size, meta_size; /* bytes */
	bool has_meta;
};

/* "hmac(sha256):KEY" or "sha256"; NULL if the table has no such option. */
static struct digest *option_digest(struct json_object *options, const char *name)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct digest *digest = NULL;

	if (!golden_get(options, name))
		return NULL;
	text = strdup(golden_str(options, name));
	assert_non_null(text);
	char *colon = strchr(text, ':');
	if (colon) {
		*colon = '\0';
		key = golden_secret(colon + 1);
	}
	assert_int_equal(digest_new(text, key, &digest), 0);
	return digest;
}

static struct journal_crypt *option_crypt(
	struct json_object *options, const struct integrity_geometry *geo)
{
	_cleanup_free_ char *text = NULL;
	struct journal_crypt *crypt = NULL;

	if (!golden_get(options, "journal_crypt"))
		return NULL;
	text = strdup(golden_str(options, "journal_crypt"));
	assert_non_null(text);
	char *colon = strchr(text, ':');
	assert_non_null(colon);
	*colon = '\0';
	_cleanup_(secret_freep) struct secret *key = golden_secret(colon + 1);
	assert_int_equal(journal_crypt_new(text, key, geo, 4096, &crypt, NULL), 0);
	return crypt;
}

static struct json_object *find_image(struct json_object *params, const char *name)
{
	struct json_object *images = golden_get(params, "images");

	for (size_t i = 0; i < json_object_array_length(images); i++) {
		struct json_object *image = json_object_array_get_idx(images, i);

		if (streq(golden_str(image, "name"), name))
			return image;
	}
	return NULL;
}

static void read_superblock(struct device *d, struct json_object *image)
{
	uint8_t data[INTEGRITY_SB_SIZE] = {};
	size_t size;
	_cleanup_free_ uint8_t *bytes = golden_hex(image, "superblock.hex", &size);

	assert_true(size <= sizeof(data));
	memcpy(data, bytes, size);
	assert_int_equal(integrity_sb_decode(data, &d->sb, NULL), 0);
}

/* state: "" or "formatted.", as in data.formatted.img. */
static void device_open(struct device *d, struct json_object *params, const char *state)
{
	char name[64];
	struct json_object *parsed = golden_get(params, "layers.0.parsed");

	*d = (struct device){ .params = params, .options = golden_get(parsed, "options") };
	d->has_meta = golden_get(d->options, "meta_device") != NULL;
	(void)snprintf(name, sizeof(name), "data.%simg", state);
	struct json_object *image = find_image(params, name);
	d->data_size = golden_u64(image, "size");
	if (d->has_meta) {
		(void)snprintf(name, sizeof(name), "meta.%simg", state);
		image = find_image(params, name);
		d->meta_size = golden_u64(image, "size");
	}
	read_superblock(d, image);

	struct integrity_format format = {
		.data_sectors = d->data_size / 512,
		.meta_sectors = d->meta_size / 512,
		.start_sector = golden_u64(parsed, "offset"),
		.has_meta = d->has_meta,
	};
	assert_int_equal(integrity_geometry_open(&format, &d->sb, &d->geo, NULL), 0);
	d->data = calloc(1, d->data_size);
	d->meta = d->has_meta ? calloc(1, d->meta_size) : d->data;
	assert_true(d->data && d->meta);
	d->hash = option_digest(d->options, "internal_hash");
	d->journal_mac = option_digest(d->options, "journal_mac");
	d->crypt = option_crypt(d->options, &d->geo);
	if (d->sb.flags & INTEGRITY_SB_FIX_HMAC)
		assert_int_equal(digest_set_prefix(d->hash, d->sb.salt, sizeof(d->sb.salt)), 0);
}

static void device_done(struct device *d)
{
	digest_free(d->hash);
	digest_free(d->journal_mac);
	journal_crypt_free(d->crypt);
	if (d->has_meta)
		free(d->meta);
	free(d->data);
}

static void write_superblock(struct device *d)
{
	uint8_t *sb = d->meta + d->geo.start_sector * 512;

	integrity_sb_encode(&d->sb, sb);
	assert_int_equal(integrity_sb_has_mac(&d->sb), d->journal_mac != NULL);
	if (!d->journal_mac)
		return;
	size_t offset = integrity_sb_mac_offset(digest_size(d->journal_mac));
	assert_int_equal(digest_data(d->journal_mac, sb, offset, sb + offset), 0);
}

static int section_mac(
	void *userdata, const void *data, size_t size, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE])
{
	struct device *d = userdata;

	memset(ret, 0, INTEGRITY_JOURNAL_MAC_SIZE);
	return digest_data(d->journal_mac, data, size, ret);
}

static int section_encrypt(void *userdata, uint32_t section, uint8_t *data, size_t size)
{
	struct device *d = userdata;

	return journal_crypt_encrypt(d->crypt, section, data, size);
}

static void write_journal(struct device *d, struct json_object *state)
{
	const struct integrity_journal_ops ops = {
		.mac = d->journal_mac ? section_mac : NULL,
		.encrypt = d->crypt ? section_encrypt : NULL,
		.userdata = d,
	};
	struct integrity_journal journal = {
		.geo = &d->geo,
		.ops = &ops,
		.free_section = state ? (uint32_t)golden_u64(state, "free_section") : 0,
		.commit_seq = state ? (uint8_t)golden_u64(state, "commit_seq") : 0,
		.fix_hmac = d->sb.flags & INTEGRITY_SB_FIX_HMAC,
	};
	uint8_t *at = d->meta + (d->geo.start_sector + INTEGRITY_SB_SECTORS) * 512;

	memcpy(journal.salt, d->sb.salt, sizeof(journal.salt));
	if (d->crypt)
		assert_int_equal(journal_crypt_commit_ids(d->crypt, journal.commit_ids), 0);
	else
		integrity_journal_commit_ids(NULL, journal.commit_ids);
	for (uint32_t i = 0; i < d->geo.journal_sections; i++) {
		assert_int_equal(integrity_journal_section(&journal, i, at), 0);
		at += (size_t)d->geo.section_sectors * 512;
	}
}

/* Blocks that were discarded are zero, and have a tag of its own. */
static bool is_discarded(struct device *d, uint64_t byte)
{
	return golden_get(d->params, "spec.discarded") &&
	       byte >= golden_u64(d->params, "spec.discarded.0") &&
	       byte < golden_u64(d->params, "spec.discarded.1");
}

static void write_tag(struct device *d, uint64_t sector, const uint8_t *data)
{
	uint8_t number[8], digest[DIGEST_SIZE_MAX + INTEGRITY_TAG_SIZE_MAX] = {};
	const struct iovec iov[] = {
		{ number, sizeof(number) },
		{ (void *)data, d->geo.block_size },
	};

	put_le64(number, sector);
	if (is_discarded(d, sector * 512))
		memset(digest, 0xf6, d->geo.tag_size);
	else
		assert_int_equal(digest_vec(d->hash, iov, ARRAY_SIZE(iov), digest), 0);
	memcpy(d->meta + integrity_tag_byte(&d->geo, sector), digest, d->geo.tag_size);
}

static void write_content(struct device *d, bool tags)
{
	uint32_t step = d->geo.block_size / 512;
	struct integrity_area area;

	for (uint64_t i = 0; i < integrity_area_count(&d->geo); i++) {
		integrity_area_get(&d->geo, i, &area);
		golden_plain(area.first_sector * 512, d->data + area.data_sector * 512,
			area.sectors * 512);
	}
	for (uint64_t s = 0; s < d->geo.provided_sectors; s += step) {
		uint8_t *data = d->data + integrity_data_sector(&d->geo, s) * 512;

		if (is_discarded(d, s * 512))
			memset(data, 0, d->geo.block_size);
		if (tags)
			write_tag(d, s, data);
	}
}

static void check_closed(struct json_object *params)
{
	struct json_object *image;
	struct device d;

	device_open(&d, params, "");
	image = find_image(params, d.has_meta ? "meta.img" : "data.img");
	write_superblock(&d);
	write_journal(&d, golden_get(image, "journal_state"));
	write_content(&d, true);
	golden_assert_sha256(
		d.meta, d.has_meta ? d.meta_size : d.data_size, golden_str(image, "sha256"));
	if (d.has_meta)
		golden_assert_sha256(
			d.data, d.data_size, golden_str(find_image(params, "data.img"), "sha256"));
	device_done(&d);
}

static void check_formatted(struct json_object *params)
{
	struct json_object *image = find_image(params, "meta.formatted.img");
	struct device d;

	if (!image)
		image = find_image(params, "data.formatted.img");
	assert_true(golden_flag(image, "rebuild"));
	device_open(&d, params, "formatted.");
	write_superblock(&d);
	write_journal(&d, NULL);
	if (golden_flag(params, "spec.formatted_has_data"))
		write_content(&d, false);
	golden_assert_sha256(
		d.meta, d.has_meta ? d.meta_size : d.data_size, golden_str(image, "sha256"));
	device_done(&d);
}

static void test_golden_images(void **state)
{
	char **list = golden_list("integrity-");
	unsigned seen = 0;

	for (char **name = list; *name; name++, seen++) {
		struct json_object *params;

		if (test_is_slow() && seen % 8 != 0)
			continue;
		params = golden_load(*name);
		check_formatted(params);
		check_closed(params);
		json_object_put(params);
	}
	golden_free_list(list);
	assert_int_equal(seen, 31);
}

/* The other direction: what was encrypted comes back. */
static void test_journal_decrypt(void **state)
{
	static const char *const algs[] = { "cbc(aes)", "ctr-aes" };
	const struct integrity_geometry geo = { .journal_sections = 3, .section_sectors = 12 };
	_cleanup_(secret_freep) struct secret *key =
		golden_secret("000102030405060708090a0b0c0d0e0f");
	uint8_t plain[12 * 512], data[12 * 512];

	golden_plain(0, plain, sizeof(plain));
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		_cleanup_(journal_crypt_freep) struct journal_crypt *jc = NULL;

		assert_int_equal(journal_crypt_new(algs[i], key, &geo, 4096, &jc, NULL), 0);
		memcpy(data, plain, sizeof(data));
		assert_int_equal(journal_crypt_encrypt(jc, 2, data, sizeof(data)), 0);
		assert_memory_not_equal(data, plain, 512);
		assert_int_equal(journal_crypt_decrypt(jc, 2, data, sizeof(data)), 0);
		assert_memory_equal(data, plain, sizeof(data));
		assert_int_equal(journal_crypt_encrypt(jc, 0, data, 512), -EINVAL);
	}
}

static void test_journal_crypt_refusals(void **state)
{
	const struct integrity_geometry geo = { .journal_sections = 3, .section_sectors = 12 };
	_cleanup_(secret_freep) struct secret *key = golden_secret("0001020304"),
					      *good = golden_secret(
						      "000102030405060708090a0b0c0d0e0f");
	struct journal_crypt *jc = NULL;

	assert_int_equal(journal_crypt_new("cbc(aes)", key, &geo, 4096, &jc, NULL), -EINVAL);
	assert_int_equal(journal_crypt_new("xts(aes)", good, &geo, 4096, &jc, NULL), -EOPNOTSUPP);
	assert_int_equal(journal_crypt_new("ctr(aes)", good, &geo, 1000, &jc, NULL), -EINVAL);
	assert_null(jc);
}

/* Equal commit ids are moved apart, whatever the key stream does. */
static void test_commit_ids_differ(void **state)
{
	uint8_t stream[INTEGRITY_COMMIT_STREAM_SIZE];
	uint64_t ids[INTEGRITY_COMMIT_IDS];

	for (unsigned i = 0; i < INTEGRITY_COMMIT_IDS; i++)
		put_le64(stream + (size_t)i * 8, UINT64_C(0x1111111111111111) * (i + 1) ^ 5);
	integrity_journal_commit_ids(stream, ids);
	for (unsigned i = 0; i < INTEGRITY_COMMIT_IDS; i++)
		assert_int_equal(ids[i], 5 + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_images),
		cmocka_unit_test(test_journal_decrypt),
		cmocka_unit_test(test_journal_crypt_refusals),
		cmocka_unit_test(test_commit_ids_differ),
	};

	return cmocka_run_group_tests_name("integrity-image", tests, NULL, NULL);
}
