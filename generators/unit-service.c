/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The drop-in of one layer's service. The template has what all layers share; here are the edges
 * to what lies below, to keys, and to the targets.
 */

#include <string.h>

#include "cleanup.h"
#include "units-private.h"

/* The same device in two roles gives one edge. */
static bool device_came_before(const struct layer *layer, size_t n)
{
	const struct layer_device *device = &layer->devices[n];

	for (size_t i = 0; i < n; i++) {
		const struct layer_device *other = &layer->devices[i];

		if (device->layer ? other->layer == device->layer
				  : !other->layer && other->ref.kind == device->ref.kind &&
					    streq_ptr(other->ref.value, device->ref.value))
			return true;
	}
	return false;
}

/*
 * The lower layer's service, never its device unit: a mapping in the middle may stay unready for
 * systemd. The blockdev target is what the lower service stops after.
 */
static void put_lower(struct buf *buf, const struct layer *lower)
{
	buf_puts(buf, "Requires=");
	put_service(buf, lower->name);
	buf_puts(buf, "\nAfter=");
	put_service(buf, lower->name);
	put_mapper_unit(buf, " blockdev@", lower->name, ".target\n");
}

static void put_file(struct buf *buf, const char *path)
{
	buf_puts(buf, "RequiresMountsFor=");
	unit_value_quote(buf, path);
	buf_putc(buf, '\n');
}

static void put_source(struct buf *buf, const struct devref *ref)
{
	_cleanup_free_ char *path = devref_path(ref);

	if (!path) {
		buf->error = -ENOMEM;
		return;
	}
	put_path_unit(buf, "BindsTo=", path, ".device\n");
	put_path_unit(buf, "After=", path, ".device");
	/* A mapping of somebody else, who also wants to take it down after us. */
	if (startswith(path, "/dev/mapper/"))
		put_path_unit(buf, " blockdev@", path, ".target");
	buf_putc(buf, '\n');
}

static void put_devices(struct buf *buf, const struct layer *layer)
{
	bool loop = false;

	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer_device *device = &layer->devices[i];

		if (device_came_before(layer, i))
			continue;
		if (device->layer) {
			put_lower(buf, device->layer);
		} else if (devref_is_file(&device->ref)) {
			put_file(buf, device->ref.value);
			loop = true;
		} else {
			put_source(buf, &device->ref);
		}
	}
	if (loop)
		buf_puts(buf, "Wants=modprobe@loop.service\nAfter=modprobe@loop.service\n");
}

/* The layer's own key, then those in its fields. Returns NULL behind the last. */
static const struct keyref *layer_keyref(const struct layer *layer, size_t *i)
{
	const struct layer_type *type = layer->type;

	if (*i == 0 && (*i)++ == 0)
		return &layer->key;
	for (; *i - 1 < type->n_fields; (*i)++)
		if (type->fields[*i - 1].kind == FIELD_KEYREF)
			return FIELD_PTR(&type->fields[(*i)++ - 1], layer->params);
	return NULL;
}

static void put_key_edges(struct buf *buf, const struct layer *layer)
{
	const struct keyref *key;
	size_t i = 0;

	while ((key = layer_keyref(layer, &i))) {
		if (key->kind == KEYREF_FILE)
			put_file(buf, key->value);
	}
	if (layer_has_key(layer, KEYREF_TPM2))
		buf_puts(buf, "Requires=" UNSEAL_UNIT "\nAfter=" UNSEAL_UNIT "\n");
}

static bool keyref_came_before(const struct layer *layer, const struct keyref *key)
{
	const struct keyref *other;
	size_t i = 0;

	while ((other = layer_keyref(layer, &i)) && other != key)
		if (keyref_equal(other, key))
			return true;
	return false;
}

static void put_key_settings(const struct units *u, struct buf *buf, const struct layer *layer)
{
	const struct units_input *in = u->in;
	const struct keyref *key;
	bool shared = false, ask = false;
	size_t i = 0;

	while ((key = layer_keyref(layer, &i))) {
		shared |= key->kind == KEYREF_KEYRING || key->kind == KEYREF_TPM2;
		ask |= key->kind == KEYREF_ASK;
		if (key->kind != KEYREF_CREDENTIAL || keyref_came_before(layer, key))
			continue;
		const bool encrypted = in->credential_is_encrypted &&
				       in->credential_is_encrypted(key->value, in->userdata);

		buf_puts(buf, encrypted ? "LoadCredentialEncrypted=" : "LoadCredential=");
		unit_value_puts(buf, key->value);
		buf_putc(buf, '\n');
	}
	/* A key of root's own keyring is readable only where that is linked to the session's. */
	if (shared)
		buf_puts(buf, "KeyringMode=shared\n");
	/* A person is not bound to the template's time; the sealed phase never asks. */
	if (ask && layer->common.phase == PHASE_BOOTSTRAP)
		buf_puts(buf, "TimeoutStartSec=infinity\n");
}

void unit_service_add(struct units *u, const struct layer *layer, bool top)
{
	const struct layer_common *common = &layer->common;
	struct unit_tree *tree = u->tree;
	struct buf *buf;

	buf_reset(&u->scratch);
	put_service(&u->scratch, layer->name);
	buf_puts(&u->scratch, ".d");
	buf = unit_tree_add_file(tree, UNIT_PLACE_NORMAL, scratch_str(u), "50-dmstack.conf");
	buf_puts(buf, GENERATED_HEAD);
	if (layer->source_path) {
		buf_puts(buf, "SourcePath=");
		unit_value_puts(buf, layer->source_path);
		buf_putc(buf, '\n');
	}
	put_mapper_unit(buf, "Wants=blockdev@", layer->name, ".target\n");
	put_mapper_unit(buf, "Before=blockdev@", layer->name, ".target\n");
	put_devices(buf, layer);
	put_key_edges(buf, layer);
	/* So that it goes before the network does. */
	if (common->netdev)
		buf_puts(buf, "After=remote-fs-pre.target network.target\n");
	if (top && !common->nofail)
		buf_puts(buf, common->netdev ? "Before=remote-dmstack.target\n"
					     : "Before=dmstack.target\n");
	/* What the initrd attached is left for its counterpart at shutdown, as a whole stack. */
	if (!common->initrd)
		buf_puts(buf, "Conflicts=umount.target\nBefore=umount.target\n");

	buf_reset(&u->scratch);
	unit_put_sealed_layer(buf, &u->scratch, layer);
	put_key_settings(u, &u->scratch, layer);
	if (u->scratch.size > 0 || buf_error(&u->scratch) < 0)
		buf_printf(buf, "\n[Service]\n%s", scratch_str(u));
	unit_tree_end_file(tree);
}
