/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers: their making, their options, and the calls into their type.
 */

#include "layer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overflow.h"

static const char *const phase_words[] = { "bootstrap", "sealed", NULL };
static const char *const fail_words[] = {
	[FAIL_PANIC] = "panic",
	[FAIL_REBOOT] = "reboot",
	[FAIL_REBOOT_IMMEDIATE] = "reboot-immediate",
	[FAIL_POWEROFF] = "poweroff",
	[FAIL_POWEROFF_IMMEDIATE] = "poweroff-immediate",
	[FAIL_HALT] = "halt",
	[FAIL_HALT_IMMEDIATE] = "halt-immediate",
	[FAIL_EXIT] = "exit",
	[_FAIL_MAX] = NULL,
};

static const char *const suspend_words[] = {
	[SUSPEND_KEEP] = "keep",
	[SUSPEND_WIPE] = "wipe",
	[_SUSPEND_MAX] = NULL,
};

#define COMMON(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct layer_common, member),         \
		__VA_ARGS__                                                                        \
	}

const struct field layer_common_fields[] = {
	COMMON("phase", FIELD_ENUM, phase, .choices = phase_words, .dflt = "bootstrap",
		.flags = FIELD_UNKNOWN_IS_LAST,
		.help = "What a failure means: in the *bootstrap* phase a normal failed unit, in the "
			"*sealed* phase the action of *fail=*. Any other word is taken as *sealed*. "
			"The word *sealed* alone stands for *phase=sealed*."),
	COMMON("fail", FIELD_ENUM, fail, .choices = fail_words, .dflt = "panic",
		.help = "The action that every failure ends in when the phase is sealed."),
	COMMON("timeout", FIELD_USEC, timeout_usec, .min = 1000000, .dflt = "90s",
		.help = "How long to wait for the devices below."),
	COMMON("device-size", FIELD_SIZE, device_size, .multiple = SECTOR_SIZE, .unit = "bytes",
		.help = "The size of the mapping. If it is not given, it follows from the device or "
			"the superblock."),
	COMMON("x-initrd.attach", FIELD_BOOL, initrd,
		.help = "Attach in the initrd, and leave it for the shutdown after the switch back. "
			"Implied for what the root file system and /usr stand on."),
	COMMON("damage-unit", FIELD_STRING, damage_unit, .min = 3, .max = 255,
		.help = "The unit that *dmstack watch* starts when the layer found damage."),
	COMMON("nofail", FIELD_BOOL, nofail, .help = "The boot does not wait for it or need it."),
	COMMON("noauto", FIELD_BOOL, noauto, .help = "Do not attach it at boot, only on demand."),
	COMMON("_netdev", FIELD_BOOL, netdev,
		.help = "The device needs the network, so the layer comes after it."),
	COMMON("read-only", FIELD_BOOL, read_only,
		.help = "Make a mapping that cannot be written."),
	COMMON("discard", FIELD_BOOL, discard,
		.help = "Pass discards down. They show which blocks are in use, and dm-integrity then "
			"takes discarded blocks without a check."),
	COMMON("suspend", FIELD_ENUM, suspend, .choices = suspend_words, .dflt = "keep",
		.help = "Whether the kernel keeps the key while the machine sleeps, or *wipe*: it is "
			"forgotten before, and fetched again after."),
};
const size_t layer_n_common_fields = ARRAY_SIZE(layer_common_fields);

const struct layer_type *layer_type_find(const char *name)
{
	for (size_t i = 0; layer_types[i]; i++)
		if (streq(layer_types[i]->name, name))
			return layer_types[i];
	return NULL;
}

int layer_name_check(const char *name, struct diag *diag)
{
	if (!*name)
		return diag_set(diag, -EINVAL, "the name is empty");
	if (strlen(name) > LAYER_NAME_MAX)
		return diag_set(diag, -EINVAL, "name \"%.20s...\" is longer than %u characters",
			name, LAYER_NAME_MAX);
	if (*name == '.' || streq(name, "control"))
		return diag_set(diag, -EINVAL, "name \"%s\" is not possible in /dev/mapper", name);
	for (const char *p = name; *p; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= 'a' && *p <= 'z') || strchr("#+-.:=@_", *p)))
			return diag_set(diag, -EINVAL,
				"name \"%s\" has a character other than A-Z a-z 0-9 # + - . : = @ _",
				name);
	return 0;
}

int layer_new(
	const char *name, const struct layer_type *type, struct layer **ret, struct diag *diag)
{
	int r = layer_name_check(name, diag);
	if (r < 0)
		return r;

	_cleanup_(layer_freep) struct layer *layer = calloc(1, sizeof(*layer));
	if (!layer)
		return -ENOMEM;
	layer->type = type;
	layer->name = strdup(name);
	layer->params = calloc(1, type->params_size);
	if (!layer->name || !layer->params)
		return -ENOMEM;
	r = field_set_defaults(type->fields, type->n_fields, layer->params);
	if (r < 0)
		return r;
	r = field_set_defaults(layer_common_fields, layer_n_common_fields, &layer->common);
	if (r < 0)
		return r;
	*ret = take_ptr(layer);
	return 0;
}

struct mount_hint *mount_hint_free(struct mount_hint *mount)
{
	if (mount) {
		free(mount->where);
		free(mount->type);
		free(mount->options);
		free(mount->options_sealed);
		free(mount);
	}
	return NULL;
}

struct layer *layer_free(struct layer *layer)
{
	if (!layer)
		return NULL;
	if (layer->params && layer->type->done)
		layer->type->done(layer);
	for (size_t i = 0; layer->params && i < layer->type->n_fields; i++)
		field_clear(&layer->type->fields[i], layer->params);
	for (size_t i = 0; i < layer_n_common_fields; i++)
		field_clear(&layer_common_fields[i], &layer->common);
	for (size_t i = 0; i < layer->n_devices; i++)
		devref_done(&layer->devices[i].ref);
	keyref_done(&layer->key);
	mount_hint_free(layer->mount);
	diag_done(&layer->error);
	free(layer->params);
	free(layer->name);
	free(layer->where);
	free(layer->source_path);
	free(layer->stack_name);
	free(layer);
	return NULL;
}

int layer_type_find_role(const struct layer_type *type, const char *name)
{
	for (size_t i = 0; i < type->n_roles; i++)
		if (streq(type->roles[i].name, name))
			return (int)i;
	return -ENOENT;
}

int layer_set_device(struct layer *layer, const char *role, const char *device, struct diag *diag)
{
	int index = layer_type_find_role(layer->type, role);
	if (index < 0)
		return diag_set(
			diag, -EINVAL, "type %s has no device \"%s\"", layer->type->name, role);
	if (layer_device(layer, role))
		return diag_set(diag, -EINVAL, "device \"%s\" is given twice", role);

	struct devref ref;
	int r = devref_parse(device, &ref, diag);
	if (r < 0)
		return r;
	layer->devices[layer->n_devices++] =
		(struct layer_device){ .role = (size_t)index, .ref = ref };
	return 0;
}

static int set_key(struct layer *layer, const char *value, struct diag *diag)
{
	if (layer->key.kind != KEYREF_NONE)
		return diag_set(diag, -EINVAL, "option \"key\" is given twice");
	if (!value)
		return diag_set(diag, -EINVAL, "key: needs a value");
	return keyref_parse(value, &layer->key, diag);
}

int layer_set(struct layer *layer, const char *name, const char *value, struct diag *diag)
{
	if (streq(name, "sealed") && !value) {
		name = "phase";
		value = "sealed";
	}
	if (streq(name, "key"))
		return set_key(layer, value, diag);

	int i = field_find(layer->type->fields, layer->type->n_fields, name);
	if (i >= 0)
		return field_set_once(
			layer->type->fields, (size_t)i, layer->params, &layer->set, value, diag);

	i = field_find(layer_common_fields, layer_n_common_fields, name);
	if (i >= 0)
		return field_set_once(layer_common_fields, (size_t)i, &layer->common,
			&layer->common_set, value, diag);

	if (value && layer_type_find_role(layer->type, name) >= 0)
		return layer_set_device(layer, name, value, diag);

	return diag_set(
		diag, -EINVAL, "unknown option \"%s\" for type %s", name, layer->type->name);
}

int layer_set_option(struct layer *layer, const char *option, struct diag *diag)
{
	_cleanup_free_ char *name = NULL;
	char *value;

	int r = field_split_option(option, &name, &value, diag);
	return r < 0 ? r : layer_set(layer, name, value, diag);
}

static int check_required(const struct layer *layer, bool create, struct diag *diag)
{
	const struct layer_type *type = layer->type;

	for (size_t i = 0; i < type->n_fields; i++) {
		const struct field *f = &type->fields[i];

		if (!(f->flags & FIELD_REQUIRED) || (layer->set & (UINT64_C(1) << i)))
			continue;
		if (create && (f->flags & FIELD_RESULT))
			continue;
		return diag_set(
			diag, -EINVAL, "type %s needs the option \"%s\"", type->name, f->name);
	}
	for (size_t i = 0; !create && i < type->n_roles; i++)
		if (type->roles[i].required && !layer_device(layer, type->roles[i].name))
			return diag_set(diag, -EINVAL, "type %s needs a device \"%s\"", type->name,
				type->roles[i].name);
	return 0;
}

static int check_key(const struct layer *layer, struct diag *diag)
{
	if (layer->type->key == KEY_REQUIRED && layer->key.kind == KEYREF_NONE)
		return diag_set(diag, -EINVAL, "type %s needs a key", layer->type->name);
	if (layer->type->key == KEY_NEVER && layer->key.kind != KEYREF_NONE)
		return diag_set(diag, -EINVAL, "type %s takes no key", layer->type->name);
	if (layer->key.kind == KEYREF_ASK && layer->common.phase == PHASE_SEALED)
		return diag_set(diag, -EINVAL, "key \"ask\" is not possible in the sealed phase");
	return 0;
}

/* What root stands on, dmstack itself has to be read from. */
static int check_suspend(const struct layer *layer, struct diag *diag)
{
	if (layer->common.suspend == SUSPEND_KEEP)
		return 0;
	if (!layer->type->key_wipe)
		return diag_set(diag, -EINVAL,
			"suspend=wipe: the kernel cannot forget the key of type %s",
			layer->type->name);
	if (layer->common.initrd)
		return diag_set(diag, -EINVAL,
			"suspend=wipe: what the initrd attaches carries the programs that would "
			"have to bring the key back");
	if (layer->key.kind == KEYREF_TPM2)
		return diag_set(diag, -EINVAL,
			"suspend=wipe: the TPM gives a key once in a boot, so nobody could bring this "
			"one back");
	return 0;
}

/* What systemctl(1) takes for a unit, and not for an option or a path. */
static int check_damage_unit(const struct layer *layer, struct diag *diag)
{
	const char *unit = layer->common.damage_unit;

	if (!unit || (*unit != '-' && *unit != '.' && !strchr(unit, '/') && strchr(unit, '.')))
		return 0;
	return diag_set(diag, -EINVAL, "damage-unit: \"%s\" is not the name of a unit", unit);
}

static int finish(struct layer *layer, bool create, struct diag *diag)
{
	if (layer->finished)
		return 0;

	int r = check_required(layer, create, diag);
	if (r < 0)
		return r;
	r = check_key(layer, diag);
	if (r < 0)
		return r;
	r = check_suspend(layer, diag);
	if (r < 0)
		return r;
	r = check_damage_unit(layer, diag);
	if (r < 0)
		return r;
	if (layer->common.discard && layer_is_read_only(layer))
		return diag_set(diag, -EINVAL, "discard: the layer cannot be written");
	if (layer->type->check) {
		r = layer->type->check(layer, diag);
		if (r < 0)
			return r;
	}
	layer->finished = true;
	return 0;
}

int layer_finish(struct layer *layer, struct diag *diag)
{
	return finish(layer, false, diag);
}

int layer_finish_create(struct layer *layer, struct diag *diag)
{
	return finish(layer, true, diag);
}

int layer_check_pair(const struct layer *above, const struct layer *below, struct diag *diag)
{
	int r = 0;

	if (below && below->type->check_above)
		r = below->type->check_above(below, above, diag);
	if (r >= 0 && above && above->type->check_below)
		r = above->type->check_below(above, below, diag);
	return r;
}

const struct layer_device *layer_device(const struct layer *layer, const char *role)
{
	for (size_t i = 0; i < layer->n_devices; i++)
		if (streq(layer->type->roles[layer->devices[i].role].name, role))
			return &layer->devices[i];
	return NULL;
}

size_t layer_keys(const struct layer *layer, const struct keyref *ret[LAYER_KEYS_MAX])
{
	size_t n = 0;

	if (layer->key.kind != KEYREF_NONE)
		ret[n++] = &layer->key;
	for (size_t i = 0; i < layer->type->n_fields && n < LAYER_KEYS_MAX; i++) {
		const struct field *field = &layer->type->fields[i];
		const struct keyref *key = FIELD_PTR(field, layer->params);

		if (field->kind == FIELD_KEYREF && key->kind != KEYREF_NONE)
			ret[n++] = key;
	}
	return n;
}

bool layer_has_key(const struct layer *layer, enum keyref_kind kind)
{
	const struct keyref *keys[LAYER_KEYS_MAX];
	size_t n = layer_keys(layer, keys);

	for (size_t i = 0; i < n; i++)
		if (keys[i]->kind == kind)
			return true;
	return false;
}

bool layer_is_set(const struct layer *layer, const char *field)
{
	int i = field_find(layer->type->fields, layer->type->n_fields, field);

	return i >= 0 && (layer->set & (UINT64_C(1) << i));
}

void layer_mark_set(struct layer *layer, const char *field)
{
	int i = field_find(layer->type->fields, layer->type->n_fields, field);

	if (i >= 0)
		layer->set |= UINT64_C(1) << i;
}

int layer_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	uint64_t wanted = layer->common.device_size / SECTOR_SIZE;
	uint64_t sectors = below[0];

	if (layer->type->length) {
		int r = layer->type->length(layer, below, &sectors, diag);
		if (r < 0)
			return r;
	}
	if (wanted > sectors)
		return diag_set(diag, -ENOSPC,
			"device-size: %llu sectors are wanted, but the device below gives %llu",
			(unsigned long long)wanted, (unsigned long long)sectors);
	if (wanted)
		sectors = wanted;
	if (sectors == 0)
		return diag_set(diag, -ENOSPC, "the device below is too small");
	*ret_sectors = sectors;
	return 0;
}

int layer_below(const struct layer *layer, uint64_t sectors, uint64_t ret_below[LAYER_ROLES_MAX],
	struct diag *diag)
{
	uint64_t below[LAYER_ROLES_MAX] = { sectors };

	if (layer->type->below) {
		int r = layer->type->below(layer, sectors, below, diag);
		if (r < 0)
			return r;
	}
	memcpy(ret_below, below, sizeof(below));
	return 0;
}

int layer_table(const struct layer *layer, uint64_t length_sectors, struct dmtable *ret)
{
	_cleanup_(dmtable_done) struct dmtable t = {
		.target = layer->type->dm_target,
		.length_sectors = length_sectors,
		.read_only = layer_is_read_only(layer),
	};

	layer->type->table(layer, &t);
	int r = dmtable_error(&t);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct dmtable){};
	return 0;
}

bool layer_is_read_only(const struct layer *layer)
{
	return layer->type->read_only || layer->common.read_only;
}

uint32_t layer_block_size(const struct layer *layer)
{
	return layer->type->block_size ? layer->type->block_size(layer) : SECTOR_SIZE;
}

char *layer_dm_uuid(const struct layer *layer)
{
	char *uuid = NULL;

	if (asprintf(&uuid, "%s-dmstack-%s", layer->type->uuid_prefix, layer->name) < 0)
		return NULL;
	return uuid;
}

char *layer_key_description(const struct layer *layer, const char *use)
{
	char *text = NULL;

	if (asprintf(&text, "dmstack:%s%s%s", layer->name, use ? ":" : "", use ?: "") < 0)
		return NULL;
	return text;
}
