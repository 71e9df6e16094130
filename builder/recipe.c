/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the words of the command line to linked layers. Each step below does one thing to all
 * layers, so that an option given later is not overwritten by a default.
 */

#include <string.h>

#include "cleanup.h"
#include "layer-integrity.h"
#include "layer-luks.h"
#include "layer-verity.h"
#include "presets.h"
#include "recipe-draft.h"

static void draft_done(struct draft *draft)
{
	for (size_t i = 0; i < draft->n; i++) {
		layer_spec_done(&draft->specs[i]);
		layer_free(draft->layers[i]);
		luks_additions_done(&draft->luks[i]);
	}
}

static int draft_add_preset(struct draft *draft, const char *name, struct diag *diag)
{
	_cleanup_(buf_done) struct buf names = {};
	const struct preset *preset = preset_find(name);
	int r;

	if (!preset) {
		for (size_t i = 0; i < n_presets; i++)
			buf_printf(&names, "%s%s", i ? ", " : "", presets[i].name);
		return diag_set(
			diag, -EINVAL, "--stack: \"%s\" is none of %s", name, buf_str(&names));
	}
	for (size_t i = 0; i < PRESET_LAYERS_MAX && preset->layers[i]; i++) {
		r = layer_spec_parse(preset->layers[i], &draft->specs[draft->n], diag);
		if (r < 0)
			return r;
		draft->n++;
	}
	return 0;
}

static int draft_add_layers(struct draft *draft, const struct strlist *words, struct diag *diag)
{
	int r;

	if (words->n > RECIPE_LAYERS_MAX)
		return diag_set(diag, -EINVAL, "more than %u layers", RECIPE_LAYERS_MAX);
	for (size_t i = 0; i < words->n; i++) {
		r = layer_spec_parse(words->items[i], &draft->specs[draft->n], diag);
		if (r < 0)
			return r;
		draft->n++;
	}
	return 0;
}

struct layer_spec *draft_find(struct draft *draft, const char *name, size_t len, struct diag *diag)
{
	struct layer_spec *found = NULL;

	for (size_t i = 0; i < draft->n; i++)
		if (strlen(draft->specs[i].name) == len &&
			memcmp(draft->specs[i].name, name, len) == 0)
			return &draft->specs[i];
	for (size_t i = 0; i < draft->n; i++) {
		const char *type = draft->specs[i].type->name;

		if (strlen(type) != len || memcmp(type, name, len) != 0)
			continue;
		if (found) {
			(void)diag_set(diag, -EINVAL, "\"%.*s\" stands for more than one layer",
				(int)len, name);
			return NULL;
		}
		found = &draft->specs[i];
	}
	if (!found)
		(void)diag_set(diag, -EINVAL, "there is no layer \"%.*s\"", (int)len, name);
	return found;
}

const char *draft_last_dot(const char *word)
{
	const char *dot = NULL;

	for (const char *p = word; *p && *p != '='; p++)
		if (*p == '.')
			dot = p;
	return dot;
}

static int draft_add_layer_options(struct draft *draft, struct diag *diag)
{
	const struct strlist *words = draft->args->layer_options;
	int r;

	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->items[i];
		const char *dot = draft_last_dot(word);
		struct layer_spec *spec;

		/* Option names have dots too: x-initrd.attach. */
		const char *initrd = strstr(word, ".x-initrd.");

		if (initrd && initrd < dot)
			dot = initrd;
		if (!dot)
			return diag_set(diag, -EINVAL,
				"--layer-option: \"%s\" is not LAYER.OPTION[=VALUE]", word);
		spec = draft_find(draft, word, (size_t)(dot - word), diag);
		if (!spec)
			return diag_at(diag, -EINVAL, "--layer-option %s", word);
		if (startswith(dot + 1, "name="))
			return diag_set(diag, -EINVAL,
				"--layer-option %s: use --layer to name a "
				"layer",
				word);
		r = layer_spec_add(spec, dot + 1, diag);
		if (r < 0)
			return diag_at(diag, r, "--layer-option %s", word);
	}
	return 0;
}

static int draft_make_layers(struct draft *draft, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < draft->n; i++) {
		struct layer_spec *spec = &draft->specs[i];
		struct layer *layer;

		r = layer_new(spec->name, spec->type, &draft->layers[i], diag);
		if (r < 0)
			return r;
		layer = draft->layers[i];
		if (asprintf(&layer->where, "layer %s", spec->name) < 0) {
			layer->where = NULL;
			return -ENOMEM;
		}
		for (size_t o = 0; o < spec->n_options; o++) {
			r = layer_set_option(layer, spec->options[o], diag);
			if (r < 0)
				return diag_at(diag, r, "layer %s", spec->name);
		}
	}
	return 0;
}

static int layer_set_default(
	struct layer *layer, const char *field, const char *value, struct diag *diag)
{
	return layer_is_set(layer, field) ? 0 : layer_set(layer, field, value, diag);
}

static int draft_default_fields(struct draft *draft, struct diag *diag)
{
	const struct recipe_args *args = draft->args;
	int r = 0;

	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];

		for (size_t k = 0; r >= 0 && k < n_layer_defaults; k++)
			if (streq(layer_defaults[k].type, layer->type->name))
				r = layer_set_default(layer, layer_defaults[k].field,
					layer_defaults[k].value, diag);
		if (r >= 0 && args->phase)
			r = layer_set(layer, "phase", args->phase, diag);
		if (r >= 0 && args->fail)
			r = layer_set(layer, "fail", args->fail, diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
	}
	return 0;
}

static int salt_set(const struct seed *seed, struct layer *layer, size_t size, struct diag *diag)
{
	_cleanup_(buf_done) struct buf label = {}, text = {};
	uint8_t salt[32];
	int r;

	buf_printf(&label, "%s/salt", layer->name);
	if (buf_error(&label) < 0)
		return -ENOMEM;
	r = seed_bytes(seed, label.data, salt, size);
	if (r < 0)
		return diag_set(diag, r, "no random bytes: %s", strerror(-r));
	buf_hex(&text, salt, size);
	return layer_set(layer, "salt", buf_str(&text), diag);
}

static int uuid_set(const struct seed *seed, struct layer *layer, struct diag *diag)
{
	_cleanup_(buf_done) struct buf label = {};
	uint8_t uuid[16];
	int r;

	buf_printf(&label, "%s/uuid", layer->name);
	if (buf_error(&label) < 0)
		return -ENOMEM;
	r = seed_uuid(seed, label.data, uuid);
	if (r < 0)
		return diag_set(diag, r, "no random bytes: %s", strerror(-r));
	if (layer->type == &layer_type_luks)
		memcpy(luks_fields(layer)->uuid, uuid, sizeof(uuid));
	else
		memcpy(verity_fields(layer)->uuid, uuid, sizeof(uuid));
	layer_mark_set(layer, "uuid");
	return 0;
}

static int draft_randomize(struct draft *draft, const struct seed *seed, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];

		if (layer->type == &layer_type_integrity && !layer_is_set(layer, "salt") &&
			integrity_has_salt(layer))
			r = salt_set(seed, layer, 16, diag);
		if (r >= 0 && layer->type == &layer_type_verity && !layer_is_set(layer, "salt"))
			r = salt_set(seed, layer, 32, diag);
		if (r >= 0 &&
			(layer->type == &layer_type_verity || layer->type == &layer_type_luks) &&
			!layer_is_set(layer, "uuid"))
			r = uuid_set(seed, layer, diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
	}
	return 0;
}

/* All tags are computed here, so nothing may tell the kernel to compute or to ignore them. */
static int check_integrity(const struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f;

	if (layer->type != &layer_type_integrity)
		return 0;
	f = integrity_fields(layer);
	if (f->mode == INTEGRITY_RECOVERY)
		return diag_set(
			diag, -EINVAL, "mode: recovery checks nothing, so no image is made for it");
	if (f->recalculate || f->recalculate_reset)
		return diag_set(diag, -EINVAL,
			"integrity-recalculate: the image has all tags, and the "
			"kernel would take any data while it computes them again");
	return 0;
}

/* Hands the layers to the stack and links them. */
static int draft_link(struct draft *draft, struct recipe *recipe, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];

		layer->generation = draft->args->generation;
		r = layer_finish_create(layer, diag);
		if (r >= 0)
			r = check_integrity(layer, diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
		r = stack_add(&recipe->stack, layer, diag);
		if (r < 0)
			return r;
		draft->layers[i] = NULL;
		recipe->layers[i] = layer;
		recipe->luks[i] = draft->luks[i];
		draft->luks[i] = (struct luks_additions){};
		recipe->n_layers = i + 1;
	}
	r = stack_link(&recipe->stack);
	if (r < 0)
		return r;
	for (size_t i = 0; i < recipe->n_layers; i++)
		if (recipe->layers[i]->broken) {
			diag_move(diag, &recipe->layers[i]->error);
			return -EINVAL;
		}
	return 0;
}

static int draft_parse(struct draft *draft, struct diag *diag)
{
	const struct recipe_args *args = draft->args;
	int r;

	if (args->preset && args->layers->n > 0)
		return diag_set(diag, -EINVAL, "--stack and --layer do not go together");
	if (!args->preset && args->layers->n == 0)
		return diag_set(diag, -EINVAL, "no layers: give --stack or --layer");
	if (args->wrap) {
		r = layer_spec_parse("linear", &draft->specs[draft->n++], diag);
		if (r < 0)
			return r;
	}
	r = args->preset ? draft_add_preset(draft, args->preset, diag)
			 : draft_add_layers(draft, args->layers, diag);
	if (r < 0)
		return r;
	r = layer_spec_name_all(draft->specs, draft->n, args->name, diag);
	if (r < 0)
		return r;
	return draft_add_layer_options(draft, diag);
}

void recipe_done(struct recipe *recipe)
{
	stack_done(&recipe->stack);
	for (size_t i = 0; i < recipe->n_layers; i++)
		luks_additions_done(&recipe->luks[i]);
	*recipe = (struct recipe){};
}

int recipe_init(struct recipe *ret, const struct recipe_args *args, const struct keystore *keys,
	const struct seed *seed, struct diag *diag)
{
	_cleanup_(draft_done) struct draft draft = { .args = args };
	_cleanup_(recipe_done) struct recipe recipe = { .name = args->name };
	int r;

	r = layer_name_check(args->name, diag);
	if (r < 0)
		return diag_at(diag, r, "--name");
	r = draft_parse(&draft, diag);
	if (r >= 0)
		r = draft_make_layers(&draft, diag);
	if (r >= 0)
		r = draft_set_devices(&draft, diag);
	if (r >= 0)
		r = draft_default_devices(&draft, diag);
	if (r >= 0)
		r = draft_place_luks(&draft, diag);
	if (r >= 0)
		r = draft_pair_tags(&draft, seed, diag);
	if (r >= 0)
		r = draft_default_fields(&draft, diag);
	if (r >= 0)
		r = draft_default_journal_mac(&draft, diag);
	if (r >= 0)
		r = draft_default_key(&draft, keys, diag);
	if (r >= 0)
		r = draft_add_keyslots(&draft, diag);
	if (r >= 0)
		r = draft_add_tokens(&draft, diag);
	if (r >= 0)
		r = draft_randomize(&draft, seed, diag);
	if (r >= 0)
		r = draft_link(&draft, &recipe, diag);
	if (r < 0)
		return r;
	*ret = recipe;
	recipe = (struct recipe){};
	return 0;
}
