/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel command line. One bad word does not hide the others: a machine that shall be sealed
 * is sealed, whatever else stands there.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "cmdline.h"
#include "fd.h"
#include "parse.h"
#include "utf8.h"

#define CMDLINE_SIZE_MAX ((size_t)64 << 10)
#define CMDLINE_LIST_MAX 256U

static void cmdline_device_done(struct cmdline_device *device)
{
	free(device->layer);
	free(device->role);
	devref_done(&device->device);
	*device = (struct cmdline_device){};
}

void cmdline_done(struct cmdline *cmdline)
{
	for (size_t i = 0; i < cmdline->n_devices; i++)
		cmdline_device_done(&cmdline->devices[i]);
	for (size_t i = 0; i < cmdline->n_stacks; i++)
		free(cmdline->stacks[i]);
	free(cmdline->devices);
	free(cmdline->stacks);
	free(cmdline->root);
	free(cmdline->usr);
	free(cmdline->resume);
	*cmdline = (struct cmdline){};
}

/*
 * The next word, cut in place, without its quotes. As in the kernel a quote may stand before the
 * word or in it, hides blanks, and is not escaped.
 */
bool cmdline_next_word(char **text, char **ret)
{
	char *from = *text + strspn(*text, " \t\n");
	char *to = from;
	bool quoted = false;

	if (*from == '\0')
		return false;
	*ret = from;
	for (; *from != '\0' && (quoted || !strchr(" \t\n", *from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*text = *from == '\0' ? from : from + 1;
	*to = '\0';
	return true;
}

static int bad_value(const char *key, const char *value, const char *what, struct diag *diag)
{
	if (!value)
		return diag_set(diag, -EINVAL, "%s needs a value", key);
	return diag_set(diag, -EINVAL, "%s=%s: %s", key, value, what);
}

static int set_enabled(struct cmdline *c, const char *key, const char *value, struct diag *diag)
{
	bool enabled = true;

	if (value && parse_bool(value, &enabled) < 0)
		return bad_value(key, value, "neither yes nor no", diag);
	c->disabled = !enabled;
	return 0;
}

static int set_phase(struct cmdline *c, const char *key, const char *value, struct diag *diag)
{
	/* A later "bootstrap" does not undo this. */
	if (!value || !streq(value, "bootstrap"))
		c->sealed = true;
	if (value && (streq(value, "bootstrap") || streq(value, "sealed")))
		return 0;
	return bad_value(key, value, "unknown phase, taken for sealed", diag);
}

static int set_timeout(struct cmdline *c, const char *key, const char *value, struct diag *diag)
{
	if (!value || parse_usec(value, &c->timeout_usec) < 0)
		return bad_value(key, value, "not a time span", diag);
	c->timeout_given = true;
	return 0;
}

static int add_stack(struct cmdline *c, const char *key, const char *value, struct diag *diag)
{
	char **stacks;
	int r;

	if (!value)
		return bad_value(key, value, NULL, diag);
	r = layer_name_check(value, diag);
	if (r < 0)
		return r;
	if (c->n_stacks == CMDLINE_LIST_MAX)
		return bad_value(key, value, "too many stacks", diag);
	stacks = reallocarray(c->stacks, c->n_stacks + 1, sizeof(*stacks));
	if (!stacks)
		return -ENOMEM;
	c->stacks = stacks;
	stacks[c->n_stacks] = strdup(value);
	if (!stacks[c->n_stacks])
		return -ENOMEM;
	c->n_stacks++;
	return 0;
}

/* NAME.ROLE=DEVICE: the first "=", and the last dot before it. */
static int parse_device(
	const char *key, const char *value, struct cmdline_device *ret, struct diag *diag)
{
	const char *equals = value ? strchr(value, '=') : NULL;
	const char *dot = equals ? memrchr(value, '.', (size_t)(equals - value)) : NULL;
	int r;

	if (!value || !dot || dot == value || dot + 1 == equals)
		return bad_value(key, value, "not NAME.ROLE=DEVICE", diag);
	ret->layer = strndup(value, (size_t)(dot - value));
	ret->role = strndup(dot + 1, (size_t)(equals - dot - 1));
	if (!ret->layer || !ret->role)
		return -ENOMEM;
	r = layer_name_check(ret->layer, diag);
	if (r < 0)
		return r;
	return devref_parse(equals + 1, &ret->device, diag);
}

static int add_device(struct cmdline *c, const char *key, const char *value, struct diag *diag)
{
	_cleanup_(cmdline_device_done) struct cmdline_device device = {};
	struct cmdline_device *devices;
	int r;

	r = parse_device(key, value, &device, diag);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_devices; i++)
		if (streq(c->devices[i].layer, device.layer) &&
			streq(c->devices[i].role, device.role))
			return bad_value(key, value, "this device was given before", diag);
	if (c->n_devices == CMDLINE_LIST_MAX)
		return bad_value(key, value, "too many devices", diag);

	devices = reallocarray(c->devices, c->n_devices + 1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	c->devices = devices;
	devices[c->n_devices++] = device;
	device = (struct cmdline_device){};
	return 0;
}

static const struct {
	const char *key; /* behind "dmstack" */
	int (*set)(struct cmdline *c, const char *key, const char *value, struct diag *diag);
} cmdline_keys[] = {
	{ "", set_enabled },
	{ ".phase", set_phase },
	{ ".device", add_device },
	{ ".stack", add_stack },
	{ ".timeout", set_timeout },
};

static int set_text(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

static int parse_foreign_word(struct cmdline *c, const char *word)
{
	const char *root = startswith(word, "root=");
	const char *usr = startswith(word, "mount.usr=");
	const char *resume = startswith(word, "resume=");

	if (root)
		return set_text(&c->root, root);
	if (resume)
		return set_text(&c->resume, resume);
	return usr ? set_text(&c->usr, usr) : 0;
}

static int parse_word(struct cmdline *c, char *word, bool in_initrd, struct diag *diag)
{
	const char *rest = startswith(word, "rd.");
	const char *key = startswith(rest ? rest : word, "dmstack");
	char *value;

	/* "dmstackfoo" belongs to somebody else; "dmstack-foo" or "dmstack_foo" is a slip. */
	if (!key || !strchr("=.-_", *key))
		return parse_foreign_word(c, word);
	/* A "=" may be missing: then there is no value. */
	value = strchr(word, '=');
	if (value)
		*value++ = '\0';

	for (size_t i = 0; i < ARRAY_SIZE(cmdline_keys); i++) {
		if (!streq(key, cmdline_keys[i].key))
			continue;
		return rest && !in_initrd ? 0 : cmdline_keys[i].set(c, word, value, diag);
	}
	return diag_set(diag, -EINVAL, "unknown word %s", word);
}

int cmdline_parse(const char *text, bool in_initrd, struct cmdline *ret, struct diag *diag)
{
	_cleanup_(cmdline_done) struct cmdline c = {};
	_cleanup_free_ char *copy = strdup(text);
	char *p = copy, *word;
	int bad = 0;

	if (!copy)
		return -ENOMEM;
	while (cmdline_next_word(&p, &word)) {
		int r = 0;

		if (!utf8_is_valid(word, strlen(word)) || find_control_character(word)) {
			/* Only what looks like ours is of interest. */
			if (strstr(word, "dmstack"))
				r = diag_set(
					diag, -EINVAL, "a word with dmstack is not plain text");
		} else {
			r = parse_word(&c, word, in_initrd, diag);
		}
		if (r == -ENOMEM)
			return r;
		bad += r < 0;
	}
	if (bad > 0)
		(void)diag_at(diag, -EINVAL, "kernel command line");

	*ret = c;
	c = (struct cmdline){};
	return bad;
}

int cmdline_text(char **ret, struct diag *diag)
{
	const char *override = secure_getenv("SYSTEMD_PROC_CMDLINE");
	int r;

	if (override) {
		*ret = strdup(override);
		return *ret ? 0 : -ENOMEM;
	}
	r = file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_SIZE_MAX, ret, NULL);
	if (r < 0) {
		(void)diag_at(diag, r, "/proc/cmdline");
		return diag_set(diag, r, "%s", strerror(-r));
	}
	return 0;
}

int cmdline_read(bool in_initrd, struct cmdline *ret, struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	int r = cmdline_text(&text, diag);

	return r < 0 ? r : cmdline_parse(text, in_initrd, ret, diag);
}

/* True if the device on the kernel command line is that mapping. */
static bool names_layer(const char *device, const struct layer *layer)
{
	const char *name = device ? startswith(device, "/dev/mapper/") : NULL;

	return name && streq(name, layer->name);
}

bool cmdline_needs_layer(const struct cmdline *cmdline, const struct layer *layer)
{
	const char *where = layer->mount ? layer->mount->where : NULL;

	return layer->common.initrd || (where && (streq(where, "/") || streq(where, "/usr"))) ||
	       names_layer(cmdline->root, layer) || names_layer(cmdline->usr, layer) ||
	       names_layer(cmdline->resume, layer);
}

void cmdline_mark_initrd(const struct cmdline *cmdline, struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		if (cmdline_needs_layer(cmdline, stack->layers[i]))
			stack->layers[i]->common.initrd = true;
}

/* The layer whose device in *role is physical, from the named one downwards. */
static struct layer *find_physical(
	const struct stack *stack, struct layer *layer, const char **role)
{
	/* A cycle would be found later; here the number of steps ends it. */
	for (size_t i = 0; i <= stack->n_layers; i++) {
		const struct layer_device *device = layer_device(layer, *role);
		struct layer *below;

		if (!device || device->ref.kind != DEVREF_LAYER)
			return layer;
		below = stack_find(stack, device->ref.value);
		if (!below)
			return layer;
		layer = below;
		*role = "data";
	}
	return NULL;
}

static int apply_device(const struct cmdline_device *device, struct stack *stack, struct diag *diag)
{
	struct layer *layer = stack_find(stack, device->layer);
	_cleanup_(buf_done) struct buf text = {};
	struct layer_device *old;
	const char *role = device->role;

	if (!layer)
		return diag_set(diag, -ENOENT, "dmstack.device=%s.%s: no such layer", device->layer,
			device->role);
	layer = find_physical(stack, layer, &role);
	if (!layer)
		return diag_set(diag, -ELOOP, "dmstack.device=%s.%s: the layers form a cycle",
			device->layer, device->role);

	/* Not const: the layer is ours to change. */
	old = (struct layer_device *)layer_device(layer, role);
	if (old) {
		struct devref copy;
		int r = devref_copy(&device->device, &copy);

		if (r < 0)
			return r;
		devref_done(&old->ref);
		old->ref = copy;
		return 0;
	}
	devref_print(&device->device, &text);
	return layer_set_device(layer, role, buf_str(&text), diag);
}

/* Marks a common field as given, so that no default replaces it. */
static void common_mark(struct layer *layer, const char *name)
{
	int i = field_find(layer_common_fields, layer_n_common_fields, name);

	if (i >= 0)
		layer->common_set |= UINT64_C(1) << i;
}

int cmdline_apply(const struct cmdline *cmdline, struct stack *stack, struct diag *diag)
{
	int bad = 0;

	if (cmdline->sealed && stack->seal)
		stack->seal->phase = PHASE_SEALED;
	for (size_t i = 0; i < stack->n_layers; i++) {
		struct layer *layer = stack->layers[i];

		if (cmdline->sealed) {
			layer->common.phase = PHASE_SEALED;
			common_mark(layer, "phase");
		}
		if (cmdline->timeout_given) {
			layer->common.timeout_usec = cmdline->timeout_usec;
			common_mark(layer, "timeout");
		}
	}
	for (size_t i = 0; i < cmdline->n_devices; i++) {
		int r = apply_device(&cmdline->devices[i], stack, diag);

		if (r == -ENOMEM)
			return r;
		bad += r < 0;
	}
	if (bad > 0)
		(void)diag_at(diag, -EINVAL, "kernel command line");
	return bad;
}
