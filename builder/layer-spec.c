/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes --layer apart. What the options mean is the layer type's business, except the four words
 * that count only while an image is created: name=, ROLE=new, ROLE=data and ROLE=hash.
 */

#include <string.h>

#include "cleanup.h"
#include "layer-spec.h"

void layer_spec_done(struct layer_spec *spec)
{
	for (size_t i = 0; i < spec->n_options; i++)
		free(spec->options[i]);
	free(spec->options);
	free(spec->name);
	*spec = (struct layer_spec){};
}

/* Returns true if the option places a role, and notes it. */
static bool spec_place_role(struct layer_spec *spec, const char *option)
{
	for (size_t i = 1; i < spec->type->n_roles; i++) {
		const char *value = startswith(option, spec->type->roles[i].name);

		if (!value || *value != '=')
			continue;
		if (streq(value, "=new")) {
			spec->own |= 1U << i;
			return true;
		}
		if (streq(value, "=data")) {
			spec->inside |= 1U << i;
			return true;
		}
		if (streq(value, "=hash") && layer_type_find_role(spec->type, "hash") > 0) {
			spec->beside |= 1U << i;
			return true;
		}
	}
	return false;
}

static int spec_set_name(struct layer_spec *spec, const char *name, struct diag *diag)
{
	if (spec->name)
		return diag_set(diag, -EINVAL, "option \"name\" is given twice");
	spec->name = strdup(name);
	return spec->name ? 0 : -ENOMEM;
}

int layer_spec_add(struct layer_spec *spec, const char *option, struct diag *diag)
{
	const char *name = startswith(option, "name=");
	char **options;

	if (name)
		return spec_set_name(spec, name, diag);
	if (spec_place_role(spec, option))
		return 0;
	options = reallocarray(spec->options, spec->n_options + 1, sizeof(*options));
	if (!options)
		return -ENOMEM;
	spec->options = options;
	options[spec->n_options] = strdup(option);
	if (!options[spec->n_options])
		return -ENOMEM;
	spec->n_options++;
	return 0;
}

/* The length of the word up to a comma that is not within parentheses, as in authenc(a,b). */
static size_t word_length(const char *text)
{
	size_t depth = 0, n;

	for (n = 0; text[n] && (text[n] != ',' || depth > 0); n++) {
		if (text[n] == '(')
			depth++;
		if (text[n] == ')' && depth > 0)
			depth--;
	}
	return n;
}

int layer_spec_parse(const char *text, struct layer_spec *ret, struct diag *diag)
{
	_cleanup_(layer_spec_done) struct layer_spec spec = {};
	const char *p = text;
	int r;

	for (bool first = true;; first = false) {
		_cleanup_free_ char *word = strndup(p, word_length(p));

		if (!word)
			return -ENOMEM;
		p += strlen(word);
		if (first) {
			spec.type = layer_type_find(word);
			if (!spec.type)
				return diag_set(diag, -EINVAL,
					"--layer %s: unknown layer type \"%s\"", text, word);
		} else {
			r = layer_spec_add(&spec, word, diag);
			if (r < 0)
				return diag_at(diag, r, "--layer %s", text);
		}
		if (*p == '\0')
			break;
		p++;
	}
	*ret = spec;
	spec = (struct layer_spec){};
	return 0;
}

static bool name_is_taken(const struct layer_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (specs[i].name && streq(specs[i].name, name))
			return true;
	return false;
}

int layer_spec_name_all(struct layer_spec *specs, size_t n, const char *stack, struct diag *diag)
{
	struct layer_spec *top = &specs[n - 1];

	if (top->name && !streq(top->name, stack))
		return diag_set(diag, -EINVAL,
			"the top layer has the name of the stack, %s, not %s", stack, top->name);
	if (!top->name)
		top->name = strdup(stack);
	if (!top->name)
		return -ENOMEM;

	for (size_t i = 0; i + 1 < n; i++)
		for (unsigned number = 1; !specs[i].name; number++) {
			_cleanup_free_ char *name = NULL;
			int len;

			len = number == 1 ? asprintf(&name, "%s-%s", stack, specs[i].type->name)
					  : asprintf(&name, "%s-%s%u", stack, specs[i].type->name,
						    number);
			if (len < 0) {
				name = NULL;
				return -ENOMEM;
			}
			if (!name_is_taken(specs, n, name))
				specs[i].name = take_ptr(name);
		}
	return 0;
}
