/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking through folders.
 */

#include "dropins.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "root-open.h"

const char *const config_dirs[] = { "/etc", "/run", "/usr/lib", NULL };

void dropins_done(struct dropins *dropins)
{
	for (size_t i = 0; i < dropins->n_files; i++) {
		free(dropins->files[i].name);
		free(dropins->files[i].path);
	}
	free(dropins->files);
	*dropins = (struct dropins){};
}

static int dropin_compare(const void *a, const void *b)
{
	const struct dropin *dropin_a = a, *dropin_b = b;

	return strcmp(dropin_a->name, dropin_b->name);
}

void dropins_sort(struct dropins *dropins)
{
	if (dropins->n_files > 0)
		qsort(dropins->files, dropins->n_files, sizeof(*dropins->files), dropin_compare);
}

/* The first folder that has a name wins. */
static int dropins_add(struct dropins *dropins, const char *dir, const char *name)
{
	struct dropin *files;
	struct dropin file = {};

	for (size_t i = 0; i < dropins->n_files; i++)
		if (streq(dropins->files[i].name, name))
			return 0;
	files = reallocarray(dropins->files, dropins->n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	dropins->files = files;
	file.name = strdup(name);
	if (!file.name || asprintf(&file.path, "%s/%s", dir, name) < 0) {
		free(file.name);
		return -ENOMEM;
	}
	files[dropins->n_files++] = file;
	return 0;
}

int dropins_scan(struct dropins *dropins, int root_fd, const char *folder, const char *suffix)
{
	int fd = root_open(root_fd, folder, O_RDONLY | O_DIRECTORY);
	DIR *dir;
	int r = 0;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			(void)close(fd);
		return r;
	}

	while (r >= 0) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry && errno != 0)
			r = -errno;
		if (!entry)
			break;
		if (entry->d_name[0] != '.' && endswith(entry->d_name, suffix))
			r = dropins_add(dropins, folder, entry->d_name);
	}
	(void)closedir(dir);
	return r;
}
