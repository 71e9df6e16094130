/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key files, read as raw bytes into locked memory and nowhere else.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "keystore.h"

#define KEY_SIZE_MAX 65536U /* bytes */

void keystore_done(struct keystore *store)
{
	for (size_t i = 0; i < store->n; i++) {
		keyref_done(&store->entries[i].ref);
		secret_free(store->entries[i].secret);
	}
	free(store->entries);
	*store = (struct keystore){};
}

static struct key_entry *keystore_find(const struct keystore *store, const struct keyref *ref)
{
	for (size_t i = 0; i < store->n; i++)
		if (keyref_equal(&store->entries[i].ref, ref))
			return &store->entries[i];
	return NULL;
}

static int keystore_add(struct keystore *store, const struct keyref *ref, const char *path)
{
	struct key_entry entry = { .path = path };
	struct key_entry *entries;
	int r;

	entries = reallocarray(store->entries, store->n + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	store->entries = entries;
	r = keyref_copy(ref, &entry.ref);
	if (r < 0)
		return r;
	if (!path)
		entry.path = entry.ref.value;
	entries[store->n++] = entry;
	return 0;
}

/* One word of --key: the reference ends at the first "=". */
static int keystore_add_word(struct keystore *store, const char *word, struct diag *diag)
{
	_cleanup_(keyref_done) struct keyref ref = {};
	const char *equals = strchr(word, '=');
	_cleanup_free_ char *name = NULL;
	int r;

	if (!equals || equals == word || equals[1] == '\0')
		return diag_set(diag, -EINVAL, "--key: \"%s\" is not REF=FILE", word);
	name = strndup(word, (size_t)(equals - word));
	if (!name)
		return -ENOMEM;
	r = keyref_parse(name, &ref, diag);
	if (r < 0)
		return diag_at(diag, r, "--key");
	if (ref.kind == KEYREF_NONE)
		return diag_set(diag, -EINVAL, "--key: \"%s\" names no key", word);
	if (keystore_find(store, &ref))
		return diag_set(diag, -EINVAL, "--key: %s is given twice", name);
	return keystore_add(store, &ref, equals + 1);
}

int keystore_init(struct keystore *ret, const struct strlist *words, struct diag *diag)
{
	_cleanup_(keystore_done) struct keystore store = {};
	int r;

	for (size_t i = 0; i < words->n; i++) {
		r = keystore_add_word(&store, words->items[i], diag);
		if (r < 0)
			return r;
	}
	*ret = store;
	store = (struct keystore){};
	return 0;
}

static int key_read(const char *path, struct secret **ret, struct diag *diag)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return diag_set(diag, -errno, "key file %s: %s", path, strerror(errno));
	r = secret_read(fd, KEY_SIZE_MAX, false, ret);
	if (r == -ENODATA)
		return diag_set(diag, r, "key file %s is empty", path);
	if (r == -EFBIG)
		return diag_set(diag, r, "key file %s is larger than %u bytes", path, KEY_SIZE_MAX);
	if (r < 0)
		return diag_set(diag, r, "key file %s: %s", path, strerror(-r));
	return 0;
}

int keystore_get(struct keystore *store, const struct keyref *ref, const struct secret **ret,
	struct diag *diag)
{
	struct key_entry *entry = keystore_find(store, ref);
	int r;

	if (!entry && ref->kind == KEYREF_FILE) {
		r = keystore_add(store, ref, NULL);
		if (r < 0)
			return r;
		entry = &store->entries[store->n - 1];
	}
	if (!entry) {
		_cleanup_(buf_done) struct buf text = {};

		keyref_print(ref, &text);
		return diag_set(diag, -ENOKEY, "no bytes for the key %s: give --key %s=FILE",
			buf_str(&text), buf_str(&text));
	}
	if (!entry->secret) {
		r = key_read(entry->path, &entry->secret, diag);
		if (r < 0)
			return r;
	}
	*ret = entry->secret;
	return 0;
}
