/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status lines:
 *
 *	integrity  MISMATCHES PROVIDED-SECTORS RECALCULATED-SECTOR|-
 *	verity     V|C [CORRECTED|-]
 */

#include "live-status.h"

#include "parse.h"

static void parse_integrity(char *params, struct live_status *ret)
{
	char *word;

	if (parse_next_word(&params, &word) > 0)
		ret->has_mismatches = parse_u64(word, &ret->mismatches) == 0;
	/* The sectors that it provides are known from the table. */
	(void)parse_next_word(&params, &word);
	if (parse_next_word(&params, &word) > 0)
		ret->recalculating = parse_u64(word, &ret->recalculated_sectors) == 0;
}

static void parse_verity(char *params, struct live_status *ret)
{
	char *word;

	if (parse_next_word(&params, &word) > 0) {
		ret->corrupted = streq(word, "C");
		ret->has_verdict = ret->corrupted || streq(word, "V");
	}
	if (parse_next_word(&params, &word) > 0)
		ret->has_corrected = parse_u64(word, &ret->corrected) == 0;
}

void live_status_parse(const char *target, char *params, struct live_status *ret)
{
	*ret = (struct live_status){};
	if (streq(target, "integrity"))
		parse_integrity(params, ret);
	else if (streq(target, "verity"))
		parse_verity(params, ret);
}
