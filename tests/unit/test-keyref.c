/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key and device references: what is read, what is refused, and the canonical text.
 */

#include "test.h"

#include <errno.h>

#include "cleanup.h"
#include "devref.h"
#include "keyref.h"

static void test_key_round_trip(void **state)
{
	static const struct {
		const char *text, *canonical;
		enum keyref_kind kind;
	} cases[] = {
		{ "-", "-", KEYREF_NONE },
		{ "none", "-", KEYREF_NONE },
		{ "/etc/key", "file:/etc/key", KEYREF_FILE },
		{ "file:/etc/key", "file:/etc/key", KEYREF_FILE },
		{ "credential:root", "credential:root", KEYREF_CREDENTIAL },
		{ "keyring:dmstack:x", "keyring:dmstack:x", KEYREF_KEYRING },
		{ "tpm2:data", "tpm2:data", KEYREF_TPM2 },
		{ "ask", "ask", KEYREF_ASK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(keyref_done) struct keyref key = {}, copy = {};
		_cleanup_(buf_done) struct buf text = {};

		assert_int_equal(keyref_parse(cases[i].text, &key, NULL), 0);
		assert_int_equal(key.kind, cases[i].kind);
		keyref_print(&key, &text);
		assert_string_equal(buf_str(&text), cases[i].canonical);
		assert_int_equal(keyref_copy(&key, &copy), 0);
		assert_true(keyref_equal(&key, &copy));
	}
}

static void test_key_refused(void **state)
{
	static const char *const words[] = { "", "file:", "file:relative", "key.bin",
		"tpm2:", "tpm2:../x", "tpm2:a/b", "credential:.", "credential:", "keyring:", "ASK",
		"credential:a\x01z", "file:/a b" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct keyref key = { .kind = KEYREF_ASK };

		assert_int_equal(keyref_parse(words[i], &key, &diag), -EINVAL);
		assert_non_null(diag.what);
		assert_int_equal(key.kind, KEYREF_ASK);
	}
}

static void test_device_path(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "/dev/vda1", "/dev/vda1" },
		{ "/var/lib/x.img", "/var/lib/x.img" },
		{ "UUID=abc", "/dev/disk/by-uuid/abc" },
		{ "PARTUUID=abc", "/dev/disk/by-partuuid/abc" },
		{ "LABEL=a b", "/dev/disk/by-label/a\\x20b" },
		{ "PARTLABEL=a/b\\c", "/dev/disk/by-partlabel/a\\x2fb\\x5cc" },
		{ "PARTLABEL=\xc3\xa4", "/dev/disk/by-partlabel/\xc3\xa4" },
		{ "ID=nvme-x_1", "/dev/disk/by-id/nvme-x_1" },
		{ "data-tags", "/dev/mapper/data-tags" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(devref_done) struct devref dev = {};
		_cleanup_(buf_done) struct buf text = {};
		_cleanup_free_ char *path = NULL;

		assert_int_equal(devref_parse(cases[i].text, &dev, NULL), 0);
		path = devref_path(&dev);
		assert_string_equal(path, cases[i].path);
		devref_print(&dev, &text);
		assert_string_equal(buf_str(&text), cases[i].text);
		assert_int_equal(devref_is_file(&dev),
			cases[i].text[0] == '/' && !startswith(cases[i].text, "/dev/"));
	}
}

static void test_device_refused(void **state)
{
	static const char *const words[] = { "", "UUID=", "PARTUUID=a/b", "NAME=x", "a/b",
		"/dev/../etc/passwd", "/dev/x/..", "LABEL=\n" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct devref dev = {};

		assert_int_equal(devref_parse(words[i], &dev, &diag), -EINVAL);
		assert_non_null(diag.what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_round_trip),
		cmocka_unit_test(test_key_refused),
		cmocka_unit_test(test_device_path),
		cmocka_unit_test(test_device_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
