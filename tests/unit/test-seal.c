/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seal: its masks, one of a kind in a machine, and the phase that it takes from layers. What is
 * malformed is in tests/evil.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cmdline.h"
#include "conf.h"
#include "manifest.h"

static void on_error(void *userdata, const struct load_error *error)
{
	struct buf *text = userdata;

	buf_printf(text, "%s: %s\n", error->diag.where, error->diag.what);
}

/* Returns the number of bad lines. */
static int load(const char *text, struct stack *stack, struct buf *errors)
{
	const struct conf_sink sink = { .stack = stack, .on_error = on_error, .userdata = errors };

	return conf_parse(text, strlen(text), "f", &sink);
}

static void test_defaults(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf errors = {};

	assert_int_equal(load("machine seal PARTLABEL=seal\n", &stack, &errors), 0);
	assert_non_null(stack.seal);
	assert_string_equal(stack.seal->name, "machine");
	assert_string_equal(stack.seal->where, "f:1");
	assert_string_equal(stack.seal->source_path, "f");
	assert_int_equal(stack.seal->device.kind, DEVREF_PARTLABEL);
	assert_true(stack.seal->nv_index == 0x01800d00);
	assert_int_equal(stack.seal->bank, SEAL_BANK_SHA256);
	assert_int_equal(stack.seal->literal_mask, 1 << 7);
	assert_int_equal(stack.seal->signed_mask, 0);
	assert_string_equal(stack.seal->tpm_device, "/dev/tpmrm0");
	assert_true(stack.seal->tpm_timeout_usec == 30000000);
	assert_int_equal(stack.seal->phase, PHASE_BOOTSTRAP);
	assert_int_equal(stack.seal->bootstrap, SEAL_BOOTSTRAP_DENY);
	assert_int_equal(stack.n_layers, 0);
}

static void test_options(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf errors = {};

	assert_int_equal(
		load("m seal /dev/a - public-key=/k,literal-pcrs=0+2+7,bank=sha384,epoch=9,"
		     "pin,own-lockout,software-tpm,recovery,commit=after-good,rotate=boot,"
		     "bootstrap=allow,phase=seald\n",
			&stack, &errors),
		0);
	assert_int_equal(stack.seal->signed_mask, 1 << 11 | 1 << 12 | 1 << 13 | 1 << 15);
	assert_int_equal(stack.seal->literal_mask, 1 << 0 | 1 << 2 | 1 << 7);
	assert_int_equal(stack.seal->bank, SEAL_BANK_SHA384);
	assert_true(stack.seal->epoch == 9);
	assert_true(stack.seal->pin && stack.seal->own_lockout);
	assert_true(stack.seal->software_tpm && stack.seal->recovery);
	assert_int_equal(stack.seal->commit, SEAL_COMMIT_AFTER_GOOD);
	assert_int_equal(stack.seal->rotate, SEAL_ROTATE_BOOT);
	assert_int_equal(stack.seal->bootstrap, SEAL_BOOTSTRAP_ALLOW);
	/* A misspelt phase is the strict one. */
	assert_int_equal(stack.seal->phase, PHASE_SEALED);
}

static void test_literal_none_with_signed(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf errors = {};

	assert_int_equal(load("m seal /dev/a - public-key=/k,signed-pcrs=11+15,literal-pcrs=none\n",
				 &stack, &errors),
		0);
	assert_int_equal(stack.seal->signed_mask, 1 << 11 | 1 << 15);
	assert_int_equal(stack.seal->literal_mask, 0);
}

static void test_one_a_machine(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf errors = {};

	/* The same once more is no contradiction, and the stricter phase counts. */
	assert_int_equal(load("m seal /dev/a - epoch=2\n"
			      "m seal /dev/a - epoch=2,sealed\n"
			      "m seal /dev/a - epoch=3\n"
			      "n seal /dev/a - epoch=2\n"
			      "m seal /dev/b - epoch=2\n",
				 &stack, &errors),
		3);
	assert_string_equal(stack.seal->where, "f:1");
	assert_int_equal(stack.seal->phase, PHASE_SEALED);
	assert_non_null(strstr(buf_str(&errors), "f:3: a machine has one seal, and \"m\" at f:1"));
	assert_non_null(strstr(buf_str(&errors), "f:4: "));
	assert_non_null(strstr(buf_str(&errors), "f:5: "));
}

static void test_phase_from_layers(void **state)
{
	static const char *const sealed = "m seal /dev/a\nd crypt /dev/d tpm2:d sealed\n";
	static const char *const other_key = "m seal /dev/a\nd crypt /dev/d credential:d sealed\n";
	static const char *const field =
		"m seal /dev/a\n"
		"d integrity /dev/d - integrity-algorithm=crc32c,"
		"journal-integrity=hmac-sha256,journal-integrity-key=tpm2:j,sealed\n";
	static const char *const texts[] = { sealed, other_key, field };
	static const unsigned phases[] = { PHASE_SEALED, PHASE_BOOTSTRAP, PHASE_SEALED };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(stack_done) struct stack stack = {};
		_cleanup_(buf_done) struct buf errors = {};

		if (load(texts[i], &stack, &errors) != 0)
			fail_msg("%s", buf_str(&errors));
		assert_int_equal(stack_link(&stack), 0);
		assert_int_equal(stack.seal->phase, phases[i]);

		const struct keyref *keys[LAYER_KEYS_MAX];

		assert_int_equal(layer_keys(stack_find(&stack, "d"), keys), 1);
		assert_string_equal(keys[0]->value, i == 2 ? "j" : "d");
	}
}

static void test_phase_from_cmdline(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(cmdline_done) struct cmdline cmdline = {};
	_cleanup_(buf_done) struct buf errors = {};

	assert_int_equal(load("m seal /dev/a\n", &stack, &errors), 0);
	assert_int_equal(cmdline_parse("dmstack.phase=bootstrap", false, &cmdline, NULL), 0);
	assert_int_equal(cmdline_apply(&cmdline, &stack, NULL), 0);
	assert_int_equal(stack.seal->phase, PHASE_BOOTSTRAP);
	cmdline_done(&cmdline);
	cmdline = (struct cmdline){};
	assert_int_equal(cmdline_parse("dmstack.phase=sealed", false, &cmdline, NULL), 0);
	assert_int_equal(cmdline_apply(&cmdline, &stack, NULL), 0);
	assert_int_equal(stack.seal->phase, PHASE_SEALED);
}

static void test_manifest(void **state)
{
	static const char text[] =
		"{\"dmstack\":1,\"name\":\"a\",\"generation\":5,\"phase\":\"sealed\","
		"\"seal\":{\"name\":\"m\",\"device\":\"/dev/s\",\"pin\":false},"
		"\"layers\":[{\"name\":\"a\",\"type\":\"linear\","
		"\"devices\":{\"data\":\"/dev/a\"}}]}";
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(manifest_parse(text, strlen(text), "f", &m, &diag), 0);
	assert_int_equal(manifest_add_to_stack(m, "/f.json", &stack, &diag), 0);
	assert_null(m->seal);
	assert_true(stack.seal->epoch == 5);
	assert_int_equal(stack.seal->phase, PHASE_SEALED);
	assert_string_equal(stack.seal->where, "/f.json: $.seal");
	assert_string_equal(stack.seal->source_path, "/f.json");
	m = manifest_free(m);

	/* The same manifest with another generation is another seal, and nothing of it is added. */
	char *later = strdup(text);

	assert_non_null(later);
	*strstr(later, ":5,") = ':';
	strstr(later, ":5,")[1] = '6';
	assert_int_equal(manifest_parse(later, strlen(later), "f", &m, &diag), 0);
	m->layers[0]->name[0] = 'b';
	assert_int_equal(manifest_add_to_stack(m, "/g.json", &stack, &diag), -EEXIST);
	assert_string_equal(diag.where, "/g.json: $.seal");
	assert_int_equal(stack.n_layers, 1);
	free(later);
}

static const char manifest_text[] =
	"{\"dmstack\":1,\"name\":\"a\",\"generation\":5,\"phase\":\"sealed\","
	"\"seal\":{\"name\":\"m\",\"device\":\"/dev/s\"},"
	"\"layers\":[{\"name\":\"a\",\"type\":\"linear\",\"devices\":{\"data\":\"/dev/a\"}}]}";

static void add_manifest(struct stack *stack, bool trusted)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;

	assert_int_equal(manifest_parse(manifest_text, strlen(manifest_text), "f", &m, NULL), 0);
	m->trusted = trusted;
	assert_int_equal(manifest_add_to_stack(m, "/f.json", stack, NULL), 0);
}

static void test_trust(void **state)
{
	static const struct {
		bool demands, trusted;
		int broken;
	} cases[] = { { false, false, 0 }, { true, false, 2 }, { true, true, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(stack_done) struct stack stack = {
			.demands_trust = cases[i].demands,
		};

		add_manifest(&stack, cases[i].trusted);
		assert_int_equal(stack_link(&stack), cases[i].broken);
		assert_int_equal(stack.seal->broken, cases[i].broken > 0);
		assert_int_equal(stack.layers[0]->broken, cases[i].broken > 0);
		if (cases[i].broken > 0)
			assert_non_null(strstr(stack.seal->error.what, "no signature"));
	}
}

static void test_epoch(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf errors = {};
	_cleanup_(diag_done) struct diag diag = {};

	add_manifest(&stack, true);
	assert_int_equal(stack_link(&stack), 0);
	assert_int_equal(stack_check_epoch(&stack, 5, &diag), 0);
	assert_int_equal(stack_check_epoch(&stack, 6, &diag), -ESTALE);
	assert_string_equal(diag.where, "/f.json: $.seal");
	assert_non_null(strstr(diag.what, "generation 5 is older than 6"));

	/* A manifest without a seal must not be an old one either; lines have no number. */
	diag_done(&diag);
	assert_int_equal(load("b linear /dev/b - sealed\n", &stack, &errors), 0);
	stack.seal->epoch = 6;
	assert_int_equal(stack_check_epoch(&stack, 6, &diag), -ESTALE);
	assert_string_equal(diag.where, "/f.json: $.layers[0]");
	diag_done(&diag);
	stack.layers[0]->common.phase = PHASE_BOOTSTRAP;
	assert_int_equal(stack_check_epoch(&stack, 6, &diag), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_literal_none_with_signed),
		cmocka_unit_test(test_one_a_machine),
		cmocka_unit_test(test_phase_from_layers),
		cmocka_unit_test(test_phase_from_cmdline),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_epoch),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
