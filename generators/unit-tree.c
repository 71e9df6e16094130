/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The output of the generator in memory, and its way to disk. systemd waits for all generators at
 * every boot and reload, and empties the folders before: so no fsync, no temporary names, and as
 * few system calls as there are entries.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fd.h"
#include "unit-tree.h"

void unit_tree_done(struct unit_tree *tree)
{
	buf_done(&tree->text);
	free(tree->entries);
	*tree = (struct unit_tree){};
}

static struct unit_entry *tree_new_entry(
	struct unit_tree *tree, enum unit_entry_kind kind, enum unit_place place)
{
	if (tree->n_entries == tree->space) {
		const size_t space = tree->space ? tree->space * 2 : 64;
		struct unit_entry *entries =
			reallocarray(tree->entries, space, sizeof(tree->entries[0]));

		if (!entries) {
			tree->text.error = -ENOMEM;
			return NULL;
		}
		tree->entries = entries;
		tree->space = space;
	}
	struct unit_entry *entry = &tree->entries[tree->n_entries++];

	*entry = (struct unit_entry){ .kind = kind, .place = place, .path = tree->text.size };
	return entry;
}

static void tree_put_path(struct unit_tree *tree, const char *folder, const char *name)
{
	if (folder)
		buf_puts(&tree->text, folder);
	if (folder && name)
		buf_putc(&tree->text, '/');
	if (name)
		buf_puts(&tree->text, name);
	buf_putc(&tree->text, '\0');
}

static struct unit_entry *tree_add(struct unit_tree *tree, enum unit_entry_kind kind,
	enum unit_place place, const char *folder, const char *name)
{
	struct unit_entry *entry;

	/* A name that memory ran out for; behind an empty folder the path would be absolute. */
	if ((folder && !*folder) || !*name) {
		tree->text.error = -ENOMEM;
		return NULL;
	}
	if (folder && tree_new_entry(tree, UNIT_ENTRY_FOLDER, place))
		tree_put_path(tree, folder, NULL);
	entry = tree_new_entry(tree, kind, place);
	if (!entry)
		return NULL;
	tree_put_path(tree, folder, name);
	entry->data = tree->text.size;
	return entry;
}

void unit_tree_add_link(struct unit_tree *tree, enum unit_place place, const char *folder,
	const char *name, const char *target)
{
	if (!*target)
		tree->text.error = -ENOMEM;
	else if (tree_add(tree, UNIT_ENTRY_LINK, place, folder, name))
		buf_append(&tree->text, target, strlen(target) + 1);
}

struct buf *unit_tree_add_file(
	struct unit_tree *tree, enum unit_place place, const char *folder, const char *name)
{
	(void)tree_add(tree, UNIT_ENTRY_FILE, place, folder, name);
	return &tree->text;
}

void unit_tree_end_file(struct unit_tree *tree)
{
	if (tree->n_entries == 0)
		return;
	struct unit_entry *entry = &tree->entries[tree->n_entries - 1];

	entry->size = tree->text.size - entry->data;
}

const char *unit_tree_path(const struct unit_tree *tree, const struct unit_entry *entry)
{
	return tree->text.data + entry->path;
}

const char *unit_tree_data(const struct unit_tree *tree, const struct unit_entry *entry)
{
	return tree->text.data + entry->data;
}

static int write_file(int dir_fd, const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd =
		openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return fd_write_full(fd, data, size);
}

static int write_entry(const struct unit_tree *tree, const struct unit_entry *entry, int dir_fd)
{
	const char *path = unit_tree_path(tree, entry);

	switch (entry->kind) {
	case UNIT_ENTRY_FOLDER:
		/* Another generator may have made it. */
		return mkdirat(dir_fd, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	case UNIT_ENTRY_LINK:
		return symlinkat(unit_tree_data(tree, entry), dir_fd, path) < 0 ? -errno : 0;
	case UNIT_ENTRY_FILE:
		return write_file(dir_fd, path, unit_tree_data(tree, entry), entry->size);
	}
	return -EINVAL;
}

int unit_tree_write(
	const struct unit_tree *tree, const int place_fd[_UNIT_PLACE_MAX], struct diag *diag)
{
	int first = buf_error(&tree->text);

	if (first < 0)
		return diag_set(diag, first, "the units do not fit: %s", strerror(-first));
	for (size_t i = 0; i < tree->n_entries; i++) {
		const struct unit_entry *entry = &tree->entries[i];
		const int r = write_entry(tree, entry, place_fd[entry->place]);

		if (r >= 0 || first < 0)
			continue;
		first = diag_set(diag, r, "%s", strerror(-r));
		(void)diag_at(diag, r, "%s", unit_tree_path(tree, entry));
	}
	return first;
}
