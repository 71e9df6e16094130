/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each hole is a way in which something can fail or be taken away. For each one this follows what
 * systemd would do with the units: which setting ends the machine, and is it there.
 */

#include "check-sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmdline.h"
#include "dropins.h"
#include "gate.h"
#include "guard.h"
#include "parse.h"
#include "root-open.h"
#include "seal-store.h"
#include "stack-seal.h"
#include "unit-file.h"
#include "unit-name.h"

#define FAIL_UNIT   "dmstack-fail.service"
#define UNSEAL_UNIT "dmstack-unseal.service"
#define GATE_UNIT   "dmstack-gate.service"
/* From here on FailureAction= knows halt-force and halt-immediate. */
#define VERSION_WITH_HALT 255

struct check {
	const struct check_sealed_input *in;
	struct unit_places places;
	struct buf *out;
	struct diag *diag;
	unsigned version; /* of systemd; 0: not known */
	size_t n_open;
	bool force; /* an action needs systemd-shutdown */
};

enum verdict { HOLE_CLOSED, HOLE_OPEN, HOLE_UNKNOWN, HOLE_NEVER };

static void _printf_(4, 5)
	say(struct check *c, enum verdict verdict, const char *hole, const char *format, ...)
{
	static const char *const words[] = { "closed ", "OPEN   ", "unknown", "never  " };
	va_list ap;

	_cleanup_free_ char *why = NULL;

	va_start(ap, format);
	if (vasprintf(&why, format, ap) < 0)
		c->out->error = -ENOMEM;
	va_end(ap);
	buf_printf(c->out, "%s  %s: %s\n", words[verdict], hole, why ?: "");
	c->n_open += verdict == HOLE_OPEN || verdict == HOLE_UNKNOWN;
}

static bool tree_has(const struct check *c, const char *path, int flags)
{
	_cleanup_close_ int fd = root_open(c->places.root_fd, path, flags);

	return fd >= 0;
}

/* The libraries of PID 1 carry its version in their names. */
static unsigned systemd_version(const struct check *c)
{
	static const char *const folders[] = { "/usr/lib/systemd",
		"/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
		"/usr/lib/arm-linux-gnueabihf/systemd", "/usr/lib/riscv64-linux-gnu/systemd",
		"/usr/lib64/systemd" };
	_cleanup_(dropins_done) struct dropins files = {};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (dropins_scan(&files, c->places.root_fd, folders[i], ".so") < 0)
			return 0;
	for (size_t i = 0; i < files.n_files; i++) {
		const char *number = startswith(files.files[i].name, "libsystemd-shared-");

		if (number)
			return (unsigned)strtoul(number, NULL, 10);
	}
	return 0;
}

static bool action_ends(const struct check *c, const char *word)
{
	static const char *const known[] = { "reboot-force", "reboot-immediate", "poweroff-force",
		"poweroff-immediate", "exit-force" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(word, known[i]))
			return true;
	return c->version >= VERSION_WITH_HALT &&
	       (streq(word, "halt-force") || streq(word, "halt-immediate"));
}

/* systemd ignores a line that it does not understand, and keeps what was said before. */
static const char *unit_action(struct check *c, const struct unit_file *unit, const char *key)
{
	const char *action = NULL;

	for (size_t i = 0; i < unit->n_settings; i++) {
		const char *value = buf_str(&unit->text) + unit->settings[i].value;

		if (!streq(buf_str(&unit->text) + unit->settings[i].key, key))
			continue;
		if (action_ends(c, value))
			action = value;
		else if (streq(value, "none") || !*value)
			action = NULL;
	}
	c->force |= action && endswith(action, "-force");
	return action;
}

static int load_unit(struct check *c, const char *name, struct unit_file *ret)
{
	return unit_file_read(&c->places, name, ret, c->diag);
}

static int check_program(struct check *c, const char *unit_name, const char *verb, const char *hole)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	int r = load_unit(c, unit_name, &unit);

	if (r < 0)
		return r;
	if (!unit.exists)
		say(c, HOLE_OPEN, hole, "there is no %s", unit_name);
	else if (unit.masked)
		say(c, HOLE_OPEN, hole, "%s is masked", unit_name);
	else if (!unit_file_lists(&unit, "ExecStart", verb))
		say(c, HOLE_OPEN, hole, "%s does not run \"dmstack %s\"", unit_name, verb);
	else
		say(c, HOLE_CLOSED, hole, "%s", unit_name);
	return 0;
}

/* Who would notice that there are no units at all. */
static int check_generator(struct check *c)
{
	static const char *const hole = "the generator dies, or its output is removed";
	int r;

	if (!c->in->initrd) {
		say(c, HOLE_NEVER, hole,
			"this is not an initrd; look at the initrd's tree with --root");
		return 0;
	}
	r = check_program(c, GATE_UNIT, "gate", hole);
	if (r < 0)
		return r;
	if (!unit_file_requires(&c->places, "initrd-switch-root.target", GATE_UNIT) ||
		!unit_file_requires(&c->places, "initrd-switch-root.service", GATE_UNIT))
		say(c, HOLE_OPEN, "the gate is not asked",
			"initrd-switch-root.target and .service do not both require it");
	else
		say(c, HOLE_CLOSED, "the gate is not asked", "the switch of root requires it");
	return 0;
}

/* What ends the machine for all others; if it is killed, only systemd is left. */
static int check_end(struct check *c)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	const char *action;
	int r = check_program(c, FAIL_UNIT, "fail", "a unit fails for want of another");

	if (r >= 0)
		r = load_unit(c, FAIL_UNIT, &unit);
	if (r < 0 || !unit.exists || unit.masked)
		return r;
	action = unit_action(c, &unit, "FailureAction");
	say(c, action ? HOLE_CLOSED : HOLE_OPEN, "\"dmstack fail\" is killed", "%s",
		action ?: "no action that this systemd knows");
	return 0;
}

static int check_shells(struct check *c)
{
	static const char *const shells[] = { "emergency.service", "rescue.service",
		"debug-shell.service", "dracut-emergency.service", "breakpoint-pre-udev.service",
		"breakpoint-pre-basic.service", "breakpoint-pre-mount.service",
		"breakpoint-pre-switch-root.service" };

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		_cleanup_(unit_file_done) struct unit_file unit = {};
		int r = load_unit(c, shells[i], &unit);

		if (r < 0)
			return r;
		if (!unit.exists)
			continue;
		if (unit.masked)
			say(c, HOLE_OPEN, shells[i], "masked: no shell, but no action either");
		else if (unit_file_lists(&unit, "ExecStartPre", "dmstack fail"))
			say(c, HOLE_CLOSED, shells[i], "\"dmstack fail\" comes before the shell");
		else
			say(c, HOLE_OPEN, shells[i], "nothing comes before the shell");
	}
	return 0;
}

static bool span_is_finite(const char *value)
{
	uint64_t usec;

	return value && parse_usec(value, &usec) >= 0 && usec != 0 && usec != UINT64_MAX;
}

static int check_device(struct check *c, const struct layer *layer, const struct devref *ref)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	_cleanup_(buf_done) struct buf name = {}, hole = {};
	_cleanup_free_ char *path = devref_path(ref);
	int r;

	if (!path || unit_name_escape_path(&name, path) < 0)
		return -ENOMEM;
	buf_puts(&name, ".device");
	r = load_unit(c, buf_str(&name), &unit);
	if (r < 0)
		return r;
	buf_printf(&hole, "%s: %s does not come", layer->name, path);
	if (span_is_finite(unit_file_get(&unit, "JobTimeoutSec")))
		say(c, HOLE_CLOSED, buf_str(&hole), "the wait ends after %s",
			unit_file_get(&unit, "JobTimeoutSec"));
	else
		say(c, HOLE_OPEN, buf_str(&hole), "the wait has no end of ours");
	return 0;
}

/* What is left when OnFailure= is all there is, or FailureAction= is. */
static void check_actions(struct check *c, const char *what, const struct unit_file *unit)
{
	const char *action = unit_action(c, unit, "FailureAction");
	const bool on_failure = unit_file_lists(unit, "OnFailure", FAIL_UNIT);
	_cleanup_(buf_done) struct buf hole = {};

	buf_printf(&hole, "%s: it waits in vain, with or without watchdogs", what);
	say(c, on_failure ? HOLE_CLOSED : HOLE_OPEN, buf_str(&hole), "OnFailure= %s",
		on_failure ? "acts" : "is missing");
	buf_reset(&hole);
	buf_printf(&hole, "%s: it fails or is killed", what);
	say(c, action || on_failure ? HOLE_CLOSED : HOLE_OPEN, buf_str(&hole), "%s",
		action	     ? action
		: on_failure ? "OnFailure= acts"
			     : "no action that this systemd knows");
}

static int check_layer(struct check *c, const struct layer *layer)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	_cleanup_(buf_done) struct buf name = {};
	int r;

	buf_puts(&name, "dmstack@");
	unit_name_escape(&name, layer->name);
	buf_puts(&name, ".service");
	r = load_unit(c, buf_str(&name), &unit);
	if (r < 0)
		return r;
	if (!unit.exists || unit.masked) {
		say(c, HOLE_OPEN, layer->name, "%s is %s", buf_str(&name),
			unit.masked ? "masked" : "not there");
		return 0;
	}
	check_actions(c, layer->name, &unit);
	if (!unit_file_lists(&unit, "ExecStart", "--enforce"))
		say(c, HOLE_OPEN, layer->name, "attach has no --enforce: keys are not wiped");
	if (unit_file_get(&unit, "FailureAction") &&
		!unit_file_lists(&unit, "ExecStopPost", "dmstack fail"))
		say(c, HOLE_OPEN, layer->name,
			"FailureAction= acts before OnFailure=, and no ExecStopPost= runs \"dmstack "
			"fail\": keys are not wiped");
	for (size_t i = 0; r >= 0 && i < layer->n_devices; i++)
		if (!layer->devices[i].layer && !devref_is_file(&layer->devices[i].ref))
			r = check_device(c, layer, &layer->devices[i].ref);
	/* After the cap no key can be had from the TPM. */
	if (!layer->common.initrd && layer_has_key(layer, KEYREF_TPM2))
		say(c, HOLE_OPEN, layer->name,
			"its key is in the TPM, which the initrd leaves capped: it needs "
			"x-initrd.attach");
	if ((layer->common.fail == FAIL_HALT || layer->common.fail == FAIL_HALT_IMMEDIATE) &&
		c->version > 0 && c->version < VERSION_WITH_HALT)
		say(c, HOLE_OPEN, layer->name,
			"systemd %u does not know a halt as an action: if \"dmstack fail\" is killed, "
			"the machine powers off",
			c->version);
	return r;
}

/* The unit that asks the TPM, if a sealed layer needs it. */
static int check_unseal(struct check *c, const struct layer *layer)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	int r = load_unit(c, UNSEAL_UNIT, &unit);

	if (r < 0)
		return r;
	if (!unit.exists || unit.masked) {
		say(c, HOLE_OPEN, layer->name, UNSEAL_UNIT " is %s",
			unit.masked ? "masked" : "not there");
		return 0;
	}
	check_actions(c, UNSEAL_UNIT, &unit);
	if (!unit_file_lists(&unit, "ExecStart", "--enforce"))
		say(c, HOLE_OPEN, UNSEAL_UNIT, "unseal has no --enforce: nobody is told why");
	return 0;
}

/* Whether there is what the unit needs; whether the TPM opens it, only the TPM can say. */
static void check_seal(struct check *c, const struct layer *layer)
{
	static const char *const hole = "the seal opens nothing";
	_cleanup_(diag_done) struct diag why = {};
	const struct seal *seal = c->in->stack->seal;
	unsigned n = 0;
	int r = stack_check_seal(c->in->stack, layer, &why);

	/* The device is that of a machine, and a tree is none. */
	if (r >= 0 && c->in->root)
		return;
	if (r >= 0)
		r = seal_store_count(&seal->device, &n, &why);
	if (r < 0)
		say(c, r == -EACCES || r == -EPERM ? HOLE_UNKNOWN : HOLE_OPEN, hole, "%s%s%s",
			why.where ?: "", why.where ? ": " : "", why.what ?: "no memory");
	else if (n > 0)
		say(c, HOLE_CLOSED, hole, "%u of %d slots can be read", n, SEAL_SLOT_COUNT);
	else if (seal->bootstrap == SEAL_BOOTSTRAP_ALLOW)
		say(c, HOLE_CLOSED, hole, "there is no slot yet, and the machine enrols itself");
	else
		say(c, HOLE_OPEN, hole,
			"%s: its device has no slot that can be read: a new machine needs \"dmstack "
			"enroll\", and one that was enrolled its right disk",
			seal->where ?: seal->name);
}

static int check_mount(struct check *c, const struct layer *layer)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	const char *where = layer->mount ? layer->mount->where : NULL;
	const bool root = where && streq(where, "/"), usr = where && streq(where, "/usr");
	const char *name = root ? "sysroot.mount" : "sysroot-usr.mount";
	int r = !c->in->initrd || (!root && !usr) ? 0 : load_unit(c, name, &unit);

	if (r >= 0 && unit.exists)
		check_actions(c, name, &unit);
	return r;
}

static void check_surroundings(struct check *c)
{
	_cleanup_(diag_done) struct diag why = {};
	_cleanup_free_ char *text = NULL;
	int r = guard_units(c->places.root_fd, &why);

	say(c, r < 0 ? HOLE_OPEN : HOLE_CLOSED, "units are masked or replaced", "%s",
		r < 0 ? why.what ?: "cannot be known"
		      : "none is, and attach and gate would see it");
	diag_done(&why);
	r = c->in->root ? 0 : cmdline_text(&text, &why);
	if (r >= 0 && text)
		r = cmdline_guard(text, &why);
	say(c, r < 0 ? HOLE_OPEN : HOLE_CLOSED, "words on the kernel command line", "%s",
		r < 0 ? why.what ?: "cannot be known" : "attach and gate look for them");
	if (c->version == 0)
		say(c, HOLE_UNKNOWN, "an old systemd", "its version is not to be found");
	else
		say(c, HOLE_CLOSED, "an old systemd", "version %u", c->version);
	if (c->force)
		say(c,
			tree_has(c, "/usr/lib/systemd/systemd-shutdown", O_PATH) ? HOLE_CLOSED
										 : HOLE_OPEN,
			"systemd-shutdown is missing", "the -force actions need it");
	say(c, HOLE_NEVER, "init=/bin/sh",
		"no unit can stop this; a measured or signed command line does");
}

static int check_all(struct check *c)
{
	const struct stack *stack = c->in->stack;
	bool has_unseal = false;
	int r = check_generator(c);

	if (r >= 0)
		r = check_end(c);
	if (r >= 0)
		r = check_shells(c);
	for (size_t i = 0; r >= 0 && i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		if (layer->common.phase == PHASE_BOOTSTRAP ||
			(c->in->initrd && !gate_wants(layer)) || layer->common.noauto)
			continue;
		r = check_layer(c, layer);
		if (r >= 0)
			r = check_mount(c, layer);
		if (r >= 0 && !has_unseal && layer_has_key(layer, KEYREF_TPM2)) {
			has_unseal = true;
			r = check_unseal(c, layer);
			check_seal(c, layer);
		}
	}
	return r;
}

int check_sealed(
	const struct check_sealed_input *in, struct buf *out, size_t *ret_open, struct diag *diag)
{
	_cleanup_close_ int root_fd =
		in->root ? open(in->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	struct check c = {
		.in = in,
		.places = { .root_fd = root_fd },
		.out = out,
		.diag = diag,
	};
	int r;

	if (in->root && root_fd < 0)
		return diag_set(diag, -errno, "%s: %s", in->root, strerror(errno));
	c.version = systemd_version(&c);
	if (!tree_has(&c, GATE_STATE_PATH, O_PATH))
		say(&c, HOLE_UNKNOWN, "the generator",
			"it has not left its units in %s: run it into the tree first",
			GATE_STATE_PATH);
	if (in->sealed_error)
		say(&c, HOLE_OPEN, "the configuration", "it has errors: nothing will start");
	r = check_all(&c);
	if (r < 0)
		return r;
	check_surroundings(&c);
	*ret_open = c.n_open;
	return buf_error(out);
}
