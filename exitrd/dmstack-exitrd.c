/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exitrd of dmstack, in one program. On the host it copies itself to where systemd-shutdown(8)
 * looks for an exitrd; there it is what is run in place of it, once the root is no longer in use:
 *
 *	dmstack-exitrd fill [--late] [DIR]
 *	/shutdown ACTION [OPTION...]
 */

#include <string.h>
#include <unistd.h>

#include "exitrd.h"
#include "keyring.h"
#include "keysource.h"
#include "log.h"
#include "machine.h"
#include "verb-main.h"

/* Touched in an initrd of dracut's that wants to be unpacked again by dracut-shutdown.service. */
#define NEED_SHUTDOWN_PATH EXITRD_DIR "/.need_shutdown"

struct fill_opts {
	bool late;
};

static const struct option_def options[] = {
	{ "late", 0, OPTION_FLAG, offsetof(struct fill_opts, late), NULL,
		"do not leave it to dracut, which had its chance" },
};

static int fill_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct fill_opts *o = opts;

	if (args[0])
		return exitrd_fill(args[0], diag);
	if (access(EXITRD_DIR "/shutdown", F_OK) == 0 ||
		(!o->late && access(NEED_SHUTDOWN_PATH, F_OK) == 0) || !exitrd_is_needed())
		return EXIT_DONE;
	return exitrd_fill(EXITRD_DIR, diag);
}

static const struct verb verb_fill = {
	.name = "fill",
	.args = "[DIR]",
	.summary = "Put an exitrd into /run/initramfs if the root stands on a layer",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct fill_opts),
	.n_optional = 1,
	.run = fill_run,
};

static const struct verb *const verbs[] = { &verb_fill };

static const struct program program = {
	.name = "dmstack-exitrd",
	.summary = "Take down the layers below the root file system at shutdown",
	.version = DMSTACK_VERSION,
	.exit_status = "0 done, 1 failed, 2 wrong usage",
	.page = "dmstack@.service(8)",
	.verbs = verbs,
	.n_verbs = ARRAY_SIZE(verbs),
};

/* Everything is tried, whatever failed before it. */
static int end(const char *action)
{
	int unmounted, left;

	log_setup("dmstack", LOG_TARGET_KMSG);
	/* udevd is dead and has left its socket: nobody would acknowledge anything. */
	(void)unlink("/run/udev/control");
	sync();
	unmounted = exitrd_unmount();
	(void)!keyring_unpublish(TPM2_KEY_PREFIX, NULL);
	left = exitrd_detach();
	if (left == 0)
		log_notice("exitrd: all layers are down, %s follows", action);
	/* Another exitrd may have called this for the layers alone. */
	if (getpid() == 1)
		exitrd_reboot(action);
	return unmounted < 0 || left != 0 ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (getpid() != 1 && !(name && streq(name, "/shutdown")))
		return verb_main(&program, argc, argv);
	if (!machine_is_in_initrd() || access(EXITRD_OLD_ROOT, F_OK) < 0) {
		log_error("this is for an exitrd, see systemd-shutdown(8)");
		return EXIT_USAGE;
	}
	/* The options are those of systemd-shutdown(8), about logging. */
	if (argc < 2 || !exitrd_knows(argv[1]))
		log_error("unknown action \"%s\"", argc < 2 ? "" : argv[1]);
	return end(argc < 2 ? "poweroff" : argv[1]);
}
