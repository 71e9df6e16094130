/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of files that were read.
 */

#include "load-files.h"

#include <string.h>

#include "cleanup.h"

void load_files_done(struct load_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct load_files){};
}

int load_files_add(struct load_files *files, const char *path, const void *data, size_t size)
{
	struct load_file *items = reallocarray(files->items, files->n + 1, sizeof(*items));
	struct load_file *item;
	struct sha256 hash;

	if (!items)
		return -ENOMEM;
	files->items = items;
	item = &items[files->n];
	item->path = strdup(path);
	if (!item->path)
		return -ENOMEM;
	sha256_init(&hash);
	sha256_add(&hash, data, size);
	sha256_finish(&hash, item->sha256);
	files->n++;
	return 0;
}

bool load_files_contain(const struct load_files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (streq(files->items[i].path, path))
			return true;
	return false;
}

void load_files_digest(const struct load_files *files, uint8_t ret[SHA256_SIZE])
{
	struct sha256 hash;

	sha256_init(&hash);
	for (size_t i = 0; i < files->n; i++)
		sha256_add(&hash, files->items[i].sha256, SHA256_SIZE);
	sha256_finish(&hash, ret);
}
