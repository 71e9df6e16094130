/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which device of the target each image will be on. What nobody names gets a partition label that
 * follows from the name of the stack.
 */

#include <string.h>

#include "cleanup.h"
#include "layer-verity.h"
#include "recipe-draft.h"

/* What the name of a GPT partition can hold. */
#define PARTLABEL_MAX 36U

/* --device [LAYER.]ROLE=DEVICE; without a layer the role must be that of one layer only. */
static int draft_set_device(struct draft *draft, const char *word, struct diag *diag)
{
	const char *equals = strchr(word, '=');
	const char *dot = draft_last_dot(word);
	struct layer_spec *spec = NULL;
	_cleanup_free_ char *role = NULL;

	if (!equals || equals == word || equals[1] == '\0')
		return diag_set(diag, -EINVAL, "not [LAYER.]ROLE=DEVICE");
	if (dot && dot > equals)
		dot = NULL;
	role = dot ? strndup(dot + 1, (size_t)(equals - dot - 1))
		   : strndup(word, (size_t)(equals - word));
	if (!role)
		return -ENOMEM;

	if (dot)
		spec = draft_find(draft, word, (size_t)(dot - word), diag);
	else if (streq(role, "data"))
		spec = &draft->specs[0];
	for (size_t i = 0; !dot && !spec && i < draft->n; i++)
		for (size_t k = 0; k < draft->specs[i].type->n_roles; k++)
			if (streq(draft->specs[i].type->roles[k].name, role))
				spec = &draft->specs[i];
	if (!spec)
		return diag_set(diag, -EINVAL, "no layer has a device \"%s\"", role);
	if (streq(role, "data") && spec != &draft->specs[0])
		return diag_set(
			diag, -EINVAL, "the data device of %s is the layer below", spec->name);
	return layer_set_device(draft->layers[spec - draft->specs], role, equals + 1, diag);
}

int draft_set_devices(struct draft *draft, struct diag *diag)
{
	const struct strlist *words = draft->args->devices;
	int r;

	for (size_t i = 0; i < words->n; i++) {
		r = draft_set_device(draft, words->items[i], diag);
		if (r < 0)
			return diag_at(diag, r, "--device %s", words->items[i]);
	}
	return 0;
}

/* PARTLABEL=STACK for the data, PARTLABEL=STACK-ROLE for the rest, numbered where it is taken. */
static int draft_set_partlabel(
	struct draft *draft, size_t index, const char *role, unsigned number, struct diag *diag)
{
	_cleanup_(buf_done) struct buf text = {};

	buf_printf(&text, "PARTLABEL=%s", draft->args->name);
	if (!streq(role, "data"))
		buf_printf(&text, "-%s", role);
	if (number > 1)
		buf_printf(&text, "%u", number);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	if (text.size > strlen("PARTLABEL=") + PARTLABEL_MAX)
		return diag_set(diag, -EINVAL,
			"%s is longer than the %u characters of a GPT label: give --device %s.%s=",
			text.data, PARTLABEL_MAX, draft->specs[index].name, role);
	return layer_set_device(draft->layers[index], role, text.data, diag);
}

int draft_share_device(
	struct layer *layer, const char *role, const struct layer_device *device, struct diag *diag)
{
	_cleanup_(buf_done) struct buf text = {};

	devref_print(&device->ref, &text);
	if (buf_error(&text) < 0)
		return -ENOMEM;
	return layer_set_device(layer, role, buf_str(&text), diag);
}

/* Whether the role has a device of its own although none was named. */
static bool role_is_own(const struct draft *draft, size_t index, size_t role)
{
	const struct layer_spec *spec = &draft->specs[index];
	const struct layer *layer = draft->layers[index];
	const char *name = spec->type->roles[role].name;

	if (spec->own & 1U << role)
		return true;
	if ((spec->inside | spec->beside) & 1U << role || layer->type != &layer_type_verity)
		return false;
	return streq(name, "hash") || (streq(name, "fec") && layer_is_set(layer, "fec-roots"));
}

static int draft_check_places(const struct draft *draft, size_t index, struct diag *diag)
{
	const struct layer_spec *spec = &draft->specs[index];

	for (size_t k = 1; k < spec->type->n_roles; k++) {
		const char *name = spec->type->roles[k].name;
		unsigned bit = 1U << k;
		bool named = layer_device(draft->layers[index], name);

		if (((spec->inside | spec->beside) & bit) && ((spec->own & bit) || named))
			return diag_set(diag, -EINVAL,
				"layer %s: %s=%s and a device of its own do not go together",
				spec->name, name, spec->inside & bit ? "data" : "hash");
		if ((spec->beside & bit) && (spec->inside & bit || streq(name, "hash")))
			return diag_set(diag, -EINVAL, "layer %s: %s=hash makes no sense",
				spec->name, name);
	}
	return 0;
}

/* Parity that lies behind data or tree names their device once more, since it has to be there. */
static int draft_share_parity(struct draft *draft, size_t index, struct diag *diag)
{
	const struct layer_spec *spec = &draft->specs[index];
	struct layer *layer = draft->layers[index];
	const struct layer_device *hash = layer_device(layer, "hash");
	int role = layer_type_find_role(spec->type, "fec");

	if (role < 0)
		return 0;
	if (spec->inside & 1U << role)
		return draft_share_device(layer, "fec", layer_device(layer, "data"), diag);
	if (spec->beside & 1U << role)
		return draft_share_device(
			layer, "fec", hash ? hash : layer_device(layer, "data"), diag);
	return 0;
}

int draft_default_devices(struct draft *draft, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];

		r = draft_check_places(draft, i, diag);
		if (r < 0)
			return r;
		if (i > 0)
			r = layer_set_device(layer, "data", draft->specs[i - 1].name, diag);
		else if (!layer_device(layer, "data"))
			r = draft_set_partlabel(draft, i, "data", 1, diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
	}
	for (size_t role = 1; role < LAYER_ROLES_MAX; role++)
		for (size_t i = 0; i < draft->n; i++) {
			const struct layer_type *type = draft->specs[i].type;
			unsigned number = 1;

			if (role >= type->n_roles || !role_is_own(draft, i, role) ||
				layer_device(draft->layers[i], type->roles[role].name))
				continue;
			for (size_t k = 0; k < i; k++)
				if (layer_device(draft->layers[k], type->roles[role].name))
					number++;
			r = draft_set_partlabel(draft, i, type->roles[role].name, number, diag);
			if (r < 0)
				return r;
		}
	for (size_t i = 0; i < draft->n; i++) {
		r = draft_share_parity(draft, i, diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", draft->specs[i].name);
	}
	return 0;
}
