/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manifests: there and back without a change, refused with the path of what is wrong, and moved
 * into a stack.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "layer-integrity.h"
#include "manifest.h"

/* Canonical, so that writing must give the same text. */
static const char canonical[] =
	"{\n"
	"  \"dmstack\": 1,\n"
	"  \"name\": \"root\",\n"
	"  \"generation\": 18446744073709551615,\n"
	"  \"phase\": \"sealed\",\n"
	"  \"fail\": \"reboot-immediate\",\n"
	"  \"seal\": {\n"
	"    \"name\": \"machine\",\n"
	"    \"device\": \"PARTLABEL=seal\",\n"
	"    \"nv-index\": 25169152,\n"
	"    \"public-key\": \"/usr/lib/dmstack/policy.pem\",\n"
	"    \"literal-pcrs\": \"none\",\n"
	"    \"commit\": \"after-good\",\n"
	"    \"pin\": true,\n"
	"    \"tpm-timeout\": \"1500ms\"\n"
	"  },\n"
	"  \"layers\": [\n"
	"    {\n"
	"      \"name\": \"root.tags\",\n"
	"      \"type\": \"integrity\",\n"
	"      \"devices\": {\n"
	"        \"data\": \"PARTLABEL=a \\\"b\\\"\",\n"
	"        \"meta\": \"/dev/disk/by-partlabel/tags\"\n"
	"      },\n"
	"      \"key\": \"credential:root\",\n"
	"      \"timeout\": \"30s\",\n"
	"      \"device-size\": 1048576,\n"
	"      \"integrity-algorithm\": \"hmac-sha256\",\n"
	"      \"sector-size\": 4096,\n"
	"      \"journal-integrity\": \"hmac-sha256\",\n"
	"      \"journal-integrity-key\": \"credential:journal\"\n"
	"    },\n"
	"    {\n"
	"      \"name\": \"root\",\n"
	"      \"type\": \"crypt\",\n"
	"      \"devices\": {\n"
	"        \"data\": \"root.tags\"\n"
	"      },\n"
	"      \"key\": \"tpm2:root\",\n"
	"      \"read-only\": true,\n"
	"      \"cipher\": \"aes-xts-plain64\",\n"
	"      \"sector-size\": 4096,\n"
	"      \"iv-large-sectors\": false\n"
	"    }\n"
	"  ],\n"
	"  \"mount\": {\n"
	"    \"where\": \"/\",\n"
	"    \"type\": \"ext4\",\n"
	"    \"options\": \"rw\",\n"
	"    \"options-sealed\": \"ro,errors=panic\"\n"
	"  },\n"
	"  \"artifacts\": [\n"
	"    {\n"
	"      \"file\": \"root.tags.meta.img\",\n"
	"      \"device\": \"root.tags.meta\",\n"
	"      \"offset\": 1048576,\n"
	"      \"bytes\": 4096,\n"
	"      \"sha256\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n"
	"    }\n"
	"  ]\n"
	"}\n";

static int parse(const char *text, struct manifest **ret, struct diag *diag)
{
	return manifest_parse(text, strlen(text), "f", ret, diag);
}

static void test_round_trip(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(buf_done) struct buf text = {};

	if (parse(canonical, &m, &diag) < 0)
		fail_msg("%s: %s", diag.where, diag.what);
	assert_int_equal(m->n_layers, 2);
	assert_int_equal(m->phase, PHASE_SEALED);
	assert_int_equal(m->fail, FAIL_REBOOT_IMMEDIATE);
	assert_true(m->generation == UINT64_MAX);
	assert_string_equal(m->artifacts[0].layer, "root.tags");
	assert_string_equal(m->artifacts[0].role, "meta");
	assert_string_equal(m->mount->options_sealed, "ro,errors=panic");
	assert_int_equal(manifest_write(m, &text), 0);
	assert_string_equal(buf_str(&text), canonical);
}

/* After defaults more is written, and what is read back from that writes itself again. */
static void test_write_after_defaults(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL, *again = NULL;
	_cleanup_(buf_done) struct buf first = {}, second = {};

	assert_int_equal(parse(canonical, &m, NULL), 0);
	for (size_t i = 0; i < m->n_layers; i++)
		assert_int_equal(layer_finish(m->layers[i], NULL), 0);
	assert_int_equal(manifest_write(m, &first), 0);
	assert_int_equal(parse(buf_str(&first), &again, NULL), 0);
	assert_int_equal(manifest_write(again, &second), 0);
	assert_string_equal(buf_str(&first), buf_str(&second));
	for (size_t i = 0; i < again->n_layers; i++) {
		const struct layer_type *type = again->layers[i]->type;

		assert_int_equal(layer_finish(again->layers[i], NULL), 0);
		for (size_t j = 0; j < type->n_fields; j++)
			assert_true(field_equal(
				&type->fields[j], m->layers[i]->params, again->layers[i]->params));
	}
}

static void test_control_characters_are_not_written(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(buf_done) struct buf text = {};

	assert_int_equal(parse(canonical, &m, NULL), 0);
	m->mount->options[0] = '\n';
	assert_int_equal(manifest_write(m, &text), -EINVAL);
}

static void test_add_to_stack(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *top, *bottom;

	assert_int_equal(parse(canonical, &m, NULL), 0);
	assert_int_equal(manifest_add_to_stack(m, "/x/root.json", &stack, NULL), 0);
	assert_int_equal(m->n_layers, 0);
	assert_int_equal(stack_link(&stack), 0);
	top = stack_find(&stack, "root");
	bottom = stack_find(&stack, "root.tags");
	assert_non_null(top);
	assert_non_null(bottom);
	assert_ptr_equal(layer_device(top, "data")->layer, bottom);
	assert_string_equal(top->where, "/x/root.json: $.layers[1]");
	assert_string_equal(top->source_path, "/x/root.json");
	assert_string_equal(bottom->stack_name, "root");
	assert_true(bottom->generation == UINT64_MAX);
	assert_int_equal(bottom->common.phase, PHASE_SEALED);
	assert_int_equal(bottom->common.fail, FAIL_REBOOT_IMMEDIATE);
	assert_non_null(top->mount);
	assert_null(bottom->mount);
}

static void test_taken_name_leaves_the_stack_alone(void **state)
{
	_cleanup_(manifest_freep) struct manifest *first = NULL, *second = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(stack_done) struct stack stack = {};

	assert_int_equal(parse(canonical, &first, NULL), 0);
	assert_int_equal(parse(canonical, &second, NULL), 0);
	assert_int_equal(manifest_add_to_stack(first, "a.json", &stack, NULL), 0);
	assert_int_equal(manifest_add_to_stack(second, "b.json", &stack, &diag), -EEXIST);
	assert_int_equal(stack.n_layers, 2);
	assert_string_equal(diag.where, "b.json: $.layers[0]");
	assert_non_null(strstr(diag.what, "a.json: $.layers[0]"));
}

struct change {
	const char *from; /* a part of the canonical text ... */
	const char *to;	  /* ... and what stands there instead */
	const char *where;
	const char *what;
};

static const struct change changes[] = {
	{ "\"dmstack\": 1", "\"dmstack\": 2", "f: $.dmstack", "version 2" },
	{ "  \"dmstack\": 1,\n", "", "f: $", "\"dmstack\" is missing" },
	{ "\"dmstack\": 1", "\"dmstack\": \"1\"", "f: $.dmstack", "must be a number, not string" },
	{ "\"generation\"", "\"generations\"", "f: $.generations", "unknown member" },
	{ "\"name\": \"root\",\n  \"gen", "\"name\": \"boot\",\n  \"gen", "f: $.name",
		"top layer, which is \"root\"" },
	{ "18446744073709551615", "18446744073709551616", "f: $.generation", "64 bits" },
	{ "\"fail\": \"reboot-immediate\"", "\"fail\": \"shell\"", "f: $.fail", "shell" },
	{ "\"type\": \"crypt\"", "\"type\": \"crypto\"", "f: $.layers[1].type", "crypto" },
	{ "\"cipher\"", "\"cypher\"", "f: $.layers[1].cypher", "unknown member" },
	{ "\"cipher\"", "\"phase\"", "f: $.layers[1].phase", "unknown member" },
	{ "\"read-only\": true", "\"read-only\": \"yes\"", "f: $.layers[1].read-only",
		"true or false" },
	{ "\"sector-size\": 4096,", "\"sector-size\": \"4096\",", "f: $.layers[0].sector-size",
		"must be a number" },
	{ "\"sector-size\": 4096,", "\"sector-size\": 4095,", "f: $.layers[0].sector-size",
		"4095" },
	{ "\"cipher\": \"aes-xts-plain64\"", "\"cipher\": \"\"", "f: $.layers[1].cipher",
		"must not be empty" },
	{ "\"data\": \"root.tags\"", "\"data\": \"other\"", "f: $.layers[1].devices.data",
		"\"other\"" },
	{ "\"data\": \"root.tags\"", "\"data\": \"root\"", "f: $.layers[1].devices.data",
		"\"root\"" },
	{ "\"data\": \"root.tags\"", "\"data\": \"/dev/vdb\"", "f: $",
		"\"root.tags\" is not used" },
	{ "\"data\": \"root.tags\"", "\"hash\": \"root.tags\"", "f: $.layers[1].devices.hash",
		"hash" },
	{ "\"meta\":", "\"data\":", "f: $.layers[0].devices", "duplicate member" },
	{ "\"tpm2:root\"", "\"tpm3:root\"", "f: $.layers[1].key", "tpm3" },
	{ "\"key\": \"tpm2:root\"", "\"key\": [\"tpm2:root\"]", "f: $.layers[1].key",
		"must be string, not array" },
	{ "\"where\": \"/\"", "\"where\": \"root\"", "f: $.mount.where", "absolute" },
	{ "\"where\": \"/\",\n", "", "f: $.mount", "\"where\" is missing" },
	{ "\"options\"", "\"option\"", "f: $.mount.option", "unknown member" },
	{ "root.tags.meta.img", "../meta.img", "f: $.artifacts[0].file", "plain file name" },
	{ "\"root.tags.meta\"", "\"root.meta\"", "f: $.artifacts[0].device", "no device" },
	{ "\"root.tags.meta\"", "\"x.meta\"", "f: $.artifacts[0].device", "no layer" },
	{ "\"root.tags.meta\"", "\"root.data\"", "f: $.artifacts[0].device", "another layer" },
	{ "\"root.tags.meta\"", "\"meta\"", "f: $.artifacts[0].device", "LAYER.ROLE" },
	{ "\"offset\": 1048576", "\"offset\": 1048577", "f: $.artifacts[0].offset",
		"multiple of 512" },
	{ "\"offset\": 1048576", "\"offset\": 18446744073709551104", "f: $.artifacts[0].bytes",
		"64 bits" },
	{ "\"offset\": 1048576", "\"offset\": \"1M\"", "f: $.artifacts[0].offset",
		"must be a number" },
	{ "eeff\"", "eef\"", "f: $.artifacts[0].sha256", "64 hexadecimal" },
	{ "\"bytes\": 4096", "\"bytes\": true", "f: $.artifacts[0].bytes", "must be a number" },
	{ "}\n", "}\n}\n", "f:", "behind the end" },
};

/* Replaces the first place; "}\n" is meant at the end. */
static char *apply_change(const struct change *change)
{
	const char *at = streq(change->from, "}\n") ? endswith(canonical, "}\n")
						    : strstr(canonical, change->from);
	char *text;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - canonical), canonical, change->to,
			    at + strlen(change->from)) > 0);
	return text;
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_(manifest_freep) struct manifest *m = NULL;
		_cleanup_(diag_done) struct diag diag = {};
		_cleanup_free_ char *text = apply_change(&changes[i]);

		if (parse(text, &m, &diag) != -EINVAL || m || !diag.where || !diag.what ||
			strncmp(diag.where, changes[i].where, strlen(changes[i].where)) != 0 ||
			!strstr(diag.what, changes[i].what))
			fail_msg("%s instead of %s gave %s: %s", changes[i].to, changes[i].from,
				diag.where, diag.what);
	}
}

static void test_phase_of_refused(void **state)
{
	static const struct {
		const char *text;
		enum phase phase;
	} cases[] = {
		{ "{\"phase\": \"bootstrap\"}", PHASE_BOOTSTRAP },
		{ "{\"phase\": \"sealed\"}", PHASE_SEALED },
		{ "{\"phase\": \"bootstrap\", \"x\": ", PHASE_SEALED },
		{ "{\"phase\": \"bootstrap\", \"phase\": \"sealed\"}", PHASE_SEALED },
		{ "{\"phase\": [\"bootstrap\"]}", PHASE_SEALED },
		{ "{}", PHASE_SEALED },
		{ "", PHASE_SEALED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
			manifest_guess_phase(cases[i].text, strlen(cases[i].text)), cases[i].phase);
}

static void test_unknown_phase_is_sealed(void **state)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	const struct change change = { "\"phase\": \"sealed\"", "\"phase\": \"seeled\"" };
	_cleanup_free_ char *text = apply_change(&change);

	assert_int_equal(parse(text, &m, NULL), 0);
	assert_int_equal(m->phase, PHASE_SEALED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_write_after_defaults),
		cmocka_unit_test(test_control_characters_are_not_written),
		cmocka_unit_test(test_add_to_stack),
		cmocka_unit_test(test_taken_name_leaves_the_stack_alone),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_phase_of_refused),
		cmocka_unit_test(test_unknown_phase_is_sealed),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
