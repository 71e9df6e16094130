/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the names under which the kernel asks for its modules to those of one version in the tree.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cleanup.h"
#include "closure-tree.h"
#include "log.h"
#include "module-index.h"

#define MODULES_DIR	 "/lib/modules"
#define MODULES_TEXT_MAX (64U << 20)

/* The texts of one version, owned. */
struct texts {
	char *dep, *alias, *builtin, *builtin_modinfo;
	size_t builtin_modinfo_size;
};

static void texts_done(struct texts *t)
{
	free(t->dep);
	free(t->alias);
	free(t->builtin);
	free(t->builtin_modinfo);
}

static int read_text(const struct closure_tree *tree, const char *version, const char *name,
	char **ret, size_t *ret_size, struct diag *diag)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, MODULES_DIR "/%s/%s", version, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = tree_read(tree, path, MODULES_TEXT_MAX, ret, ret_size);
	if (r == -ENOENT) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	if (r < 0) {
		(void)diag_at(diag, r, "%s", path);
		return diag_set(diag, r, "cannot be read: %s", strerror(-r));
	}
	return 0;
}

static int texts_read(
	const struct closure_tree *tree, const char *version, struct texts *ret, struct diag *diag)
{
	int r = read_text(tree, version, "modules.dep", &ret->dep, NULL, diag);

	if (r >= 0)
		r = read_text(tree, version, "modules.alias", &ret->alias, NULL, diag);
	if (r >= 0)
		r = read_text(tree, version, "modules.builtin", &ret->builtin, NULL, diag);
	if (r >= 0)
		r = read_text(tree, version, "modules.builtin.modinfo", &ret->builtin_modinfo,
			&ret->builtin_modinfo_size, diag);
	return r;
}

static int add_names(struct strset *to, const struct strset *names)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->n; i++)
		r = strset_add(to, names->items[i]);
	return r < 0 ? r : 0;
}

int tree_add_modules(const struct closure_tree *tree, const char *version,
	const struct strset *targets, const struct strset *algorithms, struct diag *diag)
{
	struct strset *modules = &tree->closure->items[CLOSURE_MODULE];
	_cleanup_(strset_done) struct strset versions = {};
	_cleanup_(texts_done) struct texts texts = {};
	struct utsname running;
	int r = 0;

	if (!version) {
		r = tree_list(tree, MODULES_DIR, &versions);
		if (r < 0)
			return r;
		if (tree->fd < 0 && uname(&running) == 0 && strset_has(&versions, running.release))
			version = running.release;
		else if (versions.n > 1)
			return diag_set(diag, -EINVAL,
				"there are modules of %zu kernels, so --kernel has to name one",
				versions.n);
		else if (versions.n == 1)
			version = versions.items[0];
	}
	if (!version) {
		r = add_names(modules, targets);
		return r < 0 ? r : add_names(modules, algorithms);
	}
	r = texts_read(tree, version, &texts, diag);
	if (r < 0)
		return r;

	const struct module_index index = {
		.dep = texts.dep,
		.alias = texts.alias,
		.builtin = texts.builtin,
		.builtin_modinfo = texts.builtin_modinfo,
		.builtin_modinfo_size = texts.builtin_modinfo_size,
	};

	for (size_t i = 0; i < targets->n; i++) {
		r = module_index_find(&index, targets->items[i], modules);
		if (r == -ENOENT)
			return diag_set(diag, r, "the kernel %s has no module %s", version,
				targets->items[i]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < algorithms->n; i++) {
		r = module_index_find(&index, algorithms->items[i], modules);
		if (r == -ENOENT)
			log_warning("the kernel %s has no module for %s", version,
				algorithms->items[i]);
		else if (r < 0)
			return r;
	}
	return 0;
}
