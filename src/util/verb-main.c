/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is the same in the programs with verbs. What a verb returns is logged here and nowhere else.
 */

#include "verb-main.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "interrupt.h"
#include "log.h"

static void help(const struct program *program)
{
	size_t width = 0;

	for (size_t i = 0; i < program->n_verbs; i++)
		width = MAX(width, strlen(program->verbs[i]->args ?: ""));

	printf("%s VERB [OPTION...]\n\n%s.\n\n", program->name, program->summary);
	for (size_t i = 0; i < program->n_verbs; i++)
		printf("  %-12s%-*s%s\n", program->verbs[i]->name, (int)width + 2,
			program->verbs[i]->args ?: "", program->verbs[i]->summary);
	printf("\n  -h, --help   this text; behind a verb: its options\n"
	       "  --version    the version\n\n"
	       "Exit status: %s.\n"
	       "See %s.\n",
		program->exit_status, program->page);
}

static const struct verb *verb_find(const struct program *program, const char *name)
{
	for (size_t i = 0; i < program->n_verbs; i++)
		if (streq(program->verbs[i]->name, name))
			return program->verbs[i];
	return NULL;
}

/* Keys pass through this process: no core file and no ptrace(2) by others. */
static void process_harden(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){});
	/* A file that reaches the limit is an error like a full disk, not a death. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int verb_run(const char *program, const struct verb *verb, int argc, char **argv)
{
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_free_ void *opts = calloc(1, verb->opts_size);
	const char *const *args;

	if (!opts)
		return log_oom();
	int r = options_parse(verb, argc, argv, opts, &args, &diag);
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

/* The option of any verb that has this name or, of a single character, this letter. */
static const struct option_def *option_find(
	const struct program *program, const char *name, size_t length, bool is_letter)
{
	for (size_t i = 0; i < program->n_verbs; i++)
		for (size_t k = 0; k < program->verbs[i]->n_options; k++) {
			const struct option_def *def = &program->verbs[i]->options[k];

			if (is_letter ? def->letter == *name
				      : strlen(def->name) == length &&
						strncmp(def->name, name, length) == 0)
				return def;
		}
	return NULL;
}

/*
 * How many words an option before the verb takes, 1 or 2. Verbs that share an option agree on
 * whether it has a value. 0: no verb has it.
 */
static int option_words(const struct program *program, const char *word)
{
	const struct option_def *def;

	if (streq(word, "--help") || streq(word, "-h"))
		return 1;
	if (startswith(word, "--")) {
		size_t length = strcspn(word + 2, "=");

		def = option_find(program, word + 2, length, false);
		return !def ? 0 : def->arg && word[2 + length] != '=' ? 2 : 1;
	}
	for (const char *letter = word + 1; *letter; letter++) {
		def = option_find(program, letter, 1, true);
		if (!def || def->arg)
			return !def ? 0 : letter[1] ? 1 : 2;
	}
	return word[1] ? 1 : 0;
}

/* Options may stand before the verb, too: they are put behind it. */
static int verb_to_front(const struct program *program, int argc, char **argv)
{
	int at = 1;

	while (at < argc && argv[at][0] == '-') {
		int n = option_words(program, argv[at]);

		if (n == 0) {
			log_error("unknown option \"%s\", see %s --help", argv[at], program->name);
			return -EINVAL;
		}
		at += n;
	}
	if (at >= argc) {
		log_error("a verb is missing, see %s --help", program->name);
		return -EINVAL;
	}
	char *verb = argv[at];

	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
	argv[1] = verb;
	return 0;
}

int verb_main(const struct program *program, int argc, char **argv)
{
	log_setup(program->name, LOG_TARGET_STDERR);
	process_harden();
	interrupt_setup();

	if (argc > 1 && (streq(argv[1], "--help") || streq(argv[1], "-h"))) {
		help(program);
		return EXIT_DONE;
	}
	if (argc > 1 && streq(argv[1], "--version")) {
		printf("%s %s\n", program->name, program->version);
		return EXIT_DONE;
	}
	if (verb_to_front(program, argc, argv) < 0)
		return EXIT_USAGE;
	const struct verb *verb = verb_find(program, argv[1]);
	if (!verb) {
		log_error("unknown verb \"%s\", see %s --help", argv[1], program->name);
		return EXIT_USAGE;
	}

	int r = verb_run(program->name, verb, argc - 1, argv + 1);
	if (fflush(stdout) != 0 && r == 0) {
		(void)log_error_errno(-errno, "standard output");
		return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : r;
}
