/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making and removing mappings. Three ioctls make one (create, load, resume), and each has its own
 * errno here; libdevmapper's combined call loses it in some versions.
 */

#include "dm.h"

#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm-task.h"
#include "kernel-log.h"

/*
 * The flags for udev's rules (libdevmapper.h). A hidden layer keeps its /dev/mapper node, but is
 * not probed, so that no other rule assembles or mounts what it carries.
 */
#define HIDDEN_FLAGS                                                                               \
	(DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG |                      \
		DM_UDEV_LOW_PRIORITY_FLAG)

/* Without a udevd nobody would ever release the cookie; libdevmapper makes the node then. */
static bool udev_is_running(void)
{
	return access("/run/udev/control", F_OK) == 0;
}

/* For resume and remove: asks udev to report back through the cookie. */
static int task_set_udev(struct dm_task *task, bool hidden, uint32_t *ret_cookie)
{
	dm_udev_set_sync_support(udev_is_running());
	*ret_cookie = 0;
	if (!dm_task_set_cookie(task, ret_cookie, hidden ? HIDDEN_FLAGS : 0))
		return -EIO;
	return 0;
}

/* One sentence for an errno of a failed create, load or resume. */
static int create_failed(
	int r, const struct mapping_spec *spec, int log_fd, const char *stage, struct diag *diag)
{
	_cleanup_free_ char *said = kernel_log_find(log_fd, "device-mapper");

	if (streq(spec->target, "verity"))
		switch (-r) {
		case ENOKEY:
			return diag_set(diag, r,
				"the kernel does not trust who signed the root hash: the "
				"certificate is in none of its keyrings (builtin, secondary, "
				"platform)%s%s",
				said ? ": " : "", said ?: "");
		case EKEYREJECTED:
		case EBADMSG:
			return diag_set(diag, r, "the signature is not one of this root hash%s%s",
				said ? ": " : "", said ?: "");
		default:
			break;
		}
	switch (-r) {
	case ENOKEY:
		return diag_set(diag, r,
			"the kernel does not find the key that the table names%s%s",
			said ? ": " : "", said ?: "");
	case EBUSY:
		if (streq(stage, "create"))
			return diag_set(diag, r,
				"the name or the UUID \"%s\" is taken by another "
				"mapping",
				spec->uuid);
		return diag_set(diag, r, "a device below is in use by something else%s%s",
			said ? ": " : "", said ?: "");
	case ENXIO:
		return diag_set(
			diag, r, "a device below is gone%s%s", said ? ": " : "", said ?: "");
	case EACCES:
	case EROFS:
		return diag_set(diag, r,
			"a device below can only be read, and the layer is not "
			"read-only");
	case EPERM:
		return diag_set(diag, r, "the kernel does not permit it; this needs root");
	case ENODEV:
		return diag_set(diag, r, "device-mapper is not available: %s", task_complaint());
	default:
		return diag_set(diag, r, "the kernel refused the %s table at %s: %s", spec->target,
			stage, said ?: "see dmesg(1)");
	}
}

static int mapping_reserve(const struct mapping_spec *spec)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_CREATE, spec->name);

	if (!task)
		return task_unavailable(NULL);
	if (!dm_task_set_uuid(task, spec->uuid))
		return -ENOMEM;
	return task_run(task);
}

static int mapping_load(const struct mapping_spec *spec)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_RELOAD, spec->name);

	if (!task)
		return task_unavailable(NULL);
	/* First of all: from here on libdevmapper wipes its copies, and the kernel does. */
	if (spec->has_key && !dm_task_secure_data(task))
		return -ENOMEM;
	if (spec->read_only && !dm_task_set_ro(task))
		return -ENOMEM;
	if (!dm_task_add_target(task, 0, spec->length_sectors, spec->target,
		    (const char *)secret_peek(spec->params)))
		return -ENOMEM;
	return task_run(task);
}

int mapping_resume(const char *name, bool hidden)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_RESUME, name);
	uint32_t cookie;
	int r;

	if (!task)
		return task_unavailable(NULL);
	r = task_set_udev(task, hidden, &cookie);
	if (r < 0)
		return r;
	r = task_run(task);
	/* Also after a failure, since it takes the cookie away; and it updates the node. */
	if (!dm_udev_wait(cookie) && r == 0)
		r = -EIO;
	return r;
}

int mapping_create(const struct mapping_spec *spec, struct diag *diag)
{
	_cleanup_close_ int log_fd = kernel_log_open();
	int r;

	r = mapping_reserve(spec);
	if (r < 0)
		return create_failed(r, spec, log_fd, "create", diag);

	const char *stage = "load";

	r = mapping_load(spec);
	if (r == 0) {
		stage = "resume";
		r = mapping_resume(spec->name, spec->hidden);
	}
	if (r == 0)
		return 0;

	(void)create_failed(r, spec, log_fd, stage, diag);
	(void)!mapping_remove(spec->name, spec->hidden, NULL);
	return r;
}

int mapping_remove(const char *name, bool hidden, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_REMOVE, name);
	uint32_t cookie;
	int r;

	if (!task)
		return task_unavailable(diag);
	/* Tried again for some seconds: udev's rules open new and changed devices for a moment. */
	if (!dm_task_retry_remove(task))
		return -ENOMEM;
	r = task_set_udev(task, hidden, &cookie);
	if (r < 0)
		return diag_set(diag, r, "no udev cookie to be had: %s", task_complaint());
	r = task_run(task);
	(void)dm_udev_wait(cookie);
	if (r == -ENXIO)
		return 0;
	if (r == -EBUSY)
		return diag_set(diag, r, "the mapping is in use");
	if (r < 0)
		return diag_set(
			diag, r, "the kernel did not remove the mapping: %s", task_complaint());
	return 0;
}

/* Without a length the mapping has no table, and so no key. */
static int mapping_wipe_load(const char *name, uint64_t sectors)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_RELOAD, name);

	if (!task)
		return task_unavailable(NULL);
	if (!dm_task_add_target(task, 0, sectors, "error", ""))
		return -ENOMEM;
	return task_run(task);
}

/* Resuming a mapping with a new table suspends it for a moment, which must not wait for I/O. */
static int mapping_wipe_swap(const char *name)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_RESUME, name);

	if (!task)
		return task_unavailable(NULL);
	if (!dm_task_no_flush(task) || !dm_task_skip_lockfs(task))
		return -ENOMEM;
	return task_run(task);
}

int mapping_wipe(const char *name, struct diag *diag)
{
	_cleanup_(mapping_line_done) struct mapping_line line = {};
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	int r = mapping_info_get(name, &info, diag);

	if (r < 0 || !info.live)
		return r;
	r = mapping_status(name, &line, diag);
	if (r < 0)
		return r;
	r = mapping_wipe_load(name, line.length_sectors);
	if (r >= 0)
		r = mapping_wipe_swap(name);
	return r < 0 ? diag_set(diag, r, "the mapping keeps its table: %s", strerror(-r)) : 0;
}
