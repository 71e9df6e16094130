/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures of PCR values: read, found, written, joined, and refused with the place.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "pcr-signature.h"

#define POLICY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define POLICY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SOUND	 "MAYCAQECAQI=" /* r = 1, s = 2 */
#define ENTRY(bank, pcrs, epoch, policy, signature)                                                \
	"{\"bank\": \"" bank "\", \"pcrs\": " pcrs ", \"epoch\": " epoch ", \"policy\": \"" policy \
	"\", \"signature\": \"" signature "\"}"
#define FILE_OF(entries) "{\"dmstack\": [" entries "]}"

static int parse(const char *text, struct pcr_signatures *list, struct diag *diag)
{
	return pcr_signatures_parse(text, strlen(text), "f", list, diag);
}

static void test_find(void **state)
{
	static const char text[] =
		FILE_OF(ENTRY("sha256", "[11, 12, 13, 15]", "3", POLICY_A, SOUND) ", " //
			ENTRY("sha256", "[11, 12, 13, 15]", "3", POLICY_B, SOUND) ", " //
			ENTRY("sha384", "[0, 23]", "18446744073709551615", POLICY_B, SOUND));
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
	const uint32_t mask = 1 << 11 | 1 << 12 | 1 << 13 | 1 << 15;
	uint8_t policy[TPM_DIGEST_SIZE];

	assert_int_equal(parse(text, &list, NULL), 0);
	assert_int_equal(list.n, 3);
	memset(policy, 0xbb, sizeof(policy));
	assert_ptr_equal(
		pcr_signatures_find(&list, TPM_BANK_SHA256, mask, 3, NULL), &list.items[0]);
	assert_ptr_equal(
		pcr_signatures_find(&list, TPM_BANK_SHA256, mask, 3, policy), &list.items[1]);
	assert_ptr_equal(
		pcr_signatures_find(&list, TPM_BANK_SHA384, 1 << 23 | 1, UINT64_MAX, policy),
		&list.items[2]);
	assert_null(pcr_signatures_find(&list, TPM_BANK_SHA256, mask, 2, NULL));
	assert_null(pcr_signatures_find(&list, TPM_BANK_SHA384, mask, 3, NULL));
	assert_null(pcr_signatures_find(&list, TPM_BANK_SHA256, 1 << 11, 3, NULL));
	policy[31] = 0;
	assert_null(pcr_signatures_find(&list, TPM_BANK_SHA256, mask, 3, policy));
	assert_int_equal(list.items[0].signature.r[31], 1);
	assert_int_equal(list.items[0].signature.s[31], 2);

	/* A second file adds to the first; one without signatures of ours adds nothing. */
	assert_int_equal(
		parse(FILE_OF(ENTRY("sha256", "[11]", "9", POLICY_A, SOUND)), &list, NULL), 0);
	assert_int_equal(parse("{\"sha256\": []}", &list, NULL), 0);
	assert_int_equal(list.n, 4);
}

static void test_join(void **state)
{
	static const char systemd[] =
		"{\"sha256\": [{\"pcrs\": [11], \"sig\": \"a/b+c=\"}], \"dmstack\": [" //
		ENTRY("sha256", "[7]", "1", POLICY_A, SOUND) "]}";
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {}, again = {};
	_cleanup_(buf_done) struct buf text = {}, second = {};

	assert_int_equal(parse(systemd, &list, NULL), 0);
	assert_int_equal(
		parse(FILE_OF(ENTRY("sha384", "[7]", "2", POLICY_B, SOUND)), &list, NULL), 0);
	assert_int_equal(
		pcr_signatures_write(&list, systemd, strlen(systemd), "systemd", &text, NULL), 0);
	/* What others have in the file is as it was. */
	assert_non_null(strstr(buf_str(&text), "\"a/b+c=\""));
	assert_int_equal(parse(buf_str(&text), &again, NULL), 0);
	assert_int_equal(again.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(&again.items[i], &list.items[i], sizeof(list.items[i]));

	/* Without another file, the same list gives the same text. */
	buf_reset(&text);
	assert_int_equal(pcr_signatures_write(&list, NULL, 0, NULL, &text, NULL), 0);
	assert_int_equal(pcr_signatures_write(&again, NULL, 0, NULL, &second, NULL), 0);
	assert_string_equal(buf_str(&text), buf_str(&second));
	assert_null(strstr(buf_str(&text), "\"sha256\": ["));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *where;
	} cases[] = {
		{ "[]", "f: $" },
		{ "{\"dmstack\": {}}", "f: $.dmstack" },
		{ FILE_OF("1"), "f: $.dmstack[0]" },
		{ FILE_OF("{}"), "f: $.dmstack[0]" },
		{ FILE_OF("{\"x\": 1}"), "f: $.dmstack[0].x" },
		{ FILE_OF(ENTRY("sha1", "[1]", "1", POLICY_A, SOUND)), "f: $.dmstack[0].bank" },
		{ FILE_OF(ENTRY("sha256", "[]", "1", POLICY_A, SOUND)), "f: $.dmstack[0]" },
		{ FILE_OF(ENTRY("sha256", "[24]", "1", POLICY_A, SOUND)), "f: $.dmstack[0].pcrs" },
		{ FILE_OF(ENTRY("sha256", "[2, 1]", "1", POLICY_A, SOUND)),
			"f: $.dmstack[0].pcrs" },
		{ FILE_OF(ENTRY("sha256", "[1, 1]", "1", POLICY_A, SOUND)),
			"f: $.dmstack[0].pcrs" },
		{ FILE_OF(ENTRY("sha256", "[\"1\"]", "1", POLICY_A, SOUND)),
			"f: $.dmstack[0].pcrs" },
		{ FILE_OF(ENTRY("sha256", "[1]", "\"1\"", POLICY_A, SOUND)),
			"f: $.dmstack[0].epoch" },
		{ FILE_OF(ENTRY("sha256", "[1]", "1", "aa", SOUND)), "f: $.dmstack[0].policy" },
		{ FILE_OF(ENTRY("sha256", "[1]", "1", "x" POLICY_A, SOUND)),
			"f: $.dmstack[0].policy" },
		{ FILE_OF(ENTRY("sha256", "[1]", "1", POLICY_A, "MAYCAQECAQI")),
			"f: $.dmstack[0].signature" },
		/* s = 0 */
		{ FILE_OF(ENTRY("sha256", "[1]", "1", POLICY_A, "MAYCAQECAQA=")),
			"f: $.dmstack[0].signature" },
		{ FILE_OF(ENTRY("sha256", "[1]", "1", POLICY_A, SOUND) ", {}"), "f: $.dmstack[1]" },
		{ "{\"dmstack\": [], \"dmstack\": []}", "f: $" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
		_cleanup_(diag_done) struct diag diag = {};

		if (parse(cases[i].text, &list, &diag) != -EINVAL)
			fail_msg("%s is taken", cases[i].text);
		assert_string_equal(diag.where, cases[i].where);
		assert_int_equal(list.n, 0);
	}
}

static void test_too_many(void **state)
{
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
	_cleanup_(diag_done) struct diag diag = {};
	const struct pcr_signature one = { .bank = TPM_BANK_SHA256, .mask = 1 };

	for (size_t i = 0; i < PCR_SIGNATURES_MAX; i++)
		assert_int_equal(pcr_signatures_add(&list, &one), 0);
	assert_int_equal(parse(FILE_OF(ENTRY("sha256", "[1]", "1", POLICY_A, SOUND)), &list, &diag),
		-EINVAL);
	assert_int_equal(list.n, PCR_SIGNATURES_MAX);
}

static void test_load_extra(void **state)
{
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
	_cleanup_(diag_done) struct diag diag = {};

	/* What the configuration names has to be there; the other places need not have anything. */
	assert_int_equal(pcr_signatures_load(NULL, &list, &diag), 0);
	assert_int_equal(pcr_signatures_load("/nowhere/pcr.json", &list, &diag), -ENOENT);
	assert_string_equal(diag.where, "/nowhere/pcr.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_load_extra),
	};

	return cmocka_run_group_tests_name("pcr-signature", tests, NULL, NULL);
}
