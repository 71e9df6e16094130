/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words of others on the kernel command line that a sealed machine does not go on with. See
 * kernel-command-line(7), systemd-debug-generator(8) and dracut.cmdline(7).
 */

#include <fnmatch.h>
#include <string.h>

#include "cleanup.h"
#include "cmdline.h"
#include "parse.h"

enum guard_kind {
	GUARD_ALWAYS, /* whatever the value */
	GUARD_YES,    /* no value, or another than "no" */
	GUARD_NO,     /* a value other than "yes" */
	GUARD_VALUE,  /* a value that fits one of the patterns */
};

/* The last ones are of the initrd itself: without them it would not be what it is. */
static const char *const guarded_units[] = { "dmstack*", "system-dmstack.slice", "emergency.*",
	"rescue.*", "debug-shell.service", "breakpoint-*", "dracut-emergency.service", "initrd*",
	"sysroot*.mount", "systemd-fsck-root.service", NULL };
static const char *const shell_units[] = { "emergency.*", "rescue.*", "debug-shell.service",
	"breakpoint-*", "dracut-emergency.service", "runlevel1.target", NULL };
/* What makes our programs, or sulogin(8), see another world. */
static const char *const guarded_variables[] = { "DMSTACK_*", "SYSTEMD_*", "LD_*", NULL };
/* Credentials by which systemd replaces units, mounts, files and passwords. */
static const char *const guarded_credentials[] = { "systemd.*", "fstab.*", "tmpfiles.*",
	"sysusers.*", "passwd.*", "shell.*", "ssh.*", NULL };

static const struct {
	const char *key; /* behind "rd.", if that is there */
	enum guard_kind kind;
	const char *const *patterns;
	const char *why;
} guards[] = {
	{ "systemd.service_watchdogs", GUARD_NO, NULL, "time limits would have no action" },
	{ "systemd.confirm_spawn", GUARD_YES, NULL, "units could be skipped at the console" },
	{ "systemd.crash_shell", GUARD_YES, NULL, "it gives a shell" },
	{ "systemd.debug_shell", GUARD_YES, NULL, "it gives a shell" },
	{ "systemd.break", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "rd.break", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "systemd.run", GUARD_ALWAYS, NULL, "it runs any command" },
	{ "systemd.mask", GUARD_VALUE, guarded_units, "the sealed phase needs this unit" },
	{ "systemd.unit", GUARD_VALUE, shell_units, "it gives a shell" },
	{ "systemd.wants", GUARD_VALUE, shell_units, "it gives a shell" },
	{ "systemd.setenv", GUARD_VALUE, guarded_variables, "units would see another world" },
	{ "systemd.set_credential", GUARD_VALUE, guarded_credentials, "it changes the system" },
	{ "systemd.set_credential_binary", GUARD_VALUE, guarded_credentials,
		"it changes the system" },
	/* The short forms of systemd.unit=. */
	{ "emergency", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "-b", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "rescue", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "single", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "s", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "S", GUARD_ALWAYS, NULL, "it gives a shell" },
	{ "1", GUARD_ALWAYS, NULL, "it gives a shell" },
};

static bool matches(const char *const *patterns, const char *value)
{
	for (; value && *patterns; patterns++)
		if (fnmatch(*patterns, value, 0) == 0)
			return true;
	return false;
}

bool cmdline_guards_unit(const char *name)
{
	return matches(guarded_units, name);
}

/* systemd takes "-" and "_" in its words for the same. */
static char fold(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_key(const char *key, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fold(key[i]) != fold(word[i]))
			return false;
	return key[n] == '\0';
}

static bool guard_applies(enum guard_kind kind, const char *const *patterns, const char *value)
{
	bool yes = true;

	switch (kind) {
	case GUARD_ALWAYS:
		return true;
	case GUARD_YES:
		/* What is no boolean, such as the name of a terminal, counts as yes. */
		return !value || parse_bool(value, &yes) < 0 || yes;
	case GUARD_NO:
		return value && (parse_bool(value, &yes) < 0 || !yes);
	case GUARD_VALUE:
		return matches(patterns, value);
	}
	return true;
}

static int guard_word(const char *word, struct diag *diag)
{
	const char *value = strchr(word, '='), *rest = startswith(word, "rd.");
	const size_t n = value ? (size_t)(value - word) : strlen(word);
	const size_t skip = rest ? (size_t)(rest - word) : 0;

	value = value ? value + 1 : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		if (!same_key(guards[i].key, word, n) &&
			!(rest && n >= skip && same_key(guards[i].key, rest, n - skip)))
			continue;
		if (guard_applies(guards[i].kind, guards[i].patterns, value))
			return diag_set(diag, -EPERM, "\"%s\" is on the kernel command line: %s",
				word, guards[i].why);
	}
	return 0;
}

int cmdline_guard(const char *text, struct diag *diag)
{
	_cleanup_free_ char *copy = strdup(text);
	char *p = copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && cmdline_next_word(&p, &word))
		r = guard_word(word, diag);
	return r;
}
