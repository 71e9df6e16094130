/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Power cuts of a disk with a volatile cache: at every single write and flush of a re-keying, and
 * again while it goes on, any choice of sectors that were not flushed is lost.
 */

#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "rekey-rig.h"

#define SECTOR	   512U
#define WRITES_MAX 64 /* between two flushes */
#define DISKS	   2

/* What one of the two files has on its medium, and what was written since. */
struct disk {
	int fd;
	size_t size;
	uint8_t *medium;
	struct {
		uint64_t offset;
		size_t size;
		uint8_t *data;
	} writes[WRITES_MAX];
	size_t n_writes;
};

static struct {
	pthread_mutex_t lock;
	struct disk disks[DISKS];
	unsigned left; /* operations until the power goes */
	bool off;
	uint64_t random;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER };

ssize_t __real_pwrite64(int fd, const void *data, size_t size, off64_t offset);
int __real_fsync(int fd);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off64_t offset);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

static uint32_t next_random(void)
{
	world.random = world.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(world.random >> 33);
}

static struct disk *disk_of(int fd)
{
	for (size_t i = 0; i < DISKS; i++)
		if (world.disks[i].medium && world.disks[i].fd == fd)
			return &world.disks[i];
	return NULL;
}

static bool power_goes(void)
{
	if (!world.off && world.left-- == 0)
		world.off = true;
	return world.off;
}

static void forget_writes(struct disk *disk)
{
	while (disk->n_writes > 0)
		free(disk->writes[--disk->n_writes].data);
}

/* The write in which the power goes may have come as far as the others. */
static void remember(struct disk *disk, const void *data, size_t size, uint64_t offset)
{
	uint8_t *copy = malloc(size);

	assert_true(copy && disk->n_writes < WRITES_MAX);
	memcpy(copy, data, size);
	disk->writes[disk->n_writes].offset = offset;
	disk->writes[disk->n_writes].size = size;
	disk->writes[disk->n_writes++].data = copy;
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	ssize_t n = -1;

	(void)pthread_mutex_lock(&world.lock);

	struct disk *disk = disk_of(fd);

	if (!disk) {
		n = __real_pwrite64(fd, data, size, offset);
	} else if (world.off) {
		errno = EIO;
	} else {
		remember(disk, data, size, (uint64_t)offset);
		n = power_goes() ? -1 : __real_pwrite64(fd, data, size, offset);
		errno = EIO;
	}
	(void)pthread_mutex_unlock(&world.lock);
	return n;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return __wrap_pwrite64(fd, data, size, offset);
}

int __wrap_fsync(int fd)
{
	int r = 0;

	(void)pthread_mutex_lock(&world.lock);

	struct disk *disk = disk_of(fd);

	if (disk && power_goes()) {
		errno = EIO;
		r = -1;
	} else if (disk) {
		for (size_t i = 0; i < disk->n_writes; i++)
			memcpy(disk->medium + disk->writes[i].offset, disk->writes[i].data,
				disk->writes[i].size);
		forget_writes(disk);
	}
	(void)pthread_mutex_unlock(&world.lock);
	return r;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

static void disk_insert(unsigned number, int fd, size_t size)
{
	struct disk *disk = &world.disks[number];

	*disk = (struct disk){ .fd = fd, .size = size, .medium = malloc(size) };
	assert_non_null(disk->medium);
	assert_int_equal(pread(fd, disk->medium, size, 0), (ssize_t)size);
}

static void disks_remove(void)
{
	for (size_t i = 0; i < DISKS; i++) {
		forget_writes(&world.disks[i]);
		free(world.disks[i].medium);
		world.disks[i] = (struct disk){};
	}
}

/* A few of them, or half, or most: by the sector. */
static void keep_some(struct disk *disk, uint32_t share)
{
	for (size_t i = 0; i < disk->n_writes; i++)
		for (size_t at = 0; at < disk->writes[i].size; at += SECTOR)
			if (next_random() % 8 < share)
				memcpy(disk->medium + disk->writes[i].offset + at,
					disk->writes[i].data + at,
					MIN((size_t)SECTOR, disk->writes[i].size - at));
	forget_writes(disk);
	assert_int_equal(
		__real_pwrite64(disk->fd, disk->medium, disk->size, 0), (ssize_t)disk->size);
}

/* Runs until the power goes after so many operations; true if it did. */
static bool run(struct rekey_rig *rig, bool begin, unsigned left)
{
	int r;

	world.left = left;
	world.off = false;
	r = rekey_rig_convert(rig, begin);
	if (!world.off) {
		assert_int_equal(r, 0);
		return false;
	}
	assert_true(r < 0);
	for (size_t i = 0; i < DISKS; i++)
		keep_some(&world.disks[i], next_random() % 9);
	world.off = false;
	return true;
}

/* Returns false if it ended before. */
static bool cut_at(const struct rekey_type *type, unsigned operation)
{
	_cleanup_(rekey_rig_done) struct rekey_rig rig;
	bool cut;

	rekey_rig_make(&rig, type);
	disk_insert(0, rig.store.fd, SEAL_SIZE);
	disk_insert(1, rig.fd, rig.device_size);
	/* The first entry is there before the slot says that there is something to go on with. */
	world.left = UINT32_MAX;
	rig.stop_at = 0;
	assert_int_equal(rekey_rig_convert(&rig, true), -ECANCELED);
	rig.stop_at = UINT64_MAX;

	cut = run(&rig, false, operation);
	for (unsigned i = 0; i < 3 && cut && run(&rig, false, next_random() % 60); i++)
		;
	(void)run(&rig, false, UINT32_MAX);
	disks_remove();
	rekey_rig_expect_end(&rig);
	return cut;
}

/* Returns how many places there are, at most some more. */
static unsigned cut_everywhere(const struct rekey_type *type)
{
	unsigned operation = 0;

	world.random = 42;
	while (cut_at(type, operation))
		operation += test_is_slow() ? 8 : 1;
	return operation;
}

/* Five pieces of four slices twice, headers and flushes. */
static void test_cuts(void **state)
{
	assert_in_range(cut_everywhere(&rekey_type_crypt), 50, 80);
}

/* A slice is written as data and as tags, most of them in two areas. */
static void test_aead_cuts(void **state)
{
	assert_in_range(cut_everywhere(&rekey_type_aead), 45, 90);
}

/* Two pieces of data, and one with the header, which the power may cut in two. */
static void test_luks_cuts(void **state)
{
	assert_in_range(cut_everywhere(&rekey_type_luks), 20, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_aead_cuts),
		cmocka_unit_test(test_luks_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
