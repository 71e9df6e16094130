/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for keyring.c, blockdev.c and loopdev.c of platform.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "blockdev.h"
#include "fake-dm.h"
#include "keyring.h"

#define DEVICES_MAX 8
#define PLAIN_MAJOR 8

struct device {
	char path[128];
	unsigned minor;
	uint64_t sectors;
	uint8_t data[4096];
	size_t size;
};

static struct device devices[DEVICES_MAX];
static size_t n_devices;
static char *keys[8];

void fake_devices_reset(void)
{
	memset(devices, 0, sizeof(devices));
	n_devices = 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		free(keys[i]);
		keys[i] = NULL;
	}
}

void fake_device(const char *path, unsigned minor, uint64_t sectors, const void *data, size_t size)
{
	struct device *device = &devices[n_devices++];

	assert_true(n_devices <= DEVICES_MAX && size <= sizeof(device->data));
	(void)snprintf(device->path, sizeof(device->path), "%s", path);
	device->minor = minor;
	device->sectors = sectors;
	device->size = size;
	if (size > 0)
		memcpy(device->data, data, size);
}

unsigned fake_keys(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		n += keys[i] != NULL;
	return n;
}

/* --- keyring.c --- */

int keyring_add(const char *type, const char *description, const struct secret *bytes, int32_t *ret,
	struct diag *diag)
{
	int fault = fake_injected("key+", description);

	fake_call("key+ %s %s %zu\n", type, description, secret_size(bytes));
	if (fault != 0)
		return diag_set(diag, -fault, "injected");
	for (int32_t i = 0; i < (int32_t)ARRAY_SIZE(keys); i++) {
		if (keys[i])
			continue;
		keys[i] = strdup(description);
		*ret = i;
		return 0;
	}
	return -EDQUOT;
}

void keyring_drop(int32_t serial)
{
	fake_call("key- %s\n", keys[serial]);
	free(keys[serial]);
	keys[serial] = NULL;
}

int keyring_read(const char *description, size_t limit, struct secret **ret, struct diag *diag)
{
	return diag_set(diag, -ENOKEY, "no key %s", description);
}

int keyring_read_published(
	const char *description, size_t limit, struct secret **ret, struct diag *diag)
{
	return diag_set(diag, -ENOKEY, "no key %s", description);
}

/* --- blockdev.c and loopdev.c --- */

void blockdev_done(struct blockdev *dev)
{
	*dev = (struct blockdev)BLOCKDEV_INIT;
}

int blockdev_open(const struct devref *ref, bool read_only, uint64_t timeout_usec,
	struct blockdev *ret, struct diag *diag)
{
	for (size_t i = 0; i < n_devices; i++) {
		if (!streq(devices[i].path, ref->value))
			continue;
		*ret = (struct blockdev){
			.fd = (int)i,
			.device = makedev(PLAIN_MAJOR, devices[i].minor),
			.sectors = devices[i].sectors,
			.block_size = 512,
		};
		return 0;
	}
	return diag_set(diag, -ETIMEDOUT, "%s did not appear", ref->value);
}

int blockdev_open_number(dev_t device, struct blockdev *ret, struct diag *diag)
{
	*ret = (struct blockdev){ .fd = 1000, .device = device, .block_size = 512 };
	assert_true(fake_mapping_at(device, &ret->sectors, &ret->read_only));
	return 0;
}

int blockdev_read(const struct blockdev *dev, void *ret, size_t size, uint64_t offset_bytes,
	struct diag *diag)
{
	const struct device *device = &devices[dev->fd];

	assert_true((size_t)dev->fd < n_devices);
	memset(ret, 0, size);
	if (offset_bytes < device->size)
		memcpy(ret, device->data + offset_bytes,
			MIN(size, device->size - (size_t)offset_bytes));
	return 0;
}

int loopdev_attach(const char *path, bool read_only, struct blockdev *ret, struct diag *diag)
{
	return diag_set(diag, -ENODEV, "no loop devices here");
}

bool loopdev_is_on(dev_t device, const char *path)
{
	return false;
}
