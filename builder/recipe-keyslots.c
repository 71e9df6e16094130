/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the header of a luks layer gets beside the keyslot of the layer's own key: more keyslots,
 * which the manifest does not mention, and tokens.
 */

#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "fd.h"
#include "layer-luks.h"
#include "recipe-draft.h"

/* The fields of a luks layer that say something of a keyslot. */
static const char *const slot_words[] = { "key", "key-slot", "keyslot-priority", "pbkdf",
	"pbkdf-force-iterations", "pbkdf-memory", "pbkdf-parallel" };
/* Of these, the ones that are as for the layer itself if they are not given. */
static const char *const kdf_words[] = { "pbkdf", "pbkdf-memory", "pbkdf-parallel" };

/* The layer that is named before the comma, and what is behind. */
static int find_luks(struct draft *draft, const char *word, size_t *ret_index,
	const char **ret_rest, struct diag *diag)
{
	size_t len = strcspn(word, ",");
	struct layer_spec *spec;

	if (word[len] == '\0' || word[len + 1] == '\0')
		return diag_set(diag, -EINVAL, "nothing behind the name of a layer");
	spec = draft_find(draft, word, len, diag);
	if (!spec)
		return -EINVAL;
	if (spec->type != &layer_type_luks)
		return diag_set(diag, -EINVAL, "%s is no luks layer", spec->name);
	*ret_index = (size_t)(spec - draft->specs);
	*ret_rest = word + len + 1;
	return 0;
}

static int set_word(struct layer *slot, const char *word, struct diag *diag)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < ARRAY_SIZE(slot_words); i++)
		if (strlen(slot_words[i]) == len && strncmp(slot_words[i], word, len) == 0)
			return layer_set_option(slot, word, diag);
	return diag_set(diag, -EINVAL, "\"%s\" is no option of a keyslot", word);
}

static int copy_field(
	struct layer *slot, const struct layer *from, const char *name, struct diag *diag)
{
	const struct layer_type *type = from->type;
	int i = field_find(type->fields, type->n_fields, name);
	_cleanup_(buf_done) struct buf text = {};

	if (i < 0 || !layer_is_set(from, name) || layer_is_set(slot, name))
		return 0;
	field_print(&type->fields[i], from->params, &text);
	return buf_error(&text) < 0 ? -ENOMEM : layer_set(slot, name, buf_str(&text), diag);
}

/* Passes over memory and iterations of PBKDF2 are not the same thing. */
static int inherit(struct layer *slot, const struct layer *layer, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(kdf_words); i++)
		r = copy_field(slot, layer, kdf_words[i], diag);
	if (r >= 0 && luks_fields(slot)->kdf == luks_fields(layer)->kdf)
		r = copy_field(slot, layer, "pbkdf-force-iterations", diag);
	return r;
}

static int parse_slot(
	const struct layer *layer, const char *rest, struct layer **ret, struct diag *diag)
{
	_cleanup_(layer_freep) struct layer *slot = NULL;
	_cleanup_free_ char *text = strdup(rest);
	char *save = NULL;
	int r;

	if (!text)
		return -ENOMEM;
	r = layer_new(layer->name, layer->type, &slot, diag);
	for (char *word = strtok_r(text, ",", &save); r >= 0 && word;
		word = strtok_r(NULL, ",", &save))
		r = set_word(slot, word, diag);
	if (r >= 0 && slot->key.kind == KEYREF_NONE)
		return diag_set(diag, -EINVAL, "a keyslot needs key=REF");
	if (r >= 0)
		r = inherit(slot, layer, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(slot);
	return 0;
}

static int take_number(
	const struct layer *slot, unsigned number, uint32_t *taken, struct diag *diag)
{
	if (*taken & UINT32_C(1) << number)
		return diag_set(diag, -EINVAL, "layer %s: key-slot: two have the number %u",
			slot->name, number);
	*taken |= UINT32_C(1) << number;
	return 0;
}

/* Numbers that were given first, then the lowest that are free. */
static int number_slots(const struct layer *layer, struct luks_additions *luks, struct diag *diag)
{
	uint32_t taken = 0;
	int own = luks_key_slot(layer), r = 0;

	if (own != LUKS2_NO_KEYSLOT)
		taken = UINT32_C(1) << (own < 0 ? 0 : own);
	for (size_t i = 0; r >= 0 && i < luks->n_slots; i++)
		if (layer_is_set(luks->slots[i], "key-slot"))
			r = take_number(luks->slots[i],
				(unsigned)luks_fields(luks->slots[i])->key_slot, &taken, diag);
	for (size_t i = 0; r >= 0 && i < luks->n_slots; i++) {
		struct luks_fields *f = luks_fields(luks->slots[i]);

		if (layer_is_set(luks->slots[i], "key-slot"))
			continue;
		while (f->key_slot < LUKS2_KEYSLOTS_MAX - 1 && taken & UINT32_C(1) << f->key_slot)
			f->key_slot++;
		layer_mark_set(luks->slots[i], "key-slot");
		r = take_number(luks->slots[i], (unsigned)f->key_slot, &taken, diag);
	}
	return r;
}

static int add_slot(struct draft *draft, const char *word, struct diag *diag)
{
	_cleanup_(layer_freep) struct layer *slot = NULL;
	struct luks_additions *luks;
	struct layer **slots;
	const char *rest;
	size_t index;
	int r;

	r = find_luks(draft, word, &index, &rest, diag);
	if (r >= 0)
		r = parse_slot(draft->layers[index], rest, &slot, diag);
	if (r < 0)
		return r;
	luks = &draft->luks[index];
	if (luks->n_slots == LUKS2_KEYSLOTS_MAX)
		return diag_set(diag, -EINVAL, "more than %u keyslots", LUKS2_KEYSLOTS_MAX);
	slots = reallocarray(luks->slots, luks->n_slots + 1, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	luks->slots = slots;
	slots[luks->n_slots++] = take_ptr(slot);
	return 0;
}

int draft_add_keyslots(struct draft *draft, struct diag *diag)
{
	const struct strlist *words = draft->args->keyslots;
	int r = 0;

	for (size_t i = 0; i < words->n; i++) {
		r = add_slot(draft, words->items[i], diag);
		if (r < 0)
			return diag_at(diag, r, "--keyslot %s", words->items[i]);
	}
	for (size_t i = 0; r >= 0 && i < draft->n; i++)
		if (draft->layers[i]->type == &layer_type_luks)
			r = number_slots(draft->layers[i], &draft->luks[i], diag);
	return r;
}

static uint32_t numbers_of(const struct layer *layer, const struct luks_additions *luks)
{
	int own = luks_key_slot(layer);
	uint32_t numbers = own == LUKS2_NO_KEYSLOT ? 0 : UINT32_C(1) << (own < 0 ? 0 : own);

	for (size_t i = 0; i < luks->n_slots; i++)
		numbers |= UINT32_C(1) << luks_fields(luks->slots[i])->key_slot;
	return numbers;
}

static int add_token(const struct layer *layer, struct luks_additions *luks, unsigned number,
	const char *path, struct diag *diag)
{
	struct luks2_token token = { .id = number };
	_cleanup_free_ char *text = NULL;
	uint32_t unknown;
	size_t size;
	int r;

	r = file_read(AT_FDCWD, path, LUKS2_HEADER_SIZE_MAX, &text, &size);
	if (r < 0)
		return diag_set(diag, r, "%s", strerror(-r));
	r = luks2_token_decode(text, size, &token, diag);
	if (r < 0)
		return r;
	unknown = token.keyslots & ~numbers_of(layer, luks);
	if (unknown)
		return diag_set(diag, -EINVAL, "$.token.keyslots: there is no keyslot %d",
			__builtin_ctz(unknown));
	buf_printf(&luks->tokens, "%s\"%u\":", number ? "," : "", number);
	buf_append(&luks->tokens, text, size);
	return buf_error(&luks->tokens);
}

int draft_add_tokens(struct draft *draft, struct diag *diag)
{
	const struct strlist *words = draft->args->tokens;
	unsigned numbers[RECIPE_LAYERS_MAX] = {};

	for (size_t i = 0; i < words->n; i++) {
		const char *path;
		size_t index;
		int r;

		r = find_luks(draft, words->items[i], &index, &path, diag);
		if (r >= 0 && numbers[index] == LUKS2_TOKENS_MAX)
			r = diag_set(diag, -EINVAL, "more than %u tokens", LUKS2_TOKENS_MAX);
		if (r >= 0)
			r = add_token(draft->layers[index], &draft->luks[index], numbers[index]++,
				path, diag);
		if (r < 0)
			return diag_at(diag, r, "--token %s", words->items[i]);
	}
	return 0;
}
