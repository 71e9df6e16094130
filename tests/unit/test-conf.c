/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack.conf: good lines into layers, bad lines into errors that name the place, and the phase
 * that is assumed for each of them.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "conf.h"
#include "layer-crypt.h"

struct collected {
	char text[8192]; /* "where: what|name|phase\n" of each error */
	char manifest[1024];
	int manifest_result;
	enum phase manifest_phase;
};

static void on_error(void *userdata, const struct load_error *error)
{
	struct collected *c = userdata;
	size_t used = strlen(c->text);

	(void)snprintf(c->text + used, sizeof(c->text) - used, "%s: %s|%s|%s\n", error->diag.where,
		error->diag.what, error->name ? error->name : "-",
		error->phase == PHASE_SEALED ? "sealed" : "bootstrap");
}

static int on_manifest(
	void *userdata, const struct conf_manifest *line, enum phase *ret_phase, struct diag *diag)
{
	struct collected *c = userdata;
	size_t used;

	(void)snprintf(c->manifest, sizeof(c->manifest), "%s %s %s %s", line->name, line->path,
		line->where, line->key ? line->key : "-");
	for (size_t i = 0; line->options[i]; i++) {
		used = strlen(c->manifest);
		(void)snprintf(
			c->manifest + used, sizeof(c->manifest) - used, " %s", line->options[i]);
	}
	if (c->manifest_result < 0)
		*ret_phase = c->manifest_phase;
	if (c->manifest_result < 0)
		(void)diag_set(diag, c->manifest_result, "bad manifest");
	return c->manifest_result;
}

static int parse(const char *text, struct stack *stack, struct collected *c)
{
	const struct conf_sink sink = {
		.stack = stack,
		.on_error = on_error,
		.on_manifest = on_manifest,
		.userdata = c,
	};

	return conf_parse(text, strlen(text), "f", &sink);
}

static void test_good_lines(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct collected c = {};
	const struct layer_device *device;
	struct layer *layer;

	assert_int_equal(parse("# a comment\n"
			       "\n"
			       "  \t# another\n"
			       "data crypt PARTLABEL=x /key cipher=aes-cbc-essiv:sha256,sealed\n"
			       "\tv verity /dev/a,hash=UUID=b - root-hash=00112233445566778899aabb"
			       "ccddeeff00112233445566778899aabbccddeeff,nofail\n"
			       "top linear data",
				 &stack, &c),
		0);
	assert_string_equal(c.text, "");
	assert_int_equal(stack.n_layers, 3);

	layer = stack_find(&stack, "data");
	assert_non_null(layer);
	assert_string_equal(layer->where, "f:4");
	assert_string_equal(layer->source_path, "f");
	assert_int_equal(layer->common.phase, PHASE_SEALED);
	assert_int_equal(layer->key.kind, KEYREF_FILE);
	assert_string_equal(crypt_fields(layer)->cipher, "aes-cbc-essiv:sha256");
	layer = stack_find(&stack, "v");
	assert_true(layer->common.nofail);
	device = layer_device(layer, "hash");
	assert_non_null(device);
	assert_int_equal(device->ref.kind, DEVREF_UUID);
	assert_string_equal(device->ref.value, "b");
	layer = stack_find(&stack, "top");
	assert_int_equal(layer_device(layer, "data")->ref.kind, DEVREF_LAYER);
	assert_int_equal(stack_link(&stack), 0);
}

static void test_bad_lines_do_not_stop_others(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct collected c = {};

	assert_int_equal(parse("a linear /dev/a\n"
			       "b\n"
			       "c liner /dev/c - phase=bootstrap\n"
			       "d linear /dev/d - offset=1,offset=2\n"
			       "a linear /dev/e\n"
			       "e linear /dev/e - - x\n"
			       "g linear /dev/g\n",
				 &stack, &c),
		5);
	assert_int_equal(stack.n_layers, 2);
	assert_non_null(strstr(c.text, "f:2: b: the columns type and devices are missing|b|"));
	assert_non_null(strstr(c.text, "f:3: c: unknown layer type \"liner\"|c|bootstrap"));
	assert_non_null(strstr(c.text, "f:4: option \"offset\" is given twice|d|bootstrap"));
	assert_non_null(strstr(c.text, "f:6: e: unexpected word \"x\""));
	assert_non_null(strstr(c.text, "f:1"));
}

struct bad_case {
	const char *line;
	const char *what;
};

static void test_words(void **state)
{
	static const struct bad_case cases[] = {
		{ "a linear", "a: the column devices is missing" },
		{ "a linear /dev/a,/dev/b", "\"/dev/b\" needs a role" },
		{ "a verity hash=/dev/a", "the first device is the data device" },
		{ "a linear /dev/a,", "a: an empty device" },
		{ "a linear /dev/a,hash=/dev/b", "needs a role" },
		{ "a linear /dev/a - offset=1,,discard", "a: an empty option" },
		{ "a linear /dev/a - offsets=1", "unknown option \"offsets\"" },
		{ "a crypt /dev/a key", "key" },
		{ "a/b linear /dev/a", "a/b" },
		{ "a manifest root.json", "root.json, is not absolute" },
		{ "a linear /dev/a\r", "carriage return" },
		{ "a linear /dev/\x01", "0x01" },
		{ "a linear /dev/\xff", "not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(stack_done) struct stack stack = {};
		struct collected c = {};

		if (parse(cases[i].line, &stack, &c) != 1 || !strstr(c.text, cases[i].what) ||
			strncmp(c.text, "f:1: ", 5) != 0 || stack.n_layers != 0)
			fail_msg("\"%s\" gave \"%s\"", cases[i].line, c.text);
	}
}

static void test_line_limits(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct collected c = {};
	char line[CONF_LINE_MAX + 2];

	memset(line, 'x', sizeof(line));
	line[0] = '#';
	line[CONF_LINE_MAX] = '\0';
	assert_int_equal(parse(line, &stack, &c), 0);
	line[CONF_LINE_MAX] = 'x';
	line[CONF_LINE_MAX + 1] = '\0';
	assert_int_equal(parse(line, &stack, &c), 1);
	assert_non_null(strstr(c.text, "more than 4096"));
}

static void test_nul_byte(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct collected c = {};
	const struct conf_sink sink = { .stack = &stack, .on_error = on_error, .userdata = &c };
	static const char text[] = "a linear /dev/a\0/b\nb linear /dev/b\n";

	assert_int_equal(conf_parse(text, sizeof(text) - 1, "f", &sink), 1);
	assert_string_equal(c.text, "f:1: the line has a NUL byte|-|sealed\n");
	assert_int_equal(stack.n_layers, 1);
}

static void test_manifest_lines(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct collected c = {};

	assert_int_equal(
		parse("\nroot manifest /x.json tpm2:k data=PARTLABEL=r,sealed", &stack, &c), 0);
	assert_string_equal(c.manifest, "root /x.json f:2 tpm2:k data=PARTLABEL=r sealed");
	c.manifest_result = -EINVAL;
	assert_int_equal(parse("root manifest /x.json", &stack, &c), 1);
	assert_string_equal(c.text, "f:1: bad manifest|root|bootstrap\n");
	c.text[0] = '\0';
	c.manifest_phase = PHASE_SEALED;
	assert_int_equal(parse("root manifest /x.json - phase=bootstrap", &stack, &c), 1);
	assert_string_equal(c.text, "f:1: bad manifest|root|sealed\n");
	c.manifest_result = -ENOMEM;
	assert_int_equal(parse("root manifest /x.json", &stack, &c), -ENOMEM);
}

static void test_phase_of_bad_lines(void **state)
{
	const struct layer_type *crypt = layer_type_find("crypt");

	assert_int_equal(conf_options_phase(NULL, crypt, false), PHASE_BOOTSTRAP);
	assert_int_equal(conf_options_phase("-", crypt, false), PHASE_BOOTSTRAP);
	assert_int_equal(conf_options_phase("cipher=x,discard", crypt, false), PHASE_BOOTSTRAP);
	assert_int_equal(conf_options_phase("cipher=x,sealed", crypt, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("phase=sealed", crypt, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("phase=other", crypt, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("phase=bootstrap,sealed", crypt, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("cypher=x", crypt, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("seald", crypt, false), PHASE_SEALED);
	assert_int_equal(
		conf_options_phase("cypher=x,phase=bootstrap", crypt, false), PHASE_BOOTSTRAP);
	assert_int_equal(conf_options_phase("cipher=x", NULL, false), PHASE_SEALED);
	assert_int_equal(conf_options_phase("hash=x,nofail", NULL, true), PHASE_BOOTSTRAP);
	assert_int_equal(conf_options_phase("hsah=x", NULL, true), PHASE_SEALED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_lines),
		cmocka_unit_test(test_bad_lines_do_not_stop_others),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_line_limits),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_manifest_lines),
		cmocka_unit_test(test_phase_of_bad_lines),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
