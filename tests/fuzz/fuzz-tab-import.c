/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the four tables, with a form feed between them: whatever comes out has to be a
 * dmstack.conf without an error.
 */

#include <string.h>

#include "conf.h"
#include "fuzz.h"
#include "tab-import.h"

static bool exists(const char *path, void *userdata)
{
	return strlen(path) % 2 == 0;
}

static void on_refused(const char *where, const char *reason, void *userdata)
{
	int *n = userdata;

	fuzz_assert(*where == '/' && *reason);
	(*n)++;
}

static void on_error(void *userdata, const struct load_error *error)
{
	fuzz_assert(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_(buf_done) struct buf out = {};
	int refused = 0;
	struct tab_import import = {
		.exists = exists, .on_refused = on_refused, .userdata = &refused
	};
	const struct conf_sink sink = { .stack = &stack, .on_error = on_error };
	char *rest = text;

	fuzz_assert(text);
	for (enum tab tab = 0; tab < _TAB_MAX; tab++)
		import.texts[tab] = strsep(&rest, "\f");
	fuzz_assert(tab_import(&import, &out) == refused);
	fuzz_assert(conf_parse(buf_str(&out), out.size, "f", &sink) == 0);
	return 0;
}
