/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking about mappings and targets. Nothing here changes a mapping.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "dm-task.h"
#include "dm.h"
#include "program.h"

void mapping_info_done(struct mapping_info *info)
{
	free(info->name);
	free(info->uuid);
	*info = (struct mapping_info){};
}

static int query_failed(int r, struct diag *diag)
{
	if (r == -EPERM || r == -EACCES)
		return diag_set(diag, r, "device-mapper cannot be asked without privileges");
	if (r == -ENXIO)
		return diag_set(diag, r, "there is no such mapping");
	return diag_set(diag, r, "device-mapper cannot be asked: %s", task_complaint());
}

int mapping_info_get(const char *name, struct mapping_info *ret, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_INFO, name);
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	struct dm_info dmi;
	int r;

	if (!task)
		return task_unavailable(diag);
	r = task_run(task);
	if (r < 0 && r != -ENXIO)
		return query_failed(r, diag);

	info.name = strdup(name);
	if (!info.name)
		return -ENOMEM;
	if (r == 0 && dm_task_get_info(task, &dmi) && dmi.exists) {
		info.exists = true;
		info.live = dmi.live_table != 0;
		info.suspended = dmi.suspended != 0;
		info.read_only = dmi.read_only != 0;
		info.open_count = dmi.open_count > 0 ? (unsigned)dmi.open_count : 0;
		info.device = makedev(dmi.major, dmi.minor);
		info.uuid = strdup(dm_task_get_uuid(task) ?: "");
		if (!info.uuid)
			return -ENOMEM;
	}
	*ret = info;
	info = (struct mapping_info){};
	return 0;
}

void mapping_list_done(struct mapping_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		mapping_info_done(&list->items[i]);
	free(list->items);
	*list = (struct mapping_list){};
}

/* Takes the mapping over if it is wanted and still there. */
static int list_add(struct mapping_list *list, const char *name, bool foreign, struct diag *diag)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	struct mapping_info *items;
	int r;

	r = mapping_info_get(name, &info, diag);
	if (r < 0)
		return r;
	if (!info.exists || (!foreign && !strstr(info.uuid, MAPPING_UUID_MARK)))
		return 0;
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->n++] = info;
	info = (struct mapping_info){};
	return 0;
}

static int list_get(bool foreign, struct mapping_list *ret, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_LIST, NULL);
	_cleanup_(mapping_list_done) struct mapping_list list = {};
	int r;

	if (!task)
		return task_unavailable(diag);
	r = task_run(task);
	if (r < 0)
		return query_failed(r, diag);

	struct dm_names *names = dm_task_get_names(task);

	/* The first entry without a device number means that there are none. */
	while (names && names->dev != 0) {
		r = list_add(&list, names->name, foreign, diag);
		if (r < 0)
			return r;
		if (names->next == 0)
			break;
		names = (void *)((char *)names + names->next);
	}
	*ret = list;
	list = (struct mapping_list){};
	return 0;
}

int mapping_list_get(struct mapping_list *ret, struct diag *diag)
{
	return list_get(false, ret, diag);
}

int mapping_list_all(struct mapping_list *ret, struct diag *diag)
{
	return list_get(true, ret, diag);
}

void mapping_line_done(struct mapping_line *line)
{
	free(line->target);
	line->params = secret_free(line->params);
	*line = (struct mapping_line){};
}

static int line_get(int type, const char *name, struct mapping_line *ret, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(type, name);
	_cleanup_(mapping_line_done) struct mapping_line line = {};
	char *target, *params;
	void *next;
	int r;

	if (!task)
		return task_unavailable(diag);
	/* A table has the keys of dm-integrity in it. */
	if (!dm_task_secure_data(task) || !dm_task_no_open_count(task))
		return -ENOMEM;
	r = task_run(task);
	if (r < 0)
		return query_failed(r, diag);

	next = dm_get_next_target(
		task, NULL, &line.start_sector, &line.length_sectors, &target, &params);
	if (!target)
		return diag_set(diag, -EEXIST, "the mapping has no table");
	if (next)
		return diag_set(diag, -EEXIST, "the mapping has more than one target");

	line.target = strdup(target);
	if (!line.target)
		return -ENOMEM;
	r = secret_new_from(params ?: "", strlen(params ?: "") + 1, false, &line.params);
	if (r < 0)
		return r;
	*ret = line;
	line = (struct mapping_line){};
	return 0;
}

int mapping_table(const char *name, struct mapping_line *ret, struct diag *diag)
{
	return line_get(DM_DEVICE_TABLE, name, ret, diag);
}

int mapping_status(const char *name, struct mapping_line *ret, struct diag *diag)
{
	return line_get(DM_DEVICE_STATUS, name, ret, diag);
}

int mapping_deps(const char *name, dev_t **ret, size_t *ret_n, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_DEPS, name);
	struct dm_deps *deps;
	dev_t *devices;
	int r;

	if (!task)
		return task_unavailable(diag);
	r = task_run(task);
	if (r < 0)
		return query_failed(r, diag);
	deps = dm_task_get_deps(task);
	devices = calloc(deps ? deps->count + 1 : 1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	for (uint32_t i = 0; deps && i < deps->count; i++)
		devices[i] = deps->device[i];
	*ret = devices;
	*ret_n = deps ? deps->count : 0;
	return 0;
}

/* -ENOENT: the kernel does not have it (yet). */
static int target_version(const char *target, unsigned ret[3])
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_LIST_VERSIONS, NULL);
	struct dm_versions *v, *last = NULL;
	int r;

	if (!task)
		return task_unavailable(NULL);
	r = task_run(task);
	if (r < 0)
		return r;
	for (v = dm_task_get_versions(task); v && v != last;
		last = v, v = (void *)((char *)v + v->next)) {
		if (!streq(v->name, target))
			continue;
		for (unsigned i = 0; i < 3; i++)
			ret[i] = v->version[i];
		return 0;
	}
	return -ENOENT;
}

static void modules_load(const char *const *modules)
{
	for (; *modules; modules++) {
		const char *const argv[] = { "modprobe", "-q", "--", *modules, NULL };

		/* What counts is whether the target is there afterwards. */
		(void)!program_run("/sbin/modprobe", argv);
	}
}

/* The kernel's build option; all are named after the target but linear, which is in the core. */
static void config_option(const char *target, char *ret, size_t size)
{
	if (streq(target, "linear")) {
		(void)snprintf(ret, size, "CONFIG_BLK_DEV_DM");
		return;
	}
	(void)snprintf(ret, size, "CONFIG_DM_%s", target);
	for (char *p = ret; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
}

int mapping_require_target(const char *target, const unsigned version[3],
	const char *const *modules, struct diag *diag)
{
	unsigned have[3] = {};
	char option[64];
	int r;

	r = target_version(target, have);
	if (r == -ENOENT && modules) {
		modules_load(modules);
		r = target_version(target, have);
	}
	config_option(target, option, sizeof(option));
	if (r == -ENOENT)
		return diag_set(diag, -EOPNOTSUPP,
			"this kernel has no target \"%s\": it needs %s, and the module in reach",
			target, option);
	if (r == -ENODEV)
		return diag_set(diag, -EOPNOTSUPP,
			"device-mapper is not available, which needs CONFIG_BLK_DEV_DM: %s",
			task_complaint());
	if (r < 0)
		return query_failed(r, diag);

	for (unsigned i = 0; i < 3; i++) {
		if (have[i] > version[i])
			return 0;
		if (have[i] < version[i])
			return diag_set(diag, -EOPNOTSUPP,
				"the kernel's target \"%s\" is version %u.%u.%u, and %u.%u.%u is "
				"needed",
				target, have[0], have[1], have[2], version[0], version[1],
				version[2]);
	}
	return 0;
}
