/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The systemd generator: configuration, manifests and the kernel command line -> stack -> units.
 * It reads files and writes below the folders it is given; it starts nothing and asks nobody.
 */

#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmdline.h"
#include "load.h"
#include "log.h"
#include "parse.h"
#include "units.h"

/* What the static gate of the sealed phase looks for; systemd ignores it. */
#define STATE_FILE "dmstack.state"

struct generator {
	struct cmdline cmdline;
	struct stack stack;
	struct unit_tree tree;
	struct buf state;
	int place_fd[_UNIT_PLACE_MAX];
	bool initrd;
	bool sealed_error;
	int errors;
};

static void generator_done(struct generator *g)
{
	cmdline_done(&g->cmdline);
	stack_done(&g->stack);
	unit_tree_done(&g->tree);
	buf_done(&g->state);
	for (size_t i = 0; i < _UNIT_PLACE_MAX; i++)
		cleanup_close(&g->place_fd[i]);
}

/* A sentence may quote what it is about; it must not make a line of its own. */
static void state_puts(struct generator *g, const char *text)
{
	for (const char *p = text; *p; p++)
		buf_putc(&g->state, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
}

/* One line a stack: "ok NAME PHASE" or "failed NAME PHASE SENTENCE"; "-" for no name. */
static void state_add(
	struct generator *g, const char *name, unsigned phase, const struct diag *error)
{
	buf_puts(&g->state, error ? "failed " : "ok ");
	state_puts(g, name ?: "-");
	buf_puts(&g->state, phase == PHASE_BOOTSTRAP ? " bootstrap" : " sealed");
	if (error) {
		buf_putc(&g->state, ' ');
		state_puts(g, error->where ?: "");
		state_puts(g, error->where ? ": " : "");
		state_puts(g, error->what ?: "failed");
		g->errors++;
		(void)log_diag(-EINVAL, error);
	}
	buf_putc(&g->state, '\n');
}

static void on_stack(const char *name, unsigned phase, const struct diag *error, void *userdata)
{
	state_add(userdata, name, phase, error);
}

static void on_load_error(void *userdata, const struct load_error *error)
{
	struct generator *g = userdata;

	const unsigned phase = g->cmdline.sealed ? PHASE_SEALED : error->phase;

	g->sealed_error |= phase != PHASE_BOOTSTRAP && (g->cmdline.sealed || !error->guess);
	state_add(g, error->name, phase, &error->diag);
}

/*
 * PID 1 decrypts credentials from these places for LoadCredentialEncrypted=, which in turn does
 * not take plain ones in every version.
 */
static bool credential_is_encrypted(const char *name, void *userdata)
{
	static const char *const folders[] = {
		"/run/credentials/@encrypted",
		"/etc/credstore.encrypted",
		"/run/credstore.encrypted",
		"/usr/lib/credstore.encrypted",
	};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_close_ int fd = open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && faccessat(fd, name, F_OK, 0) == 0)
			return true;
	}
	return false;
}

static bool mount_is_configured(const char *where, void *userdata)
{
	const char *path = secure_getenv("SYSTEMD_FSTAB");
	FILE *fstab = setmntent(path ? path : "/etc/fstab", "re");
	const struct mntent *entry;
	bool found = false;

	while (fstab && !found && (entry = getmntent(fstab)))
		found = streq(entry->mnt_dir, where);
	if (fstab)
		(void)endmntent(fstab);
	return found;
}

static bool in_initrd(void)
{
	const char *value = getenv("SYSTEMD_IN_INITRD");
	bool b;

	if (value && parse_bool(value, &b) >= 0)
		return b;
	return access("/etc/initrd-release", F_OK) == 0;
}

static bool any_sealed(const struct generator *g)
{
	for (size_t i = 0; i < g->stack.n_layers; i++)
		if (g->stack.layers[i]->common.phase != PHASE_BOOTSTRAP)
			return true;
	return g->sealed_error;
}

static int generator_read(struct generator *g)
{
	_cleanup_(diag_done) struct diag diag = {};
	int r = cmdline_read(g->initrd, &g->cmdline, &diag);

	/* A wrong word is reported; what could be read counts. */
	if (r != 0) {
		(void)log_diag(r < 0 ? r : -EINVAL, &diag);
		if (r < 0)
			return r;
		g->errors += r;
	}
	const struct load_request request = { .on_error = on_load_error, .userdata = g };

	r = load_stack(&request, &g->stack, NULL);
	if (r < 0)
		return log_error_errno(r, "cannot read the configuration");
	diag_done(&diag);
	r = cmdline_apply(&g->cmdline, &g->stack, &diag);
	if (r != 0) {
		(void)log_diag(r < 0 ? r : -EINVAL, &diag);
		if (r < 0)
			return r;
		g->errors += r;
	}
	cmdline_mark_initrd(&g->cmdline, &g->stack);
	r = stack_link(&g->stack);
	if (r < 0)
		return log_oom();
	if (g->cmdline.disabled && any_sealed(g)) {
		log_warning("dmstack=no on the kernel command line does not count: something is "
			    "sealed");
		g->cmdline.disabled = false;
	}
	return 0;
}

static int generator_write(struct generator *g)
{
	_cleanup_(diag_done) struct diag diag = {};
	const struct units_input input = {
		.stack = &g->stack,
		.initrd = g->initrd,
		.root_given = g->cmdline.root,
		.names = g->cmdline.stacks,
		.n_names = g->cmdline.n_stacks,
		.sealed_error = g->sealed_error,
		.credential_is_encrypted = credential_is_encrypted,
		.mount_is_configured = mount_is_configured,
		.on_stack = on_stack,
		.userdata = g,
	};
	int r = units_compile(&input, &g->tree);

	if (r < 0)
		return log_oom();
	r = unit_tree_write(&g->tree, g->place_fd, &diag);
	if (r < 0)
		return log_diag(r, &diag);
	/* Last, so that it stands for everything before it. */
	struct unit_tree state = {};
	struct buf *buf = unit_tree_add_file(&state, UNIT_PLACE_NORMAL, NULL, STATE_FILE);

	buf_puts(buf, buf_str(&g->state));
	unit_tree_end_file(&state);
	r = buf_error(&g->state);
	if (r >= 0)
		r = unit_tree_write(&state, g->place_fd, &diag);
	unit_tree_done(&state);
	return r < 0 ? log_diag(r, &diag) : 0;
}

static int generator_open(struct generator *g, const char *normal, const char *late)
{
	const char *const paths[_UNIT_PLACE_MAX] = {
		[UNIT_PLACE_NORMAL] = normal,
		[UNIT_PLACE_LATE] = late,
	};

	for (size_t i = 0; i < _UNIT_PLACE_MAX; i++) {
		g->place_fd[i] = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (g->place_fd[i] < 0)
			return log_error_errno(-errno, "cannot open %s", paths[i]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(generator_done) struct generator g = {
		.place_fd = { [0 ... _UNIT_PLACE_MAX - 1] = -EBADF },
	};
	const char *target = getenv("SYSTEMD_LOG_TARGET");
	const bool console = target && streq(target, "console");

	log_setup("dmstack-generator", console ? LOG_TARGET_STDERR : LOG_TARGET_KMSG);
	if (argc != 2 && argc != 4) {
		log_setup("dmstack-generator", LOG_TARGET_STDERR);
		log_error("usage: dmstack-generator NORMAL-DIR [EARLY-DIR LATE-DIR]");
		return 2;
	}
	umask(0022);
	g.initrd = in_initrd();
	if (generator_open(&g, argv[1], argc == 4 ? argv[3] : argv[1]) < 0 ||
		generator_read(&g) < 0)
		return 1;
	if (g.cmdline.disabled)
		return 0;
	return generator_write(&g) < 0 || g.errors > 0 ? 1 : 0;
}
