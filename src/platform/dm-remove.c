/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing more than one mapping. By and by, what was removed sets free what is below it.
 */

#include <errno.h>

#include "cleanup.h"
#include "dm.h"

int mapping_remove_unused(bool foreign, size_t *ret_left, size_t *ret_removed, struct diag *diag)
{
	_cleanup_(mapping_list_done) struct mapping_list list = {};
	size_t removed = 0;
	int r = foreign ? mapping_list_all(&list, diag) : mapping_list_get(&list, diag);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++) {
		_cleanup_(diag_done) struct diag why = {};
		const struct mapping_info *info = &list.items[i];

		r = info->open_count > 0 ? -EBUSY : mapping_remove(info->name, false, &why);
		if (r == 0)
			removed++;
		else
			(void)diag_set(diag, r, "%s stays: %s", info->name, why.what ?: "in use");
	}
	*ret_left = list.n - removed;
	*ret_removed = removed;
	return 0;
}
