/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For a udev rule: is this block device the raw source of a layer? Then it prints which layer, and
 * which of the device's links may stay. The others name the file system inside, which is to be
 * reached through the layer only.
 *
 *	dmstack-source LINK...
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fd.h"
#include "load.h"
#include "log.h"

struct source {
	const char *node;   /* $DEVNAME */
	char *backing_file; /* of a loop device; owned; may be NULL */
	char **links;	    /* below /dev, NULL-terminated */
};

static bool source_has_path(const struct source *source, const char *path)
{
	if (streq_ptr(path, source->node) || streq_ptr(path, source->backing_file))
		return true;
	for (char **link = source->links; *link; link++)
		if (startswith(path, "/dev/") && streq(path + strlen("/dev/"), *link))
			return true;
	return false;
}

static bool layer_has_path(const struct layer *layer, const char *path)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		_cleanup_free_ char *device = devref_path(&layer->devices[i].ref);

		if (device && streq(device, path))
			return true;
	}
	return false;
}

static const struct layer *find_layer(const struct stack *stack, const struct source *source)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		for (size_t j = 0; j < layer->n_devices; j++) {
			const struct devref *ref = &layer->devices[j].ref;
			_cleanup_free_ char *path =
				ref->kind == DEVREF_LAYER ? NULL : devref_path(ref);

			if (path && source_has_path(source, path))
				return layer;
		}
	}
	return NULL;
}

/* A link by which the configuration itself finds the device has to stay. */
static bool link_stays(const struct stack *stack, const char *link)
{
	char path[512];

	if (!startswith(link, "disk/by-uuid/") && !startswith(link, "disk/by-label/"))
		return true;
	if (snprintf(path, sizeof(path), "/dev/%s", link) >= (int)sizeof(path))
		return false;
	for (size_t i = 0; i < stack->n_layers; i++)
		if (layer_has_path(stack->layers[i], path))
			return true;
	return false;
}

static int source_print(const struct source *source, const struct stack *stack)
{
	const struct layer *layer = find_layer(stack, source);
	_cleanup_(buf_done) struct buf buf = {};

	if (!layer)
		return 0;
	buf_printf(&buf, "DMSTACK_LAYER=%s\nDMSTACK_LINKS=", layer->name);
	for (char **link = source->links; *link; link++)
		if (link_stays(stack, *link))
			buf_printf(&buf, "%s ", *link);
	buf_putc(&buf, '\n');
	if (buf_error(&buf) < 0)
		return log_oom();
	return fputs(buf_str(&buf), stdout) < 0 || fflush(stdout) < 0 ? -EIO : 0;
}

/* The kernel ends the path with a newline; other devices than loops have none. */
static char *read_backing_file(const char *devpath)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	if (!devpath || asprintf(&path, "/sys%s/loop/backing_file", devpath) < 0 ||
		file_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return take_ptr(text);
}

/* The generator reports what is wrong with the configuration, once. */
static void on_load_error(void *userdata, const struct load_error *error)
{
}

int main(int argc, char **argv)
{
	const struct load_request request = { .on_error = on_load_error };
	_cleanup_(stack_done) struct stack stack = {};
	int r;

	log_setup("dmstack-source", LOG_TARGET_STDERR);
	if (argc < 1)
		return 2;
	r = load_stack(&request, &stack, NULL);
	if (r < 0)
		return log_error_errno(r, "cannot read the configuration"), 1;

	_cleanup_free_ char *backing_file = read_backing_file(getenv("DEVPATH"));
	const struct source source = {
		.node = getenv("DEVNAME"),
		.backing_file = backing_file,
		.links = argv + 1,
	};

	return source_print(&source, &stack) < 0 ? 1 : 0;
}
