/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seal of a manifest: name, device and the seal's fields. Phase and epoch are those of the
 * manifest.
 */

#include <errno.h>
#include <string.h>

#include "manifest-internal.h"

static int read_member(const struct json_place *at, struct seal *seal, const char *name)
{
	int i = field_find(seal_fields, seal_n_fields, name);
	struct json_field_text space;
	const char *text;
	int r;

	if (i < 0)
		return json_fail(at, name, "unknown member of a seal");
	if (seal_field_is_local(&seal_fields[i]))
		return json_fail(at, name, "the manifest says this for all of it, as \"%s\"",
			streq(name, "epoch") ? "generation" : name);
	r = json_get_field(at, &seal_fields[i], &space, &text);
	if (r < 0)
		return r;
	return json_wrap(at, name, seal_set(seal, name, text, at->diag));
}

static int read_seal(const struct json_place *at, struct seal **ret)
{
	_cleanup_(seal_freep) struct seal *seal = NULL;
	const char *name, *device;
	int r;

	r = json_need_text(at, "name", &name);
	if (r >= 0)
		r = json_need_text(at, "device", &device);
	if (r < 0)
		return r;
	r = json_wrap(at, "name", seal_new(name, &seal, at->diag));
	if (r < 0)
		return r;
	r = json_wrap(at, "device", seal_set_device(seal, device, at->diag));
	if (r < 0)
		return r;

	json_object_object_foreach(at->object, member, value)
	{
		(void)value;
		if (streq(member, "name") || streq(member, "device"))
			continue;
		r = read_member(at, seal, member);
		if (r < 0)
			return r;
	}
	r = json_wrap(at, NULL, seal_finish(seal, at->diag));
	if (r < 0)
		return r;
	*ret = take_ptr(seal);
	return 1;
}

int manifest_read_seal(const struct json_place *root, struct seal **ret)
{
	struct json_place at = { .path = "$.seal", .diag = root->diag };
	int r;

	r = json_get_object(root, "seal", &at.object);
	if (r <= 0)
		return r;
	return read_seal(&at, ret);
}
