/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices and options of dmstack.conf over those of a manifest.
 */

#include <errno.h>
#include <string.h>

#include "manifest-override.h"

/* The layer on the physical data device: each layer comes behind those that it stands on. */
static struct layer *find_base(const struct manifest *m)
{
	struct layer *layer = m->layers[m->n_layers - 1];

	for (size_t i = 0; i < m->n_layers; i++) {
		const struct layer_device *device = layer_device(layer, "data");

		if (!device || device->ref.kind != DEVREF_LAYER)
			return layer;
		layer = manifest_find_layer(m, device->ref.value);
		if (!layer)
			return NULL;
	}
	return NULL;
}

/*
 * The layer whose device in the role is meant. Returns 0 and NULL if no layer has such a role,
 * -EINVAL if several layers have.
 */
static int find_role(
	const struct manifest *m, const char *role, struct layer **ret, struct diag *diag)
{
	struct layer *with_device = NULL, *without_device = NULL;
	unsigned n_with = 0, n_without = 0;

	if (streq(role, "data")) {
		*ret = find_base(m);
		return 0;
	}
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct layer_device *device = layer_device(m->layers[i], role);

		if (layer_type_find_role(m->layers[i]->type, role) < 0)
			continue;
		if (!device) {
			without_device = m->layers[i];
			n_without++;
		} else if (device->ref.kind != DEVREF_LAYER) {
			with_device = m->layers[i];
			n_with++;
		}
	}
	if (n_with > 1 || (n_with == 0 && n_without > 1))
		return diag_set(diag, -EINVAL,
			"%s: several layers have such a device; the manifest has to name it", role);
	*ret = n_with > 0 ? with_device : without_device;
	return 0;
}

static int override_device(
	struct layer *layer, const char *role, const char *text, struct diag *diag)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		struct layer_device *device = &layer->devices[i];
		struct devref ref;
		int r;

		if (!streq(layer->type->roles[device->role].name, role))
			continue;
		r = devref_parse(text, &ref, diag);
		if (r < 0)
			return r;
		devref_done(&device->ref);
		device->ref = ref;
		return 0;
	}
	return layer_set_device(layer, role, text, diag);
}

static int override_phase(struct manifest *m, const char *value, struct diag *diag)
{
	/* As everywhere, an unknown phase is the sealed one. */
	if (!value || !streq(value, "bootstrap"))
		m->phase = PHASE_SEALED;
	else if (m->phase != PHASE_BOOTSTRAP)
		return diag_set(diag, -EINVAL,
			"phase=bootstrap: the manifest says sealed, which can only be kept");
	return 0;
}

static int override_fail(struct manifest *m, const char *value, struct diag *diag)
{
	struct layer_common common = {};
	int i = field_find(layer_common_fields, layer_n_common_fields, "fail");
	int r;

	if (i < 0)
		return -EINVAL;
	r = field_set(&layer_common_fields[i], &common, value, diag);
	if (r < 0)
		return r;
	m->fail = common.fail;
	return 0;
}

/* seen: bit n for common field n, so that an option that was given twice is found. */
static int override_common(
	struct manifest *m, const char *name, const char *value, uint64_t *seen, struct diag *diag)
{
	struct layer *top = m->layers[m->n_layers - 1];
	const char *field = streq(name, "sealed") && !value ? "phase" : name;
	int i = field_find(layer_common_fields, layer_n_common_fields, field);

	if (i < 0)
		return diag_set(diag, -EINVAL, "unknown option \"%s\" for a manifest", name);
	if (*seen & (UINT64_C(1) << i))
		return diag_set(diag, -EINVAL, "option \"%s\" is given twice", field);
	*seen |= UINT64_C(1) << i;

	if (streq(field, "phase"))
		return override_phase(m, streq(name, "sealed") ? "sealed" : value, diag);
	if (streq(field, "fail"))
		return override_fail(m, value, diag);
	if (top->common_set & (UINT64_C(1) << i))
		return diag_set(diag, -EINVAL, "option \"%s\": the manifest says it already", name);
	return layer_set(top, name, value, diag);
}

static int override_option(
	struct manifest *m, const char *option, uint64_t *seen, struct diag *diag)
{
	_cleanup_free_ char *name = strdup(option);
	struct layer *layer = NULL;
	char *value;
	int r;

	if (!name)
		return -ENOMEM;
	value = strchr(name, '=');
	if (value)
		*value++ = '\0';

	if (field_find(layer_common_fields, layer_n_common_fields, name) < 0 && value) {
		r = find_role(m, name, &layer, diag);
		if (r < 0)
			return r;
	}
	if (layer)
		return override_device(layer, name, value, diag);
	return override_common(m, name, value, seen, diag);
}

/* The key column. */
static int override_key(struct manifest *m, const char *key, struct diag *diag)
{
	struct layer *layer = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < m->n_layers; i++) {
		if (m->layers[i]->type->key != KEY_REQUIRED ||
			m->layers[i]->key.kind != KEYREF_NONE)
			continue;
		layer = m->layers[i];
		n++;
	}
	if (n != 1)
		return diag_set(diag, -EINVAL, "key \"%s\": %s", key,
			n == 0 ? "the manifest names every key that it needs"
			       : "several layers need one; the manifest has to name them");
	return keyref_parse(key, &layer->key, diag);
}

static int override_all(struct manifest *m, const struct conf_manifest *line, struct diag *diag)
{
	uint64_t seen = 0;
	int r = 0;

	if (!streq(line->name, m->name))
		return diag_set(
			diag, -EINVAL, "the manifest %s has the name \"%s\"", line->path, m->name);
	if (line->key)
		r = override_key(m, line->key, diag);
	for (const char *const *option = line->options; r >= 0 && *option; option++)
		r = override_option(m, *option, &seen, diag);
	return r;
}

int manifest_override(struct manifest *m, const struct conf_manifest *line, struct diag *diag)
{
	int r = override_all(m, line, diag);

	if (r >= 0 || r == -ENOMEM)
		return r;
	/* The line is wrong here, not the manifest. */
	(void)diag_at(diag, r, "%s", line->where);
	return r;
}
