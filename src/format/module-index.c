/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text files of /lib/modules/VERSION, see modules.dep(5), and of the kernel's Documentation,
 * kbuild/kbuild.rst. A line that is not as it should be matches nothing.
 */

#include "module-index.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE_MAX 128

static char normal(char c)
{
	return c == '-' ? '_' : c;
}

/* Whether the size bytes of text are the name, "-" and "_" being the same. */
static bool is_name(const char *text, size_t size, const char *name)
{
	for (size_t i = 0; i < size; i++)
		if (name[i] == '\0' || normal(text[i]) != normal(name[i]))
			return false;
	return name[size] == '\0';
}

/* The next line of the text, without its end; false behind the last one. */
static bool next_line(const char **text, const char **ret, size_t *ret_size)
{
	if (!*text || **text == '\0')
		return false;
	*ret = *text;
	*ret_size = strcspn(*text, "\n");
	*text += *ret_size + ((*text)[*ret_size] == '\n');
	return true;
}

/* The module of a path: kernel/drivers/md/dm-crypt.ko.xz has dm-crypt. Returns its size or 0. */
static size_t module_of_path(const char *path, size_t size, const char **ret)
{
	const char *slash = memrchr(path, '/', size);
	const char *base = slash ? slash + 1 : path;
	size_t rest = size - (size_t)(base - path);
	const char *dot = memmem(base, rest, ".ko", 3);

	*ret = base;
	return dot ? (size_t)(dot - base) : 0;
}

static int add(struct strset *modules, const char *text, size_t size)
{
	char name[NAME_SIZE_MAX];

	if (size >= sizeof(name))
		return 0;
	for (size_t i = 0; i < size; i++)
		name[i] = normal(text[i]);
	name[size] = '\0';
	return strset_add(modules, name);
}

/* Whether a line of modules.dep ("PATH: PATH...") or modules.builtin ("PATH") has the module. */
static bool paths_have(const char *text, const char *name)
{
	const char *line, *module;
	size_t size, n;

	while (next_line(&text, &line, &size)) {
		const char *colon = memchr(line, ':', size);

		n = module_of_path(line, colon ? (size_t)(colon - line) : size, &module);
		if (n > 0 && is_name(module, n, name))
			return true;
	}
	return false;
}

/* "alias ALIAS MODULE". Returns how many lines matched. */
static int find_alias(const char *text, const char *name, struct strset *modules)
{
	static const char word[] = "alias ";
	const char *line;
	size_t size;
	int found = 0;

	while (next_line(&text, &line, &size)) {
		const char *module;
		int r;

		if (size < strlen(word) || memcmp(line, word, strlen(word)) != 0)
			continue;
		line += strlen(word);
		size -= strlen(word);
		module = memrchr(line, ' ', size);
		if (!module || !is_name(line, (size_t)(module - line), name))
			continue;
		module++;
		if (module == line + size)
			continue;
		r = add(modules, module, size - (size_t)(module - line));
		if (r < 0)
			return r;
		found++;
	}
	return found;
}

/* "MODULE.alias=ALIAS" */
static bool builtin_has_alias(const struct module_index *index, const char *name)
{
	const char *record = index->builtin_modinfo;
	size_t rest = index->builtin_modinfo_size;

	while (rest > 0) {
		const size_t size = strnlen(record, rest);
		const char *value = memmem(record, size, ".alias=", strlen(".alias="));

		if (value) {
			value += strlen(".alias=");
			if (is_name(value, size - (size_t)(value - record), name))
				return true;
		}
		record += MIN(size + 1, rest);
		rest -= MIN(size + 1, rest);
	}
	return false;
}

int module_index_find(const struct module_index *index, const char *name, struct strset *modules)
{
	int r;

	if (paths_have(index->dep, name)) {
		r = add(modules, name, strlen(name));
		return r < 0 ? r : 1;
	}
	if (paths_have(index->builtin, name))
		return 0;
	r = find_alias(index->alias, name, modules);
	if (r != 0)
		return r;
	return builtin_has_alias(index, name) ? 0 : -ENOENT;
}
