/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading --seal.
 */

#include "seal-spec.h"

#include <string.h>

#include "layer.h"
#include "parse.h"

#define NAME_DFLT "machine"

/* Phase and epoch are said by --phase and --generation, for the whole manifest. */
static int set_option(struct seal *seal, const char *option, struct diag *diag)
{
	_cleanup_free_ char *name = NULL;
	char *value;

	int r = field_split_option(option, &name, &value, diag);
	if (r < 0)
		return r;
	for (size_t i = 0; i < seal_n_fields; i++)
		if (streq(seal_fields[i].name, name) && seal_field_is_local(&seal_fields[i]))
			return diag_set(diag, -EINVAL,
				"%s: the manifest says this for all of it, by --%s", name,
				streq(name, "epoch") ? "generation" : name);
	if (!streq(name, "name"))
		return seal_set(seal, name, value, diag);
	if (!value)
		return diag_set(diag, -EINVAL, "name: needs a value");

	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(seal->name);
	seal->name = copy;
	return layer_name_check(seal->name, diag);
}

int seal_spec_parse(const char *spec, struct seal **ret, struct diag *diag)
{
	_cleanup_(seal_freep) struct seal *seal = NULL;
	_cleanup_free_ char *copy = strdup(spec);
	char *rest = copy, *word;
	int r;

	if (!copy)
		return -ENOMEM;
	r = seal_new(NAME_DFLT, &seal, diag);
	if (r >= 0 && parse_next_comma(&rest, &word) > 0)
		r = seal_set_device(seal, word, diag);
	while (r >= 0 && parse_next_comma(&rest, &word) > 0)
		r = set_option(seal, word, diag);
	if (r >= 0)
		r = seal_finish(seal, diag);
	if (r < 0)
		return r == -ENOMEM ? r : diag_at(diag, r, "--seal");
	*ret = take_ptr(seal);
	return 0;
}
