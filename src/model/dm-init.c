/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel splits the text at commas, semicolons and blanks, and knows no escape; so a word with
 * one of these in it is refused.
 */

#include "dm-init.h"

#include <errno.h>
#include <string.h>

struct dm_init {
	struct layer *const *layers;
	size_t n;
	struct buf create;
	struct buf wait; /* separated by commas */
};

static void dm_init_done(struct dm_init *init)
{
	buf_done(&init->create);
	buf_done(&init->wait);
}

static int word_check(const struct layer *layer, const char *word, struct diag *diag)
{
	const char *bad = strpbrk(word, " ,;\"\\\t\n");

	if (bad)
		return diag_set(diag, -EINVAL,
			"\"%s\" cannot be said on the kernel command line: dm-mod.create has no "
			"escape for '%c'",
			word, *bad);
	return 0;
}

/* What the kernel finds by itself: partitions by label and UUID, and nodes by their own name. */
static int put_source(struct dm_init *init, const struct layer *layer, const struct devref *ref,
	struct diag *diag)
{
	_cleanup_(buf_done) struct buf word = {};
	const char *node = ref->kind == DEVREF_PATH ? startswith(ref->value, "/dev/") : NULL;

	devref_print(ref, &word);
	if (buf_error(&word) < 0)
		return -ENOMEM;
	if (ref->kind != DEVREF_PARTUUID && ref->kind != DEVREF_PARTLABEL &&
		(!node || strchr(node, '/')))
		return diag_set(diag, -EINVAL,
			"the kernel does not find %s by itself: without udev it takes PARTUUID=, "
			"PARTLABEL= and nodes such as /dev/sda2",
			buf_str(&word));
	int r = word_check(layer, buf_str(&word), diag);

	if (r < 0)
		return r;
	buf_puts(&init->create, buf_str(&word));
	buf_printf(&init->wait, "%s%s", init->wait.size > 0 ? "," : "", buf_str(&word));
	return 0;
}

static int put_device(
	struct dm_init *init, const struct layer *layer, const char *role, struct diag *diag)
{
	const struct layer_device *device = layer_device(layer, role);

	if (!device)
		return diag_set(diag, -ENODATA, "no device for %s", role);
	if (!device->layer)
		return put_source(init, layer, &device->ref, diag);
	for (size_t i = 0; i < init->n; i++)
		if (init->layers[i] == device->layer)
			buf_printf(&init->create, "/dev/dm-%zu", i);
	return 0;
}

static int put_word(
	struct dm_init *init, const struct layer *layer, const struct word *word, struct diag *diag)
{
	if (word->kind == WORD_UNKNOWN)
		return diag_set(diag, -ENODATA,
			"%s: has to be given, since nobody reads the superblock before the kernel "
			"makes the mapping",
			word->field);

	int r = word_check(layer, word->text, diag);

	if (r < 0)
		return r;
	buf_printf(&init->create, " %s", word->text);
	return word->kind == WORD_DEVICE ? put_device(init, layer, word->role, diag) : 0;
}

/* A key in the table would be on the command line, and one in a keyring is not there yet. */
static int layer_check(const struct layer *layer, struct diag *diag)
{
	const struct layer_type *type = layer->type;
	const char *use;

	if (!type->early)
		return diag_set(diag, -EOPNOTSUPP,
			"the kernel makes no mapping of type %s by itself; \"%s\" needs an initrd",
			type->name, layer->name);
	if (layer->key.kind != KEYREF_NONE)
		return diag_set(diag, -EOPNOTSUPP,
			"\"%s\" needs a key, which must not stand on the kernel command line; use "
			"an initrd",
			layer->name);
	if (type->public_key && type->public_key(layer, &use))
		return diag_set(diag, -EOPNOTSUPP,
			"\"%s\" has a signature, which no keyring holds before there is user "
			"space; use an initrd",
			layer->name);
	if (layer->common.device_size == 0)
		return diag_set(diag, -ENODATA,
			"device-size: has to be given for \"%s\", since no device can be asked",
			layer->name);
	return 0;
}

static int put_layer(struct dm_init *init, size_t i, struct diag *diag)
{
	_cleanup_(dmtable_done) struct dmtable table = {};
	const struct layer *layer = init->layers[i];
	int r = layer_check(layer, diag);

	if (r < 0)
		return r;
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);

	r = layer_table(layer, layer->common.device_size / SECTOR_SIZE, &table);
	if (r < 0 || !uuid)
		return -ENOMEM;
	buf_printf(&init->create, "%s%s,%s,%zu,%s,0 %ju %s", i > 0 ? ";" : "", layer->name, uuid, i,
		table.read_only ? "ro" : "rw", (uintmax_t)table.length_sectors, table.target);
	for (size_t n = 0; r == 0 && n < table.n_words; n++)
		r = put_word(init, layer, &table.words[n], diag);
	return r;
}

int dm_init_print(struct layer *const *layers, size_t n, struct buf *ret, struct diag *diag)
{
	_cleanup_(dm_init_done) struct dm_init init = { .layers = layers, .n = n };

	for (size_t i = 0; i < n; i++) {
		int r = put_layer(&init, i, diag);

		if (r < 0)
			return diag_at(diag, r, "%s", layers[i]->where ?: layers[i]->name);
	}
	if (init.create.size > DM_INIT_SIZE_MAX)
		return diag_set(diag, -E2BIG,
			"dm-mod.create= would have %zu bytes, and the kernel takes %u",
			init.create.size, DM_INIT_SIZE_MAX);
	buf_printf(ret, "dm-mod.create=\"%s\"", buf_str(&init.create));
	if (init.wait.size > 0)
		buf_printf(ret, " dm-mod.waitfor=%s", buf_str(&init.wait));
	buf_printf(ret, " root=/dev/dm-%zu %s\n", n - 1,
		layer_is_read_only(layers[n - 1]) ? "ro" : "rw");
	return buf_error(&init.create) < 0 ? buf_error(&init.create) : buf_error(&init.wait);
}
