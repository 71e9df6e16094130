/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as signatures of PCR values. What is read is written and read again: the same list must
 * come out, and the other members of the object must not matter.
 */

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"
#include "pcr-signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {}, again = {};
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(buf_done) struct buf text = {};
	int r;

	r = pcr_signatures_parse((const char *)data, size, "f", &list, &diag);
	fuzz_assert(r == 0 || (r == -EINVAL && list.n == 0 && diag.where && diag.what));
	if (r < 0)
		return 0;
	r = pcr_signatures_write(&list, (const char *)data, size, "f", &text, &diag);
	fuzz_assert(r == 0);
	fuzz_assert(pcr_signatures_parse(buf_str(&text), text.size, "g", &again, &diag) == 0);
	fuzz_assert(again.n == list.n);
	for (size_t i = 0; i < list.n; i++)
		fuzz_assert(memcmp(&list.items[i], &again.items[i], sizeof(list.items[i])) == 0);
	return 0;
}
