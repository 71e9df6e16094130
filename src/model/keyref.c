/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsing and printing of key references.
 */

#include "keyref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const prefixes[_KEYREF_KIND_MAX] = {
	[KEYREF_FILE] = "file:",
	[KEYREF_CREDENTIAL] = "credential:",
	[KEYREF_KEYRING] = "keyring:",
	[KEYREF_TPM2] = "tpm2:",
};

void keyref_done(struct keyref *key)
{
	free(key->value);
	*key = (struct keyref){};
}

/* A name becomes a file name or part of one, so it must stay within its folder. */
static bool name_is_safe(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

static int value_check(
	enum keyref_kind kind, const char *value, const char *text, struct diag *diag)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return diag_set(
				diag, -EINVAL, "key \"%s\" has a blank or control character", text);
	if (kind == KEYREF_FILE && *value != '/')
		return diag_set(
			diag, -EINVAL, "key \"%s\": the path of a key file must be absolute", text);
	if ((kind == KEYREF_CREDENTIAL || kind == KEYREF_TPM2) && !name_is_safe(value))
		return diag_set(diag, -EINVAL, "key \"%s\": not a name of a key", text);
	if (!*value)
		return diag_set(diag, -EINVAL, "key \"%s\" names nothing", text);
	return 0;
}

int keyref_parse(const char *text, struct keyref *ret, struct diag *diag)
{
	if (streq(text, "-") || streq(text, "none")) {
		*ret = (struct keyref){};
		return 0;
	}
	if (streq(text, "ask")) {
		*ret = (struct keyref){ .kind = KEYREF_ASK };
		return 0;
	}

	enum keyref_kind kind = KEYREF_NONE;
	const char *value = NULL;

	if (*text == '/') {
		kind = KEYREF_FILE;
		value = text;
	}
	for (int i = 0; !value && i < _KEYREF_KIND_MAX; i++)
		if (prefixes[i]) {
			value = startswith(text, prefixes[i]);
			kind = (enum keyref_kind)i;
		}
	if (!value)
		return diag_set(diag, -EINVAL,
			"key \"%s\" is none of -, file:/PATH, credential:NAME, keyring:DESCRIPTION, "
			"tpm2:NAME, ask",
			text);

	int r = value_check(kind, value, text, diag);
	if (r < 0)
		return r;

	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	*ret = (struct keyref){ .kind = kind, .value = copy };
	return 0;
}

int keyref_copy(const struct keyref *from, struct keyref *ret)
{
	char *value = NULL;

	if (from->value && !(value = strdup(from->value)))
		return -ENOMEM;
	*ret = (struct keyref){ .kind = from->kind, .value = value };
	return 0;
}

void keyref_print(const struct keyref *key, struct buf *buf)
{
	if (key->kind == KEYREF_NONE)
		buf_putc(buf, '-');
	else if (key->kind == KEYREF_ASK)
		buf_puts(buf, "ask");
	else
		buf_printf(buf, "%s%s", prefixes[key->kind], key->value);
}

bool keyref_equal(const struct keyref *a, const struct keyref *b)
{
	return a->kind == b->kind && streq_ptr(a->value, b->value);
}
