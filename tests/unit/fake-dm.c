/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for libdevmapper: the linker takes these functions first and leaves the library out.
 */

#include "test.h"

#include "fake-dm.h"

#include <errno.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

#define MAPPINGS_MAX 16
#define MAPPED_MAJOR 254

struct mapping {
	bool exists, live, loaded, suspended, read_only;
	char name[64], uuid[128];
	uint64_t sectors;
	char target[32], params[1200];
	int open_count;
};

static struct mapping mappings[MAPPINGS_MAX];
static struct buf calls;
static char missing_target[32];
static struct {
	char call[16], name[64];
	int error;
} faults[2];

void fake_reset(void)
{
	memset(mappings, 0, sizeof(mappings));
	buf_done(&calls);
	calls = (struct buf){};
	memset(faults, 0, sizeof(faults));
	*missing_target = '\0';
	fake_devices_reset();
}

void fake_call(const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	assert_true(vasprintf(&text, format, ap) >= 0);
	va_end(ap);
	buf_puts(&calls, text);
}

const char *fake_log(void)
{
	return buf_str(&calls);
}

void fake_log_clear(void)
{
	buf_reset(&calls);
}

static struct mapping *find(const char *name)
{
	for (size_t i = 0; i < MAPPINGS_MAX; i++)
		if (mappings[i].exists && streq(mappings[i].name, name))
			return &mappings[i];
	return NULL;
}

/* One that the test knows to be there. */
static struct mapping *get(const char *name)
{
	struct mapping *m = find(name);

	if (!m) {
		print_error("no mapping %s\n", name);
		abort();
	}
	return m;
}

static struct mapping *add(const char *name, const char *uuid)
{
	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		if (mappings[i].exists)
			continue;
		mappings[i] = (struct mapping){ .exists = true };
		(void)snprintf(mappings[i].name, sizeof(mappings[i].name), "%s", name);
		(void)snprintf(mappings[i].uuid, sizeof(mappings[i].uuid), "%s", uuid);
		return &mappings[i];
	}
	fail_msg("too many mappings");
	return NULL;
}

void fake_mapping(const char *name, const char *uuid, uint64_t sectors, const char *table)
{
	struct mapping *m = add(name, uuid);

	m->sectors = sectors;
	m->live = table != NULL;
	if (table)
		assert_int_equal(sscanf(table, "%31s %1199[^\n]", m->target, m->params), 2);
}

void fake_mapping_open(const char *name, int open_count)
{
	get(name)->open_count = open_count;
}

void fake_mapping_suspend(const char *name)
{
	get(name)->suspended = true;
}

bool fake_mapping_is_suspended(const char *name)
{
	return get(name)->suspended;
}

bool fake_mapping_exists(const char *name)
{
	return find(name) != NULL;
}

static void set_fault(size_t i, const char *call, const char *name, int error)
{
	(void)snprintf(faults[i].call, sizeof(faults[i].call), "%s", call);
	(void)snprintf(faults[i].name, sizeof(faults[i].name), "%s", name);
	faults[i].error = error;
}

void fake_fail(const char *call, const char *name, int error)
{
	set_fault(0, call, name, error);
}

void fake_fail_twice(const char *call, const char *name, int error, const char *other_call,
	const char *other_name, int other_error)
{
	set_fault(0, call, name, error);
	set_fault(1, other_call, other_name, other_error);
}

void fake_without_target(const char *target)
{
	(void)snprintf(missing_target, sizeof(missing_target), "%s", target);
}

int fake_injected(const char *call, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!streq(call, faults[i].call) || !streq(name, faults[i].name))
			continue;
		*faults[i].call = '\0';
		return faults[i].error;
	}
	return 0;
}

bool fake_mapping_at(dev_t device, uint64_t *ret_sectors, bool *ret_read_only)
{
	const struct mapping *m = &mappings[minor(device) % MAPPINGS_MAX];

	if (major(device) != MAPPED_MAJOR || !m->exists || !m->live)
		return false;
	*ret_sectors = m->sectors;
	*ret_read_only = m->read_only;
	return true;
}

/* --- libdevmapper --- */

struct dm_task {
	int type, error;
	char name[64], uuid[128];
	bool secure, read_only, no_flush, skip_lockfs;
	uint16_t udev_flags;
	uint64_t start, size;
	char target[32], params[1200], message[200];
	/* Variable structures of libdevmapper's answers. */
	uint64_t answer[512];
};

struct dm_task *dm_task_create(int type)
{
	struct dm_task *task = calloc(1, sizeof(*task));

	task->type = type;
	return task;
}

void dm_task_destroy(struct dm_task *dmt)
{
	free(dmt);
}

int dm_task_set_name(struct dm_task *dmt, const char *name)
{
	(void)snprintf(dmt->name, sizeof(dmt->name), "%s", name);
	return 1;
}

int dm_task_set_uuid(struct dm_task *dmt, const char *uuid)
{
	(void)snprintf(dmt->uuid, sizeof(dmt->uuid), "%s", uuid);
	return 1;
}

int dm_task_set_ro(struct dm_task *dmt)
{
	dmt->read_only = true;
	return 1;
}

int dm_task_secure_data(struct dm_task *dmt)
{
	dmt->secure = true;
	return 1;
}

int dm_task_set_sector(struct dm_task *dmt, uint64_t sector)
{
	return sector == 0;
}

int dm_task_set_message(struct dm_task *dmt, const char *message)
{
	(void)snprintf(dmt->message, sizeof(dmt->message), "%s", message);
	return 1;
}

int dm_task_no_open_count(struct dm_task *dmt)
{
	return 1;
}

int dm_task_no_flush(struct dm_task *dmt)
{
	dmt->no_flush = true;
	return 1;
}

int dm_task_skip_lockfs(struct dm_task *dmt)
{
	dmt->skip_lockfs = true;
	return 1;
}

int dm_task_retry_remove(struct dm_task *dmt)
{
	return 1;
}

int dm_task_add_target(
	struct dm_task *dmt, uint64_t start, uint64_t size, const char *ttype, const char *params)
{
	dmt->start = start;
	dmt->size = size;
	(void)snprintf(dmt->target, sizeof(dmt->target), "%s", ttype);
	(void)snprintf(dmt->params, sizeof(dmt->params), "%s", params);
	return 1;
}

int dm_task_set_cookie(struct dm_task *dmt, uint32_t *cookie, uint16_t flags)
{
	dmt->udev_flags = flags;
	*cookie = 1;
	return 1;
}

int dm_udev_wait(uint32_t cookie)
{
	return 1;
}

void dm_udev_set_sync_support(int sync_with_udev)
{
}

void dm_log_with_errno_init(dm_log_with_errno_fn fn)
{
}

static int run_create(struct dm_task *t)
{
	buf_printf(&calls, "create %s %s\n", t->name, t->uuid);
	if (find(t->name))
		return EBUSY;
	(void)add(t->name, t->uuid);
	return 0;
}

static int run_load(struct dm_task *t)
{
	struct mapping *m = find(t->name);

	buf_printf(&calls, "load %s %s%s %ju %ju %s %s\n", t->name, t->read_only ? "ro" : "rw",
		t->secure ? " secure" : "", (uintmax_t)t->start, (uintmax_t)t->size, t->target,
		t->params);
	if (!m)
		return ENXIO;
	m->loaded = true;
	m->sectors = t->size;
	m->read_only = t->read_only;
	memcpy(m->target, t->target, sizeof(m->target));
	memcpy(m->params, t->params, sizeof(m->params));
	return 0;
}

static int run_resume(struct dm_task *t)
{
	struct mapping *m = find(t->name);

	buf_printf(&calls, "resume %s %x%s%s\n", t->name, t->udev_flags,
		t->no_flush ? " noflush" : "", t->skip_lockfs ? " nolockfs" : "");
	if (!m || (!m->loaded && !m->suspended))
		return ENXIO;
	m->live = true;
	m->suspended = false;
	return 0;
}

static int run_suspend_task(struct dm_task *t)
{
	struct mapping *m = find(t->name);

	buf_printf(&calls, "suspend %s\n", t->name);
	if (!m || !m->live)
		return ENXIO;
	m->suspended = true;
	return 0;
}

/* dm-crypt refuses to touch the key of a mapping that is in use. */
static int run_message(struct dm_task *t)
{
	const struct mapping *m = find(t->name);

	buf_printf(&calls, "message %s %s\n", t->name, t->message);
	if (!m)
		return ENXIO;
	return m->suspended ? 0 : EINVAL;
}

static int run_remove(struct dm_task *t)
{
	struct mapping *m = find(t->name);

	buf_printf(&calls, "remove %s\n", t->name);
	if (!m)
		return ENXIO;
	if (m->open_count > 0)
		return EBUSY;
	m->exists = false;
	return 0;
}

static const char *call_name(int type)
{
	switch (type) {
	case DM_DEVICE_CREATE:
		return "create";
	case DM_DEVICE_RELOAD:
		return "load";
	case DM_DEVICE_RESUME:
		return "resume";
	case DM_DEVICE_REMOVE:
		return "remove";
	case DM_DEVICE_SUSPEND:
		return "suspend";
	case DM_DEVICE_TARGET_MSG:
		return "message";
	default:
		return "";
	}
}

int dm_task_run(struct dm_task *dmt)
{
	int (*const runs[])(struct dm_task *) = {
		[DM_DEVICE_CREATE] = run_create,
		[DM_DEVICE_RELOAD] = run_load,
		[DM_DEVICE_RESUME] = run_resume,
		[DM_DEVICE_REMOVE] = run_remove,
		[DM_DEVICE_SUSPEND] = run_suspend_task,
		[DM_DEVICE_TARGET_MSG] = run_message,
	};
	int fault = fake_injected(call_name(dmt->type), dmt->name);

	if (dmt->type < (int)ARRAY_SIZE(runs) && runs[dmt->type] && fault == 0)
		dmt->error = runs[dmt->type](dmt);
	else if (fault != 0)
		dmt->error = fault;
	else if (dmt->type == DM_DEVICE_TABLE && !find(dmt->name))
		dmt->error = ENXIO;
	if (fault != 0)
		buf_printf(&calls, "%s %s fails\n", call_name(dmt->type), dmt->name);
	return dmt->error == 0;
}

int dm_task_get_errno(struct dm_task *dmt)
{
	return dmt->error;
}

#undef dm_task_get_info
int dm_task_get_info(struct dm_task *dmt, struct dm_info *dmi)
{
	const struct mapping *m = find(dmt->name);

	*dmi = (struct dm_info){};
	if (!m)
		return 1;
	dmi->exists = 1;
	dmi->live_table = m->live;
	dmi->suspended = m->suspended;
	dmi->read_only = m->read_only;
	dmi->open_count = m->open_count;
	dmi->major = MAPPED_MAJOR;
	dmi->minor = (uint32_t)(m - mappings);
	return 1;
}

const char *dm_task_get_uuid(const struct dm_task *dmt)
{
	const struct mapping *m = find(dmt->name);

	return m ? m->uuid : "";
}

struct dm_names *dm_task_get_names(struct dm_task *dmt)
{
	char *p = (char *)dmt->answer;
	struct dm_names *last = NULL;

	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		if (!mappings[i].exists)
			continue;
		if (last)
			last->next = 128;
		last = (struct dm_names *)(void *)p;
		last->next = 0;
		last->dev = makedev(MAPPED_MAJOR, i + 1);
		strcpy(last->name, mappings[i].name);
		p += 128;
	}
	return last ? (struct dm_names *)(void *)dmt->answer : NULL;
}

struct dm_deps *dm_task_get_deps(struct dm_task *dmt)
{
	return NULL;
}

struct dm_versions *dm_task_get_versions(struct dm_task *dmt)
{
	static const char *const targets[] = { "linear", "crypt", "integrity", "verity" };
	char *p = (char *)dmt->answer;
	struct dm_versions *v = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (streq(targets[i], missing_target))
			continue;
		if (v)
			v->next = 64;
		v = (struct dm_versions *)(void *)p;
		v->next = 0;
		v->version[0] = 1;
		v->version[1] = 25;
		strcpy(v->name, targets[i]);
		p += 64;
	}
	return (struct dm_versions *)(void *)dmt->answer;
}

void *dm_get_next_target(struct dm_task *dmt, void *next, uint64_t *start, uint64_t *length,
	char **target_type, char **params)
{
	struct mapping *m = get(dmt->name);

	*start = 0;
	*length = m->sectors;
	*target_type = m->target;
	*params = m->params;
	return NULL;
}
