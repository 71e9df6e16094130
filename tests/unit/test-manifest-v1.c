/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manifests of device-mapper-tools: the sound shape of both eras is read, every other is refused
 * with its reason. The texts are what its make_manifest.py prints.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "layer-crypt.h"
#include "manifest-v1.h"

#define SHA256 "cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93"

#define CRYPT(mode, cipher, key, sector, offset)                                                   \
	"  \"crypt\": {\n    \"cipher\": \"" cipher "\",\n    \"iv_offset\": " offset              \
	",\n    \"key_bytes\": " key ",\n    \"mode\": \"" mode                                    \
	"\",\n    \"sector_size\": " sector "\n  },\n"
#define PLAIN CRYPT("plain", "capi:cbc(aes)-plain", "32", "512", "0")
#define IMAGES(bytes)                                                                              \
	"  \"images\": {\n    \"crypt_header\": {\"bytes\": 12, \"path\": "                        \
	"\"out/crypt.header.placeholder\", \"sha256\": \"" SHA256 "\"},\n"                         \
	"    \"data\": {\"bytes\": " bytes ", \"path\": \"out/data.img\", \"sha256\": \"" SHA256   \
	"\"}\n  },\n"
#define HEAD                                                                                         \
	"{\n  \"created_utc\": \"2026-02-06T12:00:00.123456+00:00\",\n"                              \
	"  \"firstboot\": {\"notes\": \"Activation requires CAP_SYS_ADMIN\", \"required\": true},\n" \
	"  \"manifest_version\": 1,\n"
#define RAW		"{\"name\": \"data\", \"params\": {\"image\": \"images.data\"}, \"type\": \"raw\"}"
#define LAYER(type)	", {\"name\": \"x\", \"params\": {}, \"type\": \"" type "\"}"
#define STACK(layers)	"  \"stack\": [" RAW layers "]\n}\n"
#define ROOTFS(members) "  \"rootfs\": {" members "},\n"
#define DM_CRYPT	LAYER("dm-crypt")

static int parse(const char *text, struct manifest **ret, struct diag *diag)
{
	return manifest_v1_parse(text, strlen(text), "f", "root", ret, diag);
}

static void expect_field(const struct layer *layer, const char *name, const char *expected)
{
	_cleanup_(buf_done) struct buf text = {};
	int i = field_find(layer->type->fields, layer->type->n_fields, name);

	assert_true(i >= 0);
	field_print(&layer->type->fields[i], layer->params, &text);
	assert_string_equal(buf_str(&text), expected);
}

static void test_early_era(void **state)
{
	static const char text[] = HEAD IMAGES("16777216") PLAIN STACK(DM_CRYPT);
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(diag_done) struct diag diag = {};

	if (parse(text, &m, &diag) < 0)
		fail_msg("%s: %s", diag.where, diag.what);
	assert_int_equal(m->n_layers, 1);
	assert_null(m->mount);
	assert_string_equal(m->layers[0]->name, "root");
	assert_int_equal(m->layers[0]->common.device_size, 16777216);
	expect_field(m->layers[0], "cipher", "aes-cbc-plain");
	expect_field(m->layers[0], "size", "256");
	expect_field(m->layers[0], "sector-size", "512");
	assert_int_equal(m->n_artifacts, 1);
	assert_string_equal(m->artifacts[0].file, "data.img");
	assert_int_equal(m->artifacts[0].sha256[0], 0xcb);
	assert_int_equal(manifest_parse(text, strlen(text), "f", &m, NULL), -EPROTONOSUPPORT);
}

static void test_late_era_has_mount_hints(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL, *defaults = NULL;

	assert_int_equal(parse(HEAD IMAGES("512") PLAIN ROOTFS(
				       "\"fstype\": \"ext4\", \"mountpoint\": \"/newroot\", "
				       "\"opts_bootstrap\": \"rw,noatime\"") STACK(DM_CRYPT),
				 &m, NULL),
		0);
	assert_string_equal(m->mount->where, "/");
	assert_string_equal(m->mount->type, "ext4");
	assert_string_equal(m->mount->options, "rw,noatime");
	assert_string_equal(m->mount->options_sealed, "ro,errors=panic");

	assert_int_equal(parse(HEAD IMAGES("512") PLAIN ROOTFS("\"mountpoint\": \"/newroot\"")
					 STACK(DM_CRYPT),
				 &defaults, NULL),
		0);
	assert_null(defaults->mount->type);
	assert_string_equal(defaults->mount->options, "rw");
	assert_string_equal(defaults->mount->options_sealed, "ro");
}

/* Its tool counts IVs in units of 4096 bytes and adds iv_offset to that count. */
static void test_large_sectors(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;

	assert_int_equal(parse(HEAD IMAGES("8192") CRYPT("plain", "capi:cbc(aes)-plain", "32",
				       "4096", "5") STACK(DM_CRYPT),
				 &m, NULL),
		0);
	expect_field(m->layers[0], "iv-large-sectors", "yes");
	expect_field(m->layers[0], "skip", "40");
	assert_int_equal(layer_set_device(m->layers[0], "data", "/dev/vda", NULL), 0);
	assert_int_equal(keyref_parse("/key", &m->layers[0]->key, NULL), 0);
	assert_int_equal(layer_finish(m->layers[0], NULL), 0);
}

static const struct {
	const char *text;
	int r;
	const char *where;
	const char *what;
} refused[] = {
	{ HEAD IMAGES("512") STACK(LAYER("dm-integrity")), -EOPNOTSUPP, "f: $.stack[1].type",
		"no tag was ever computed" },
	{ HEAD IMAGES("512") PLAIN STACK(LAYER("dm-integrity") DM_CRYPT), -EOPNOTSUPP,
		"f: $.stack[1].type", "sector 0 of the data" },
	{ HEAD IMAGES("512") PLAIN STACK(DM_CRYPT LAYER("dm-integrity")), -EOPNOTSUPP,
		"f: $.stack[2].type", "no tag was ever computed" },
	{ HEAD IMAGES("512") STACK(LAYER("dm-verity")), -EOPNOTSUPP, "f: $.stack[1].type",
		"leaf level first" },
	{ HEAD IMAGES("512") PLAIN STACK(LAYER("dm-verity") DM_CRYPT), -EOPNOTSUPP,
		"f: $.stack[1].type", "number of data blocks is not recorded" },
	{ HEAD IMAGES("512") PLAIN STACK(DM_CRYPT LAYER("dm-verity")), -EOPNOTSUPP,
		"f: $.stack[2].type", "over the ciphertext" },
	{ HEAD IMAGES("512") CRYPT("aead", "capi:cbc(aes)-plain", "32", "512", "0") STACK(DM_CRYPT),
		-EOPNOTSUPP, "f: $.crypt.mode", "plaintext without any tag" },
	{ HEAD IMAGES("512") STACK(DM_CRYPT), -EOPNOTSUPP, "f: $", "there is no \"crypt\"" },
	{ HEAD IMAGES("512") CRYPT("plain", "aes-xts-plain64", "32", "512", "0") STACK(DM_CRYPT),
		-EOPNOTSUPP, "f: $.crypt.cipher", "whatever this says" },
	{ HEAD IMAGES("513") PLAIN STACK(DM_CRYPT), -EINVAL, "f: $.images.data.bytes", "513" },
	{ HEAD IMAGES("512") CRYPT("plain", "capi:cbc(aes)-plain", "31", "512", "0")
			STACK(DM_CRYPT),
		-EINVAL, "f: $.crypt.key_bytes", "31" },
	{ HEAD IMAGES("512") CRYPT("plain", "capi:cbc(aes)-plain", "32", "8192", "0")
			STACK(DM_CRYPT),
		-EINVAL, "f: $.crypt.sector_size", "8192" },
	{ HEAD IMAGES("512") CRYPT("plian", "capi:cbc(aes)-plain", "32", "512", "0")
			STACK(DM_CRYPT),
		-EINVAL, "f: $.crypt.mode", "plian" },
	{ HEAD IMAGES("512") PLAIN STACK(""), -EINVAL, "f: $.stack", "0 layers" },
	{ HEAD IMAGES("512") PLAIN STACK(DM_CRYPT DM_CRYPT), -EINVAL, "f: $.stack", "2 layers" },
	{ HEAD IMAGES("512") PLAIN STACK(LAYER("dm-foo")), -EINVAL, "f: $.stack[1].type",
		"dm-foo" },
	{ HEAD PLAIN STACK(DM_CRYPT), -EINVAL, "f: $", "\"images\" is missing" },
	{ HEAD "\"rootsf\": {}," IMAGES("512") PLAIN STACK(DM_CRYPT), -EINVAL, "f: $.rootsf",
		"unknown member" },
	{ "{\"manifest_version\": 2}", -EINVAL, "f: $.manifest_version", "version 2" },
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(manifest_freep) struct manifest *m = NULL;
		_cleanup_(diag_done) struct diag diag = {};
		int r = parse(refused[i].text, &m, &diag);

		if (r != refused[i].r || m || !streq_ptr(diag.where, refused[i].where) ||
			!strstr(diag.what, refused[i].what))
			fail_msg("number %zu gave %d, %s: %s", i, r, diag.where, diag.what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_early_era),
		cmocka_unit_test(test_late_era_has_mount_hints),
		cmocka_unit_test(test_large_sectors),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("manifest-v1", tests, NULL, NULL);
}
