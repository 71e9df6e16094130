/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel command line: whose words count where, that it only makes things stricter, and what
 * it changes in a stack.
 */

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "conf.h"

static void test_words(void **state)
{
	_cleanup_(cmdline_done) struct cmdline c = {};

	assert_int_equal(cmdline_parse("ro root=/dev/sda dmstackish=1 foo.dmstack.phase=sealed "
				       "dmstack.stack=a dmstack.stack=b dmstack.timeout=2min "
				       "\"dmstack.device=root.data=PARTLABEL=my disk\" "
				       "dmstack.device=a.b.hash=\"ID=x y\" quiet",
				 false, &c, NULL),
		0);
	assert_false(c.disabled);
	assert_false(c.sealed);
	assert_true(c.timeout_given);
	assert_int_equal(c.timeout_usec, 120000000);
	assert_int_equal(c.n_stacks, 2);
	assert_string_equal(c.stacks[0], "a");
	assert_string_equal(c.stacks[1], "b");
	assert_int_equal(c.n_devices, 2);
	assert_string_equal(c.devices[0].layer, "root");
	assert_string_equal(c.devices[0].role, "data");
	assert_int_equal(c.devices[0].device.kind, DEVREF_PARTLABEL);
	assert_string_equal(c.devices[0].device.value, "my disk");
	assert_string_equal(c.devices[1].layer, "a.b");
	assert_string_equal(c.devices[1].role, "hash");
	assert_string_equal(c.devices[1].device.value, "x y");
}

static void test_rd_counts_in_the_initrd(void **state)
{
	_cleanup_(cmdline_done) struct cmdline host = {}, initrd = {}, both = {};

	assert_int_equal(cmdline_parse("rd.dmstack=no", false, &host, NULL), 0);
	assert_int_equal(cmdline_parse("rd.dmstack=no", true, &initrd, NULL), 0);
	assert_int_equal(cmdline_parse("dmstack=0", true, &both, NULL), 0);
	assert_false(host.disabled);
	assert_true(initrd.disabled);
	assert_true(both.disabled);
	assert_int_equal(host.n_stacks, 0);
}

static void test_phase_only_gets_stricter(void **state)
{
	static const struct {
		const char *text;
		int bad;
		bool sealed;
	} cases[] = {
		{ "", 0, false },
		{ "dmstack.phase=bootstrap", 0, false },
		{ "dmstack.phase=sealed", 0, true },
		{ "dmstack.phase=sealed dmstack.phase=bootstrap", 0, true },
		{ "dmstack.phase=seal", 1, true },
		{ "dmstack.phase=", 1, true },
		{ "dmstack.phase", 1, true },
		{ "rd.dmstack.phase=sealed", 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(cmdline_done) struct cmdline c = {};

		assert_int_equal(cmdline_parse(cases[i].text, true, &c, NULL), cases[i].bad);
		assert_int_equal(c.sealed, cases[i].sealed);
	}
}

static void test_bad_words(void **state)
{
	static const struct {
		const char *text;
		const char *what;
	} cases[] = {
		{ "dmstack.foo=1", "unknown word dmstack.foo" },
		{ "rd.dmstack.", "unknown word rd.dmstack." },
		{ "dmstack-phase=sealed", "unknown word dmstack-phase" },
		{ "dmstack=maybe", "dmstack=maybe: neither yes nor no" },
		{ "dmstack.timeout=soon", "dmstack.timeout=soon: not a time span" },
		{ "dmstack.timeout", "dmstack.timeout needs a value" },
		{ "dmstack.stack", "dmstack.stack needs a value" },
		{ "dmstack.stack=a/b", "a/b" },
		{ "dmstack.device=root", "dmstack.device=root: not NAME.ROLE=DEVICE" },
		{ "dmstack.device=.data=/dev/a", "not NAME.ROLE=DEVICE" },
		{ "dmstack.device=root.=/dev/a", "not NAME.ROLE=DEVICE" },
		{ "dmstack.device=root.data=", "dev" },
		{ "dmstack.device=r.data=/dev/a dmstack.device=r.data=/dev/b", "given before" },
		{ "dmstack.stack=\x01", "not plain text" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(cmdline_done) struct cmdline c = {};
		_cleanup_(diag_done) struct diag diag = {};

		if (cmdline_parse(cases[i].text, true, &c, &diag) != 1 ||
			!strstr(diag.what, cases[i].what) ||
			!streq_ptr(diag.where, "kernel command line"))
			fail_msg("%s gave %s: %s", cases[i].text, diag.where, diag.what);
	}
}

static void test_bad_words_do_not_hide_others(void **state)
{
	_cleanup_(cmdline_done) struct cmdline c = {};
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(
		cmdline_parse("dmstack.x dmstack.y dmstack.phase=sealed", false, &c, &diag), 2);
	assert_true(c.sealed);
	assert_string_equal(diag.what, "unknown word dmstack.x");
}

static void test_read(void **state)
{
	_cleanup_(cmdline_done) struct cmdline c = {};

	assert_int_equal(setenv("SYSTEMD_PROC_CMDLINE", "a dmstack.stack=x", 1), 0);
	assert_int_equal(cmdline_read(false, &c, NULL), 0);
	assert_int_equal(c.n_stacks, 1);
	assert_int_equal(unsetenv("SYSTEMD_PROC_CMDLINE"), 0);
}

static void make_stack(const char *text, struct stack *stack)
{
	const struct conf_sink sink = { .stack = stack };

	assert_int_equal(conf_parse(text, strlen(text), "f", &sink), 0);
}

static void expect_device(
	const struct stack *stack, const char *name, const char *role, const char *expected)
{
	_cleanup_(buf_done) struct buf text = {};
	const struct layer_device *device = layer_device(stack_find(stack, name), role);

	assert_non_null(device);
	devref_print(&device->ref, &text);
	assert_string_equal(buf_str(&text), expected);
}

static void test_apply(void **state)
{
	_cleanup_(cmdline_done) struct cmdline c = {};
	_cleanup_(stack_done) struct stack stack = {};

	make_stack("bottom integrity /dev/a,meta=/dev/b - integrity-algorithm=sha256\n"
		   "middle linear bottom\n"
		   "top verity middle - root-hash=00112233445566778899aabbccddeeff0011223344556677"
		   "8899aabbccddeeff,phase=bootstrap\n",
		&stack);
	assert_int_equal(
		cmdline_parse("dmstack.device=top.data=UUID=1 dmstack.device=top.hash=/dev/h "
			      "dmstack.device=bottom.meta=LABEL=m dmstack.phase=sealed "
			      "dmstack.timeout=7s",
			false, &c, NULL),
		0);
	assert_int_equal(cmdline_apply(&c, &stack, NULL), 0);
	expect_device(&stack, "bottom", "data", "UUID=1");
	expect_device(&stack, "bottom", "meta", "LABEL=m");
	expect_device(&stack, "top", "data", "middle");
	expect_device(&stack, "top", "hash", "/dev/h");
	assert_int_equal(stack_link(&stack), 0);
	for (size_t i = 0; i < stack.n_layers; i++) {
		assert_int_equal(stack.layers[i]->common.phase, PHASE_SEALED);
		assert_int_equal(stack.layers[i]->common.timeout_usec, 7000000);
	}
}

static void test_apply_errors(void **state)
{
	_cleanup_(cmdline_done) struct cmdline c = {};
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(stack_done) struct stack stack = {};

	make_stack("a linear b\nb linear a\nc linear /dev/c\n", &stack);
	assert_int_equal(cmdline_parse("dmstack.device=x.data=/dev/a dmstack.device=a.data=/dev/a "
				       "dmstack.device=c.hash=/dev/h dmstack.device=c.data=/dev/d",
				 false, &c, NULL),
		0);
	assert_int_equal(cmdline_apply(&c, &stack, &diag), 3);
	assert_string_equal(diag.what, "dmstack.device=x.data: no such layer");
	expect_device(&stack, "c", "data", "/dev/d");
}

static void test_guard(void **state)
{
	static const char *const refused[] = {
		"systemd.service_watchdogs=no",
		"systemd.service-watchdogs=0",
		"rd.systemd.service_watchdogs=never",
		"quiet systemd.confirm_spawn",
		"systemd.confirm_spawn=ttyS0",
		"systemd.debug_shell=1",
		"systemd.debug-shell",
		"rd.systemd.debug_shell=ttyS1",
		"systemd.crash_shell",
		"rd.break",
		"rd.break=pre-mount",
		"rd.systemd.break=pre-switch-root",
		"systemd.run=/bin/sh",
		"systemd.mask=dmstack-gate.service",
		"rd.systemd.mask=dmstack@root.service",
		"systemd.mask=emergency.service",
		"systemd.unit=rescue.target",
		"rd.systemd.unit=emergency.target",
		"systemd.wants=debug-shell.service",
		"systemd.setenv=DMSTACK_CONF=/dev/null",
		"systemd.setenv=LD_PRELOAD=/x",
		"\"systemd.setenv=SYSTEMD_SULOGIN_FORCE=1\"",
		"systemd.set_credential=systemd.unit-dropin.dmstack-gate.service:x",
		"systemd.set_credential_binary=passwd.hashed-password.root:eA==",
		"emergency",
		"rd.emergency",
		"single",
		"1",
	};
	static const char *const allowed[] = {
		"",
		"root=/dev/mapper/root ro quiet console=ttyS0 rd.luks=no",
		"systemd.service_watchdogs=yes systemd.confirm_spawn=no systemd.debug_shell=0",
		"systemd.service_watchdogs systemd.mask=plymouth.service systemd.unit=initrd.target",
		"systemd.setenv=LANG=C systemd.wants=sshd.service systemd.set_credential=root:abc",
		"xsystemd.mask=dmstack-gate.service systemd.masks=dmstack-gate.service",
		"foo.rd.break break=no 11 dmstack.phase=sealed",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(diag_done) struct diag diag = {};

		if (cmdline_guard(refused[i], &diag) != -EPERM)
			fail_msg("let through: %s", refused[i]);
		assert_non_null(strstr(diag.what, "kernel command line"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (cmdline_guard(allowed[i], NULL) != 0)
			fail_msg("refused: %s", allowed[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_rd_counts_in_the_initrd),
		cmocka_unit_test(test_phase_only_gets_stricter),
		cmocka_unit_test(test_bad_words),
		cmocka_unit_test(test_bad_words_do_not_hide_others),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_apply_errors),
		cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
