/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Partition tables with libfdisk, which may round what it is given: so the result is read again.
 */

#include "gpt.h"

#include <errno.h>
#include <string.h>

#if HAVE_FDISK
#include <libfdisk/libfdisk.h>

#include "cleanup.h"

#define SECTOR 512U

static void contextp(struct fdisk_context **cxt)
{
	fdisk_unref_context(*cxt);
}

static void partitionp(struct fdisk_partition **pa)
{
	fdisk_unref_partition(*pa);
}

static void parttypep(struct fdisk_parttype **type)
{
	fdisk_unref_parttype(*type);
}

bool gpt_is_supported(void)
{
	return true;
}

static int fill(struct fdisk_partition *pa, const struct gpt_partition *p, size_t number)
{
	_cleanup_(parttypep) struct fdisk_parttype *type = fdisk_new_unknown_parttype(0, p->type);
	int r;

	if (!type)
		return -ENOMEM;
	r = fdisk_partition_set_partno(pa, number);
	if (r >= 0)
		r = fdisk_partition_set_start(pa, p->offset / SECTOR);
	if (r >= 0)
		r = fdisk_partition_size_explicit(pa, 1);
	if (r >= 0)
		r = fdisk_partition_set_size(pa, p->bytes / SECTOR);
	if (r >= 0)
		r = fdisk_partition_set_name(pa, p->label);
	if (r >= 0)
		r = fdisk_partition_set_uuid(pa, p->uuid);
	return r < 0 ? r : fdisk_partition_set_type(pa, type);
}

static bool is_equal(struct fdisk_context *cxt, const struct gpt_partition *p, size_t number)
{
	_cleanup_(partitionp) struct fdisk_partition *pa = NULL;
	uint64_t attributes;

	return fdisk_get_partition(cxt, number, &pa) == 0 &&
	       fdisk_partition_get_start(pa) == p->offset / SECTOR &&
	       fdisk_partition_get_size(pa) == p->bytes / SECTOR &&
	       streq(fdisk_partition_get_name(pa), p->label) &&
	       strcasecmp(fdisk_partition_get_uuid(pa), p->uuid) == 0 &&
	       strcasecmp(fdisk_parttype_get_string(fdisk_partition_get_type(pa)), p->type) == 0 &&
	       fdisk_gpt_get_partition_attrs(cxt, number, &attributes) == 0 &&
	       attributes == p->attributes;
}

static int add(struct fdisk_context *cxt, const struct gpt_partition *p, size_t number)
{
	_cleanup_(partitionp) struct fdisk_partition *pa = fdisk_new_partition();
	int r;

	r = pa ? fill(pa, p, number) : -ENOMEM;
	if (r >= 0)
		r = fdisk_add_partition(cxt, pa, NULL);
	if (r >= 0 && p->attributes)
		r = fdisk_gpt_set_partition_attrs(cxt, number, p->attributes);
	if (r >= 0 && !is_equal(cxt, p, number))
		r = -EINVAL;
	return r;
}

int gpt_write(int fd, const char *name, const char *disk_uuid,
	const struct gpt_partition *partitions, size_t n, struct diag *diag)
{
	_cleanup_(contextp) struct fdisk_context *cxt = fdisk_new_context();
	int r;

	if (!cxt)
		return -ENOMEM;
	r = fdisk_disable_dialogs(cxt, 1);
	if (r >= 0)
		r = fdisk_assign_device_by_fd(cxt, fd, name, 0);
	if (r >= 0)
		r = fdisk_create_disklabel(cxt, "gpt");
	if (r >= 0)
		r = fdisk_set_disklabel_id_from_string(cxt, disk_uuid);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = add(cxt, &partitions[i], i);
		if (r < 0)
			(void)diag_set(diag, r, "%s: the partition %s of %ju bytes at %ju: %s",
				name, partitions[i].label, (uintmax_t)partitions[i].bytes,
				(uintmax_t)partitions[i].offset, strerror(-r));
	}
	if (r >= 0 && fdisk_verify_disklabel(cxt) != 0)
		r = -EINVAL;
	if (r >= 0)
		r = fdisk_write_disklabel(cxt);
	if (r < 0 && !diag->what)
		return diag_set(
			diag, r, "%s: cannot make the partition table: %s", name, strerror(-r));
	return r < 0 ? r : fdisk_deassign_device(cxt, 1);
}

#else

bool gpt_is_supported(void)
{
	return false;
}

int gpt_write(int fd, const char *name, const char *disk_uuid,
	const struct gpt_partition *partitions, size_t n, struct diag *diag)
{
	return diag_set(diag, -EOPNOTSUPP, "dmstack was built without libfdisk");
}
#endif
