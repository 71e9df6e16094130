/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which stacks an initrd needs, and what each of their layers asks for.
 */

#include "closure.h"

#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "closure-tree.h"
#include "cmdline.h"
#include "config.h"
#include "kernel-modules.h"
#include "root-open.h"

#define CMDLINE_TEXT_MAX (64U << 10)

static const struct {
	const char *word, *plural;
} kinds[] = {
	[CLOSURE_STACK] = { "stack", "stacks" },
	[CLOSURE_MODULE] = { "module", "modules" },
	[CLOSURE_BINARY] = { "binary", "binaries" },
	[CLOSURE_SYSTEMD] = { "systemd", "systemd" },
	[CLOSURE_LIBRARY] = { "library", "libraries" },
	[CLOSURE_UNIT] = { "unit", "units" },
	[CLOSURE_UDEV_RULE] = { "udev-rule", "udev-rules" },
	[CLOSURE_CONFIG] = { "config", "config" },
	[CLOSURE_MANIFEST] = { "manifest", "manifests" },
	[CLOSURE_SIGNATURE] = { "signature", "signatures" },
	[CLOSURE_CERTIFICATE] = { "certificate", "certificates" },
	[CLOSURE_KEY] = { "key", "keys" },
};

const char *closure_kind_word(enum closure_kind kind)
{
	return kinds[kind].word;
}

const char *closure_kind_plural(enum closure_kind kind)
{
	return kinds[kind].plural;
}

void closure_done(struct closure *closure)
{
	for (size_t i = 0; i < _CLOSURE_KIND_MAX; i++)
		strset_done(&closure->items[i]);
}

struct collector {
	const struct closure_request *request;
	struct closure_tree tree;
	struct stack stack;
	struct config_report report;
	struct cmdline cmdline;
	struct strset mounted; /* names of layers that carry / or /usr now, or in fstab */
	struct strset needed;  /* names of layers */
	struct strset targets, algorithms;
	bool has_ask;
};

static void collector_done(struct collector *c)
{
	stack_done(&c->stack);
	config_report_done(&c->report);
	cmdline_done(&c->cmdline);
	strset_done(&c->mounted);
	strset_done(&c->needed);
	strset_done(&c->targets);
	strset_done(&c->algorithms);
	cleanup_close(&c->tree.fd);
}

/* --- which stacks --- */

/* The words of the tree itself are those that kernel-install(8) writes into boot entries. */
static int read_cmdline(struct collector *c, struct diag *diag)
{
	static const char *const paths[] = { "/etc/kernel/cmdline", "/usr/lib/kernel/cmdline" };
	_cleanup_free_ char *text = NULL;
	int r;

	if (c->request->cmdline)
		return cmdline_parse(c->request->cmdline, true, &c->cmdline, diag);
	if (!c->request->root)
		return cmdline_read(true, &c->cmdline, diag);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		r = tree_read(&c->tree, paths[i], CMDLINE_TEXT_MAX, &text, NULL);
		if (r >= 0)
			return cmdline_parse(text, true, &c->cmdline, diag);
		if (r != -ENOENT && r != -ENOTDIR)
			return diag_at(diag, r, "%s", paths[i]);
	}
	return 0;
}

/* What a table of mounts has on / and /usr, and what fstab(5) wants from the initrd besides. */
static int read_mounts(struct collector *c, const char *path)
{
	int fd = root_open(c->tree.fd, path, O_RDONLY);
	FILE *table = fd < 0 ? NULL : fdopen(fd, "re");
	const struct mntent *entry;
	int r = 0;

	if (!table) {
		if (fd >= 0)
			cleanup_close(&fd);
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd < 0 ? fd : -ENOMEM;
	}
	while (r >= 0 && (entry = getmntent(table))) {
		const char *name = startswith(entry->mnt_fsname, "/dev/mapper/");

		if (name && (streq(entry->mnt_dir, "/") || streq(entry->mnt_dir, "/usr") ||
				    hasmntopt(entry, "x-initrd.mount")))
			r = strset_add(&c->mounted, name);
	}
	(void)fclose(table);
	return r < 0 ? r : 0;
}

static int need(struct collector *c, struct layer *top, struct diag *diag)
{
	_cleanup_free_ struct layer **order = NULL;
	size_t n;
	int r;

	if (top->broken)
		return diag_set(diag, -EINVAL, "\"%s\" is needed and cannot be used", top->name);
	r = stack_order(&c->stack, top, &order, &n);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = strset_add(&c->needed, order[i]->name);
	return r < 0 ? r : 0;
}

static int find_needed(struct collector *c, struct diag *diag)
{
	for (size_t i = 0; i < c->stack.n_layers; i++) {
		struct layer *layer = c->stack.layers[i];
		const bool told = cmdline_needs_layer(&c->cmdline, layer);

		if (!told && !strset_has(&c->mounted, layer->name))
			continue;
		if (!told)
			log_warning("the initrd will not attach \"%s\" by itself: give it "
				    "x-initrd.attach, or boot with root=/dev/mapper/%s",
				layer->name, layer->name);
		int r = need(c, layer, diag);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Of what is needed, what nothing needed stands on: attaching it brings the rest. */
static int add_stacks(struct collector *c)
{
	_cleanup_(strset_done) struct strset below = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->needed.n; i++) {
		const struct layer *layer = stack_find(&c->stack, c->needed.items[i]);

		for (size_t j = 0; r >= 0 && j < layer->n_devices; j++)
			if (layer->devices[j].layer)
				r = strset_add(&below, layer->devices[j].layer->name);
	}
	for (size_t i = 0; r >= 0 && i < c->needed.n; i++)
		if (!strset_has(&below, c->needed.items[i]))
			r = strset_add(&c->tree.closure->items[CLOSURE_STACK], c->needed.items[i]);
	return r < 0 ? r : 0;
}

/* --- what they ask for --- */

static int add_key(struct collector *c, enum closure_kind kind, const struct keyref *key)
{
	int r = 0;

	c->has_ask = c->has_ask || key->kind == KEYREF_ASK;
	if (key->kind != KEYREF_FILE)
		return 0;
	if (kind == CLOSURE_SIGNATURE && !tree_has(&c->tree, key->value))
		log_warning("%s is not there", key->value);
	if (kind == CLOSURE_KEY)
		log_warning(
			"the key %s is not taken along: an initrd is a public place", key->value);
	r = strset_add(&c->tree.closure->items[kind], key->value);
	return r < 0 ? r : 0;
}

static int add_keys(struct collector *c, const struct layer *layer)
{
	const struct keyref *keys[LAYER_KEYS_MAX];
	const struct keyref *public_key;
	const char *use;
	size_t n = layer_keys(layer, keys);
	int r = 0;

	public_key = layer->type->public_key ? layer->type->public_key(layer, &use) : NULL;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_key(c, keys[i] == public_key ? CLOSURE_SIGNATURE : CLOSURE_KEY, keys[i]);
	return r;
}

/*
 * The drivers of the TPM, which no layer asks for, and what the policy of the seal is checked with.
 */
static int add_seal(struct collector *c, struct diag *diag)
{
	static const char *const drivers[] = { "tpm_crb", "tpm_tis" };
	static const char *const signatures[] = { "/etc/dmstack/pcr-signature.json",
		"/usr/lib/dmstack/pcr-signature.json" };
	const struct seal *seal = c->stack.seal;
	int r = 0;

	if (!seal)
		return 0;
	if (seal->broken)
		return diag_set(diag, -EINVAL, "the seal \"%s\" cannot be used", seal->name);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(drivers); i++)
		r = strset_add(&c->algorithms, drivers[i]);
	if (r >= 0 && seal->public_key)
		r = strset_add(&c->tree.closure->items[CLOSURE_CERTIFICATE], seal->public_key);
	if (r >= 0 && seal->public_key)
		r = tree_add_measuring(&c->tree);
	if (r >= 0 && seal->pcr_signature)
		r = strset_add(&c->tree.closure->items[CLOSURE_SIGNATURE], seal->pcr_signature);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signatures); i++)
		if (tree_has(&c->tree, signatures[i]))
			r = strset_add(&c->tree.closure->items[CLOSURE_SIGNATURE], signatures[i]);
	return r < 0 ? r : 0;
}

/* A file system that is mounted has its module, and one that is written its check. */
static int add_mount(struct collector *c, const struct layer *layer, struct diag *diag)
{
	const struct mount_hint *mount = layer->mount;
	char name[64];
	int r;

	if (!mount || !mount->type || strlen(mount->type) > 32)
		return 0;
	(void)snprintf(name, sizeof(name), "fs-%s", mount->type);
	r = strset_add(&c->algorithms, name);
	if (r < 0 || layer_is_read_only(layer))
		return r < 0 ? r : 0;
	(void)snprintf(name, sizeof(name), "fsck.%s", mount->type);
	r = tree_add_program(&c->tree, CLOSURE_BINARY, name, false, diag);
	if (r >= 0)
		r = tree_add_program(&c->tree, CLOSURE_BINARY, "fsck", false, diag);
	if (r >= 0)
		r = tree_add_program(&c->tree, CLOSURE_SYSTEMD, "systemd-fsck", false, diag);
	return r;
}

/* Argon2 of a keyslot: a thread of libargon2 ends through libgcc_s, which the C library opens. */
static int add_keyslot_libraries(struct collector *c)
{
	int r = tree_add_library(&c->tree, "libargon2.so.1");

	return r < 0 ? r : tree_add_library(&c->tree, "libgcc_s.so.1");
}

static int add_layers(struct collector *c, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->needed.n; i++) {
		const struct layer *layer = stack_find(&c->stack, c->needed.items[i]);

		r = layer_add_modules(layer, &c->targets, &c->algorithms);
		if (r >= 0)
			r = add_keys(c, layer);
		if (r >= 0)
			r = add_mount(c, layer, diag);
		if (r >= 0 && layer->type->keyslots)
			r = add_keyslot_libraries(c);
	}
	if (r >= 0)
		r = add_seal(c, diag);
	c->has_ask = c->has_ask || (c->stack.seal && c->stack.seal->pin);
	if (r >= 0 && c->has_ask)
		r = tree_add_program(
			&c->tree, CLOSURE_SYSTEMD, "systemd-ask-password", false, diag);
	if (r >= 0 && c->has_ask)
		r = tree_add_program(
			&c->tree, CLOSURE_SYSTEMD, "systemd-tty-ask-password-agent", false, diag);
	return r;
}

/* --- configuration --- */

static bool is_manifest(const struct collector *c, const char *path, bool *ret_needed)
{
	const struct seal *seal = c->stack.seal;
	bool found = false;

	*ret_needed = seal && streq_ptr(seal->source_path, path);
	for (size_t i = 0; i < c->stack.n_layers; i++) {
		const struct layer *layer = c->stack.layers[i];

		if (!layer->stack_name || !streq_ptr(layer->source_path, path))
			continue;
		found = true;
		*ret_needed = *ret_needed || strset_has(&c->needed, layer->name);
	}
	return found;
}

static int add_manifest(struct collector *c, const char *path)
{
	_cleanup_free_ char *signature = NULL;
	int r = strset_add(&c->tree.closure->items[CLOSURE_MANIFEST], path);

	if (r < 0)
		return r;
	if (asprintf(&signature, "%s.p7s", path) < 0) {
		signature = NULL;
		return -ENOMEM;
	}
	if (!tree_has(&c->tree, signature))
		return 0;
	r = strset_add(&c->tree.closure->items[CLOSURE_SIGNATURE], signature);
	return r < 0 ? r : 0;
}

/* Manifests of other stacks stay away; a file of lines cannot be divided. */
static int add_config(struct collector *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->report.files.n; i++) {
		const char *path = c->report.files.items[i].path;
		bool needed;

		if (is_manifest(c, path, &needed)) {
			if (needed)
				r = add_manifest(c, path);
		} else {
			r = strset_add(&c->tree.closure->items[CLOSURE_CONFIG], path);
		}
		if (startswith(path, "/run/"))
			log_warning("%s lies in /run, which is empty when an initrd starts", path);
	}
	return r < 0 ? r : 0;
}

static int add_programs(struct collector *c, struct diag *diag)
{
	const struct closure_tree *tree = &c->tree;
	int r = tree_add_file(tree, CLOSURE_BINARY, DMSTACK_PATH, diag);

	if (r >= 0)
		r = tree_add_program(tree, CLOSURE_BINARY, "dmsetup", true, diag);
	if (r >= 0)
		r = tree_add_program(tree, CLOSURE_BINARY, "modprobe", true, diag);
	if (r >= 0)
		r = tree_add_file(tree, CLOSURE_SYSTEMD, GENERATOR_PATH, diag);
	if (r >= 0)
		r = tree_add_program(tree, CLOSURE_SYSTEMD, "systemd-shutdown", false, diag);
	if (r >= 0)
		r = tree_add_units(tree, diag);
	return r < 0 ? r : tree_add_udev(tree, diag);
}

static int collector_load(struct collector *c, struct diag *diag)
{
	const struct config_request config = {
		/* A tree even here: in the one that is made of it, every file is the initrd's. */
		.root = c->request->root ?: "/",
		.level = LOG_LEVEL_WARNING,
		.initrd = true,
	};
	size_t broken;
	int r;

	if (c->request->root) {
		c->tree.fd = open(c->request->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->tree.fd < 0)
			return diag_at(diag, -errno, "%s", c->request->root);
	}
	r = config_load_report(&config, &c->stack, &c->report);
	if (r < 0)
		return r;
	broken = c->stack.seal && c->stack.seal->broken;
	for (size_t i = 0; i < c->stack.n_layers; i++)
		broken += c->stack.layers[i]->broken;
	if (c->report.n_errors > broken)
		return diag_set(diag, -EINVAL,
			"with errors in the configuration nobody knows what is needed");
	r = read_cmdline(c, diag);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	r = read_mounts(c, "/etc/fstab");
	return r < 0 || c->request->root ? r : read_mounts(c, "/proc/self/mounts");
}

int closure_collect(const struct closure_request *request, struct closure *ret, struct diag *diag)
{
	_cleanup_(closure_done) struct closure closure = {};
	_cleanup_(collector_done) struct collector c = {
		.request = request,
		.tree = { .fd = -EBADF, .closure = &closure },
	};
	int r = collector_load(&c, diag);

	if (r >= 0)
		r = find_needed(&c, diag);
	if (r >= 0 && c.needed.n > 0) {
		r = add_stacks(&c);
		if (r >= 0)
			r = add_layers(&c, diag);
		if (r >= 0)
			r = tree_add_modules(
				&c.tree, request->kernel, &c.targets, &c.algorithms, diag);
		if (r >= 0)
			r = add_programs(&c, diag);
		if (r >= 0)
			r = add_config(&c);
		if (r >= 0)
			r = tree_add_certificates(&c.tree, diag);
	}
	if (r < 0)
		return r;
	*ret = closure;
	closure = (struct closure){};
	return 0;
}
