/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only place where key bytes become text, and that text is in locked memory.
 */

#include "table-render.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "hex.h"

/* "4294967295:4294967295" */
#define DEVICE_TEXT_MAX 24

static const struct table_device *find_device(const struct table_inputs *in, const char *role)
{
	for (size_t i = 0; i < in->n_devices; i++)
		if (streq(in->devices[i].role, role))
			return &in->devices[i];
	return NULL;
}

static const struct secret *find_key(const struct table_inputs *in, const struct keyref *ref)
{
	for (size_t i = 0; i < in->n_keys; i++)
		if (in->keys[i].ref == ref || keyref_equal(in->keys[i].ref, ref))
			return in->keys[i].bytes;
	return NULL;
}

/* Bytes that the word takes at most, or an error if it cannot be rendered. */
static int word_check(
	const struct word *word, const struct table_inputs *in, size_t *ret, struct diag *diag)
{
	size_t prefix = strlen(word->text);
	const struct secret *key;

	switch (word->kind) {
	case WORD_TEXT:
		*ret = prefix;
		return 0;
	case WORD_DEVICE:
		if (!find_device(in, word->role))
			return diag_set(diag, -ENODATA, "the table needs a %s device", word->role);
		*ret = prefix + DEVICE_TEXT_MAX;
		return 0;
	case WORD_KEY:
		key = find_key(in, word->key);
		if (!key)
			return diag_set(
				diag, -ENODATA, "the table needs a key for \"%s\"", word->text);
		*ret = prefix + 2 * secret_size(key);
		return 0;
	case WORD_UNKNOWN:
		break;
	}
	return diag_set(diag, -ENODATA, "%s is not known, and there is no superblock that tells it",
		word->field);
}

/* Writes the word and returns the place behind it. */
static char *word_write(char *p, const struct word *word, const struct table_inputs *in)
{
	const struct table_device *device;
	const struct secret *key;

	p = stpcpy(p, word->text);
	device = word->kind == WORD_DEVICE ? find_device(in, word->role) : NULL;
	if (device)
		p += snprintf(
			p, DEVICE_TEXT_MAX, "%u:%u", major(device->device), minor(device->device));
	key = word->kind == WORD_KEY ? find_key(in, word->key) : NULL;
	if (key) {
		hex_encode(secret_peek(key), secret_size(key), p);
		p += 2 * secret_size(key);
	}
	return p;
}

int table_render(const struct dmtable *table, const struct table_inputs *inputs,
	struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *text = NULL;
	size_t total = 1;
	int r;

	r = dmtable_error(table);
	if (r < 0)
		return r;
	for (size_t i = 0; i < table->n_words; i++) {
		size_t size = 0;

		r = word_check(&table->words[i], inputs, &size, diag);
		if (r < 0)
			return r;
		total += size + 1;
	}

	r = secret_new(total, dmtable_has_key(table), &text);
	if (r < 0)
		return diag_set(diag, r, "no locked memory for the table: %s", strerror(-r));

	char *p = (char *)secret_bytes(text);

	for (size_t i = 0; i < table->n_words; i++) {
		if (i > 0)
			*p++ = ' ';
		p = word_write(p, &table->words[i], inputs);
	}
	*p++ = '\0';
	secret_truncate(text, (size_t)(p - (char *)secret_bytes(text)));
	*ret = take_ptr(text);
	return 0;
}
