/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has to be assumed about a line that could not be read: it belongs to the sealed phase,
 * unless every word of it is known and none says so.
 */

#include <stdio.h>
#include <string.h>

#include "conf.h"

/* How an element of the options column speaks about the phase. */
enum phase_hint { HINT_NOTHING, HINT_BOOTSTRAP, HINT_SEALED, HINT_UNKNOWN };

bool conf_word_is_none(const char *word)
{
	return !word || streq(word, "-") || streq(word, "none");
}

static bool option_is_known(const char *name, const struct layer_type *type, bool manifest)
{
	if (field_find(layer_common_fields, layer_n_common_fields, name) >= 0)
		return true;
	/* A line of type manifest names devices of layers of any type. */
	for (size_t i = 0; manifest && layer_types[i]; i++)
		if (layer_type_find_role(layer_types[i], name) >= 0)
			return true;
	if (!type)
		return false;
	return streq(name, "key") || layer_type_find_role(type, name) >= 0 ||
	       field_find(type->fields, type->n_fields, name) >= 0;
}

static enum phase_hint option_phase_hint(
	const char *element, size_t len, const struct layer_type *type, bool manifest)
{
	char option[CONF_LINE_MAX + 1];
	char *value;

	(void)snprintf(option, sizeof(option), "%.*s", (int)len, element);
	if (streq(option, "phase=bootstrap"))
		return HINT_BOOTSTRAP;
	if (streq(option, "sealed") || startswith(option, "phase"))
		return HINT_SEALED;

	value = strchr(option, '=');
	if (value)
		*value = '\0';
	/* What is not known may be a misspelt "sealed". */
	return option_is_known(option, type, manifest) ? HINT_NOTHING : HINT_UNKNOWN;
}

/* What the elements say together. */
struct phase_hints {
	bool seen[HINT_UNKNOWN + 1];
};

static void read_hints(
	const char *options, const struct layer_type *type, bool manifest, struct phase_hints *ret)
{
	*ret = (struct phase_hints){};
	if (conf_word_is_none(options))
		return;
	for (const char *p = options;;) {
		const size_t len = strcspn(p, ",");

		ret->seen[option_phase_hint(p, len, type, manifest)] = true;
		if (p[len] == '\0')
			return;
		p += len + 1;
	}
}

enum phase conf_options_phase(const char *options, const struct layer_type *type, bool manifest)
{
	struct phase_hints hints;

	read_hints(options, type, manifest, &hints);
	if (hints.seen[HINT_SEALED])
		return PHASE_SEALED;
	return hints.seen[HINT_UNKNOWN] && !hints.seen[HINT_BOOTSTRAP] ? PHASE_SEALED
								       : PHASE_BOOTSTRAP;
}

bool conf_options_say_sealed(const char *options)
{
	struct phase_hints hints;

	read_hints(options, NULL, true, &hints);
	return hints.seen[HINT_SEALED];
}
