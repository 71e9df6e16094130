/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsing and printing of device references, and the paths where udev puts them.
 */

#include "devref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static const struct {
	const char *prefix;
	const char *folder;
} kinds[_DEVREF_KIND_MAX] = {
	[DEVREF_LAYER] = { NULL, "/dev/mapper/" },
	[DEVREF_UUID] = { "UUID=", "/dev/disk/by-uuid/" },
	[DEVREF_PARTUUID] = { "PARTUUID=", "/dev/disk/by-partuuid/" },
	[DEVREF_LABEL] = { "LABEL=", "/dev/disk/by-label/" },
	[DEVREF_PARTLABEL] = { "PARTLABEL=", "/dev/disk/by-partlabel/" },
	[DEVREF_ID] = { "ID=", "/dev/disk/by-id/" },
};

void devref_done(struct devref *dev)
{
	free(dev->value);
	*dev = (struct devref){};
}

static bool has_dotdot(const char *path)
{
	for (const char *p = strstr(path, "/.."); p; p = strstr(p + 1, "/.."))
		if (p[3] == '/' || p[3] == '\0')
			return true;
	return false;
}

static int devref_check(
	enum devref_kind kind, const char *value, const char *text, struct diag *diag)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return diag_set(
				diag, -EINVAL, "device \"%s\" has a control character", text);
	if (!*value)
		return diag_set(diag, -EINVAL, "device \"%s\" names nothing", text);
	if (kind == DEVREF_PATH && has_dotdot(value))
		return diag_set(diag, -EINVAL, "device \"%s\": a path with \"..\"", text);
	/* A link name with a slash would leave its folder; udev writes \x2f there. */
	if (kind == DEVREF_LAYER && strchr(value, '/'))
		return diag_set(
			diag, -EINVAL, "device \"%s\" is neither a path, a tag nor a layer", text);
	if ((kind == DEVREF_UUID || kind == DEVREF_PARTUUID) && strchr(value, '/'))
		return diag_set(diag, -EINVAL, "device \"%s\" is not a UUID", text);
	return 0;
}

int devref_parse(const char *text, struct devref *ret, struct diag *diag)
{
	enum devref_kind kind = DEVREF_NONE;
	const char *value = NULL;

	for (int i = 0; !value && i < _DEVREF_KIND_MAX; i++)
		if (kinds[i].prefix) {
			value = startswith(text, kinds[i].prefix);
			kind = (enum devref_kind)i;
		}
	if (!value) {
		value = text;
		kind = *text == '/' ? DEVREF_PATH : DEVREF_LAYER;
		if (kind == DEVREF_LAYER && strchr(text, '='))
			return diag_set(diag, -EINVAL,
				"device \"%s\" is none of /PATH, UUID=, PARTUUID=, LABEL=, "
				"PARTLABEL=, ID= and a layer's name",
				text);
	}

	int r = devref_check(kind, value, text, diag);
	if (r < 0)
		return r;

	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	*ret = (struct devref){ .kind = kind, .value = copy };
	return 0;
}

int devref_copy(const struct devref *from, struct devref *ret)
{
	char *value = NULL;

	if (from->value && !(value = strdup(from->value)))
		return -ENOMEM;
	*ret = (struct devref){ .kind = from->kind, .value = value };
	return 0;
}

void devref_print(const struct devref *dev, struct buf *buf)
{
	if (kinds[dev->kind].prefix)
		buf_puts(buf, kinds[dev->kind].prefix);
	buf_puts(buf, dev->value ?: "-");
}

/* udev keeps these and everything outside ASCII, and writes \xNN for the rest. */
static bool link_char_is_kept(unsigned char c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || (c && strchr("#+-.:=@_", c));
}

char *devref_path(const struct devref *dev)
{
	_cleanup_(buf_done) struct buf buf = {};
	char *path = NULL;

	if (dev->kind == DEVREF_PATH)
		return strdup(dev->value);
	if (!kinds[dev->kind].folder)
		return NULL;

	buf_puts(&buf, kinds[dev->kind].folder);
	for (const char *p = dev->value; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (link_char_is_kept(c))
			buf_putc(&buf, *p);
		else
			buf_printf(&buf, "\\x%02x", c);
	}
	return buf_steal(&buf, &path) < 0 ? NULL : path;
}

bool devref_is_file(const struct devref *dev)
{
	return dev->kind == DEVREF_PATH && !startswith(dev->value, "/dev/");
}

bool devref_equal(const struct devref *a, const struct devref *b)
{
	return a->kind == b->kind && streq_ptr(a->value, b->value);
}
