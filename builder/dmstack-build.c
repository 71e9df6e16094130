/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The offline image builder: picks the verb, reads its options, and turns the result into an exit
 * status. The only place that logs.
 */

#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cleanup.h"
#include "interrupt.h"
#include "log.h"
#include "options.h"
#include "build-verbs.h"

static const char program[] = "dmstack-build";

static const struct verb *const verbs[] = {
	&verb_create,
	&verb_verify,
	&verb_extract,
	&verb_inspect,
};

static void help(void)
{
	printf("%s VERB [OPTION...]\n\nBuild, check and read images of stacked device-mapper layers, "
	       "without privileges.\n\n",
		program);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-10s%s\n", verbs[i]->name, verbs[i]->summary);
	printf("\n  --help    this text; behind a verb: its options\n"
	       "  --version the version\n\n"
	       "Exit status: 0 done; 1 failed, or damage was found; 2 wrong use.\n"
	       "See dmstack-build(1).\n");
}

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* Keys pass through this process: no core file and no ptrace(2) by others. */
static void process_harden(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){});
	/* A file that reaches the limit is an error like a full disk, not a death. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int verb_run(const struct verb *verb, int argc, char **argv)
{
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_free_ void *opts = calloc(1, verb->opts_size);
	const char *const *args;
	int r;

	if (!opts)
		return log_oom();
	r = options_parse(verb, argc, argv, opts, &args, &diag);
	if (r < 0) {
		r = EXIT_USAGE;
	} else if (r > 0) {
		options_help(program, verb);
		r = EXIT_DONE;
	} else {
		r = verb->run(opts, args, &diag);
	}
	options_done(verb, opts);

	if (r < 0 || (r > 0 && diag.what))
		(void)log_diag(r < 0 ? r : -EINVAL, &diag);
	return r;
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	int r;

	log_setup(program, LOG_TARGET_STDERR);
	process_harden();
	interrupt_setup();

	if (argc < 2) {
		log_error("a verb is missing, see %s --help", program);
		return EXIT_USAGE;
	}
	if (streq(argv[1], "--help") || streq(argv[1], "-h")) {
		help();
		return EXIT_DONE;
	}
	if (streq(argv[1], "--version")) {
		printf("%s %s\n", program, DMSTACK_VERSION);
		return EXIT_DONE;
	}
	verb = verb_find(argv[1]);
	if (!verb) {
		log_error("unknown verb \"%s\", see %s --help", argv[1], program);
		return EXIT_USAGE;
	}

	r = verb_run(verb, argc - 1, argv + 1);
	if (fflush(stdout) != 0 && r == 0) {
		log_error_errno(-errno, "standard output");
		return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : r;
}
