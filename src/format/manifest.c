/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest as a whole: its members, and what its layers must be to each other.
 */

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "manifest-internal.h"

struct manifest *manifest_free(struct manifest *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n_layers; i++)
		(void)layer_free(m->layers[i]);
	for (size_t i = 0; i < m->n_artifacts; i++) {
		free(m->artifacts[i].file);
		free(m->artifacts[i].layer);
		free(m->artifacts[i].role);
	}
	(void)mount_hint_free(m->mount);
	(void)seal_free(m->seal);
	free(m->layers);
	free(m->artifacts);
	free(m->name);
	free(m);
	return NULL;
}

struct layer *manifest_find_layer(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->n_layers; i++)
		if (streq(m->layers[i]->name, name))
			return m->layers[i];
	return NULL;
}

/* One of the fields that every layer has, but that the manifest says once for all. */
static int read_common_choice(const struct json_place *at, const char *name, unsigned *ret)
{
	struct layer_common common = {};
	const struct field *field;
	const char *text;
	int i, r;

	r = json_get_text(at, name, &text);
	if (r <= 0)
		return r;
	i = field_find(layer_common_fields, layer_n_common_fields, name);
	if (i < 0)
		return json_fail(at, name, "unknown member");
	field = &layer_common_fields[i];
	r = field_set(field, &common, text, at->diag);
	if (r < 0)
		return json_wrap(at, name, r);
	*ret = *(const unsigned *)FIELD_PTR(field, &common);
	return 0;
}

static int read_mount(const struct json_place *root, struct mount_hint **ret)
{
	static const char *const members[] = { "where", "type", "options", "options-sealed", NULL };
	_cleanup_(mount_hint_freep) struct mount_hint *mount = NULL;
	struct json_place at = { .path = "$.mount", .diag = root->diag };
	int r;

	r = json_get_object(root, "mount", &at.object);
	if (r <= 0)
		return r;
	r = json_check_members(&at, members);
	if (r < 0)
		return r;

	mount = calloc(1, sizeof(*mount));
	if (!mount)
		return -ENOMEM;
	r = json_dup_text(&at, "where", &mount->where);
	if (r == 0)
		return json_fail(&at, NULL, "\"where\" is missing");
	if (r > 0 && mount->where[0] != '/')
		return json_fail(&at, "where", "\"%s\" is not an absolute path", mount->where);
	if (r > 0)
		r = json_dup_text(&at, "type", &mount->type);
	if (r >= 0)
		r = json_dup_text(&at, "options", &mount->options);
	if (r >= 0)
		r = json_dup_text(&at, "options-sealed", &mount->options_sealed);
	if (r < 0)
		return r;

	*ret = take_ptr(mount);
	return 0;
}

/* "LAYER.ROLE"; a role has no dot, a layer may have. */
static int read_artifact_device(
	const struct json_place *at, const struct manifest *m, struct manifest_artifact *artifact)
{
	const struct layer_device *device;
	const struct layer *layer;
	const char *text, *dot;
	int r;

	r = json_need_text(at, "device", &text);
	if (r < 0)
		return r;
	dot = strrchr(text, '.');
	if (!dot)
		return json_fail(at, "device", "\"%s\" is not LAYER.ROLE", text);
	artifact->layer = strndup(text, (size_t)(dot - text));
	artifact->role = strdup(dot + 1);
	if (!artifact->layer || !artifact->role)
		return -ENOMEM;

	layer = manifest_find_layer(m, artifact->layer);
	if (!layer)
		return json_fail(at, "device", "there is no layer \"%s\"", artifact->layer);
	device = layer_device(layer, artifact->role);
	if (!device)
		return json_fail(at, "device", "layer \"%s\" has no device in the role \"%s\"",
			artifact->layer, artifact->role);
	if (device->ref.kind == DEVREF_LAYER)
		return json_fail(at, "device", "the %s device of \"%s\" is another layer",
			artifact->role, artifact->layer);
	return 0;
}

static int read_artifact(
	const struct json_place *at, const struct manifest *m, struct manifest_artifact *artifact)
{
	static const char *const members[] = { "file", "device", "offset", "bytes", "sha256",
		NULL };
	const char *text;
	int r;

	r = json_check_members(at, members);
	if (r < 0)
		return r;
	r = json_need_text(at, "file", &text);
	if (r < 0)
		return r;
	if (strchr(text, '/') || streq(text, ".") || streq(text, ".."))
		return json_fail(at, "file", "\"%s\" is not a plain file name", text);
	artifact->file = strdup(text);
	if (!artifact->file)
		return -ENOMEM;
	r = read_artifact_device(at, m, artifact);
	if (r < 0)
		return r;
	r = json_get_u64(at, "offset", &artifact->offset);
	if (r < 0)
		return r;
	if (artifact->offset % SECTOR_SIZE)
		return json_fail(at, "offset", "must be a multiple of %u", SECTOR_SIZE);
	r = json_need_u64(at, "bytes", &artifact->bytes);
	if (r < 0)
		return r;
	if (artifact->bytes > UINT64_MAX - artifact->offset)
		return json_fail(at, "bytes", "the end is beyond what 64 bits can say");
	r = json_get_text(at, "sha256", &text);
	if (r <= 0)
		return r;
	artifact->has_sha256 = true;
	if (strlen(text) != 2 * sizeof(artifact->sha256) ||
		hex_decode(text, artifact->sha256, sizeof(artifact->sha256)) < 0)
		return json_fail(at, "sha256", "must be 64 hexadecimal digits");
	return 0;
}

/* Element number i of an array member of the root, which must be an object. */
static int element_place(const struct json_place *root, const char *member,
	struct json_object *array, size_t i, struct json_place *ret, char **ret_path)
{
	struct json_place at = {
		.object = json_object_array_get_idx(array, i),
		.diag = root->diag,
	};

	if (asprintf(ret_path, "$.%s[%zu]", member, i) < 0) {
		*ret_path = NULL;
		return -ENOMEM;
	}
	at.path = *ret_path;
	if (!json_object_is_type(at.object, json_type_object))
		return json_fail(&at, NULL, "must be an object");
	*ret = at;
	return 0;
}

/* Several may lie in one file, where each says where it begins. */
static bool artifacts_overlap(const struct manifest_artifact *a, const struct manifest_artifact *b)
{
	if (!streq(a->file, b->file))
		return false;
	return a->offset == 0 || b->offset == 0 ||
	       (a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes);
}

static int read_artifacts(const struct json_place *root, struct manifest *m)
{
	struct json_object *array;
	size_t n;
	int r;

	r = json_get_array(root, "artifacts", MANIFEST_ARTIFACTS_MAX, &array);
	if (r <= 0)
		return r;
	n = json_object_array_length(array);
	m->artifacts = calloc(n + 1, sizeof(*m->artifacts));
	if (!m->artifacts)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;
		struct json_place at;

		r = element_place(root, "artifacts", array, i, &at, &path);
		m->n_artifacts = i + 1;
		if (r >= 0)
			r = read_artifact(&at, m, &m->artifacts[i]);
		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++)
			if (artifacts_overlap(&m->artifacts[j], &m->artifacts[i]))
				return json_fail(&at, "file", "\"%s\" is there twice%s",
					m->artifacts[i].file,
					m->artifacts[i].offset ? ", and the places overlap" : "");
	}
	return 0;
}

/* A layer stands on devices or on layers that come before it: nothing is taken from elsewhere. */
static int check_layer_devices(
	const struct json_place *at, const struct manifest *m, struct layer *layer)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer_device *device = &layer->devices[i];
		const char *role = layer->type->roles[device->role].name;
		struct layer *below;

		if (device->ref.kind != DEVREF_LAYER)
			continue;
		below = manifest_find_layer(m, device->ref.value);
		if (!below) {
			(void)diag_at(at->diag, -EINVAL, "%s.devices.%s", at->path, role);
			return diag_set(at->diag, -EINVAL,
				"no layer before this one has the name \"%s\"", device->ref.value);
		}
		below->mark = 1;
	}
	return 0;
}

static int read_layers(const struct json_place *root, struct manifest *m)
{
	struct json_object *array;
	size_t n;
	int r;

	r = json_get_array(root, "layers", MANIFEST_LAYERS_MAX, &array);
	if (r < 0)
		return r;
	n = r > 0 ? json_object_array_length(array) : 0;
	if (n == 0)
		return json_fail(root, NULL, "\"layers\" is missing or empty");
	m->layers = calloc(n, sizeof(*m->layers));
	if (!m->layers)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_free_ char *path = NULL;
		struct json_place at;

		r = element_place(root, "layers", array, i, &at, &path);
		if (r >= 0)
			r = manifest_read_layer(&at, &layer);
		if (r >= 0)
			r = check_layer_devices(&at, m, layer);
		if (r < 0)
			return r;
		if (manifest_find_layer(m, layer->name))
			return json_fail(
				&at, "name", "the name \"%s\" is there twice", layer->name);
		layer->where = take_ptr(path);
		m->layers[m->n_layers++] = take_ptr(layer);
	}
	return 0;
}

/* The last layer gives the stack its name and carries no other; every other one is used. */
static int check_top(const struct json_place *root, const struct manifest *m)
{
	const struct layer *top = m->layers[m->n_layers - 1];

	if (!streq(top->name, m->name))
		return json_fail(root, "name",
			"\"%s\" is not the name of the top layer, which is \"%s\"", m->name,
			top->name);
	for (size_t i = 0; i < m->n_layers; i++) {
		struct layer *layer = m->layers[i];
		bool used = layer->mark != 0;

		layer->mark = 0;
		if (!used && layer != top)
			return json_fail(
				root, NULL, "layer \"%s\" is not used by any other", layer->name);
	}
	return 0;
}

static int manifest_read(const struct json_place *root, struct manifest *m)
{
	static const char *const members[] = { "dmstack", "name", "generation", "phase", "fail",
		"seal", "layers", "mount", "artifacts", NULL };
	uint64_t version;
	int r;

	r = json_need_u64(root, "dmstack", &version);
	if (r < 0)
		return r;
	if (version != MANIFEST_VERSION)
		return json_fail(root, "dmstack", "version %llu is not known, only %u",
			(unsigned long long)version, MANIFEST_VERSION);
	r = json_check_members(root, members);
	if (r < 0)
		return r;

	r = json_dup_text(root, "name", &m->name);
	if (r == 0)
		return json_fail(root, NULL, "\"name\" is missing");
	if (r > 0)
		r = json_wrap(root, "name", layer_name_check(m->name, root->diag));
	if (r >= 0)
		r = json_get_u64(root, "generation", &m->generation);
	if (r >= 0)
		r = read_common_choice(root, "phase", &m->phase);
	if (r >= 0)
		r = read_common_choice(root, "fail", &m->fail);
	if (r >= 0)
		r = manifest_read_seal(root, &m->seal);
	if (r >= 0)
		r = read_layers(root, m);
	if (r >= 0)
		r = check_top(root, m);
	if (r >= 0)
		r = read_mount(root, &m->mount);
	if (r >= 0)
		r = read_artifacts(root, m);
	return r;
}

int manifest_parse(
	const char *text, size_t size, const char *file, struct manifest **ret, struct diag *diag)
{
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	struct json_place root = { .path = "$", .diag = diag };
	int r;

	r = json_read(text, size, file, &object, diag);
	if (r < 0)
		return r;
	if (json_object_object_get_ex(object, "manifest_version", NULL))
		return -EPROTONOSUPPORT;

	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	root.object = object;
	r = manifest_read(&root, m);
	if (r < 0)
		return r == -ENOMEM ? r : diag_at(diag, r, "%s", file);

	*ret = take_ptr(m);
	return 0;
}

enum phase manifest_guess_phase(const char *text, size_t size)
{
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	struct json_place root = { .path = "$" };
	const char *phase;

	if (json_read(text, size, "", &object, NULL) < 0)
		return PHASE_SEALED;
	root.object = object;
	if (json_get_text(&root, "phase", &phase) <= 0)
		return PHASE_SEALED;
	return streq(phase, "bootstrap") ? PHASE_BOOTSTRAP : PHASE_SEALED;
}

char *manifest_signature_path(const char *manifest_path)
{
	char *path = NULL;

	return asprintf(&path, "%s.p7s", manifest_path) < 0 ? NULL : path;
}

/* Replaces the path within a manifest, or none, by one with the file. */
static int set_place(const char *path, const char *dflt, char **where, char **source_path)
{
	char *place = NULL;

	if (asprintf(&place, "%s: %s", path, *where ? *where : dflt) < 0)
		return -ENOMEM;
	free(*where);
	*where = place;
	free(*source_path);
	*source_path = strdup(path);
	return *source_path ? 0 : -ENOMEM;
}

/* What a layer takes over from its manifest. */
static int layer_adopt_manifest(struct layer *layer, const struct manifest *m, const char *path)
{
	layer->common.phase = m->phase;
	layer->common.fail = m->fail;
	for (size_t i = 0; i < layer_n_common_fields; i++)
		if (streq(layer_common_fields[i].name, "phase") ||
			streq(layer_common_fields[i].name, "fail"))
			layer->common_set |= UINT64_C(1) << i;
	layer->generation = m->generation;
	layer->trusted = m->trusted;

	free(layer->stack_name);
	layer->stack_name = strdup(m->name);
	if (!layer->stack_name)
		return -ENOMEM;
	return set_place(path, "$", &layer->where, &layer->source_path);
}

static int seal_adopt_manifest(struct seal *seal, const struct manifest *m, const char *path)
{
	seal->phase = m->phase;
	seal->epoch = m->generation;
	seal->trusted = m->trusted;
	free(seal->stack_name);
	seal->stack_name = strdup(m->name);
	if (!seal->stack_name)
		return -ENOMEM;
	return set_place(path, "$.seal", &seal->where, &seal->source_path);
}

int manifest_add_to_stack(
	struct manifest *m, const char *path, struct stack *stack, struct diag *diag)
{
	int r;

	/* Everything that can fail comes first, so that a stack never gets a part of a manifest. */
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct layer *old = stack_find(stack, m->layers[i]->name);

		r = layer_adopt_manifest(m->layers[i], m, path);
		if (r < 0)
			return r;
		if (!old)
			continue;
		(void)diag_at(diag, -EEXIST, "%s", m->layers[i]->where);
		return diag_set(diag, -EEXIST, "the name \"%s\" is taken by %s", old->name,
			old->where ? old->where : "another layer");
	}

	if (m->seal) {
		r = seal_adopt_manifest(m->seal, m, path);
		if (r >= 0)
			r = stack_set_seal(stack, m->seal, diag);
		if (r < 0)
			return r;
		m->seal = NULL;
	}

	size_t before = stack->n_layers;

	for (size_t i = 0; i < m->n_layers; i++) {
		r = stack_add(stack, m->layers[i], diag);
		if (r < 0)
			return r;
		m->layers[i] = NULL;
	}
	if (stack->n_layers > before)
		stack->layers[stack->n_layers - 1]->mount = take_ptr(m->mount);
	m->n_layers = 0;
	return 0;
}
