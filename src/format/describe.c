/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-describe, a build tool: prints the manifest's JSON Schema, and fills templates of manual
 * pages and completions from the table of layer types. "@WHAT:TYPE@" in a template becomes what the
 * table says; "common" is the type that stands for the options of every layer, "seal" the one for
 * those of the seal.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "fd.h"
#include "log.h"
#include "seal.h"

#define TEMPLATE_SIZE_MAX ((size_t)1 << 20)
#define DIRECTIVE_MAX	  64U

/* What a directive asks for: a type, the options of every layer, or those of the seal. */
struct subject {
	const struct layer_type *type; /* NULL: the common options, or the seal */
	const struct field *fields;
	size_t n_fields;
};

static void write_fields(const struct subject *subject, struct buf *out)
{
	for (size_t i = 0; i < subject->n_fields; i++)
		describe_field(&subject->fields[i], out);
}

static void write_roles(const struct subject *subject, struct buf *out)
{
	if (subject->type)
		describe_roles(subject->type, out);
}

static void write_facts(const struct subject *subject, struct buf *out)
{
	if (subject->type)
		describe_facts(subject->type, out);
}

/* Words for completion: choices are spelled out, another field that takes a value ends with "=". */
static void write_option_words(const struct subject *subject, struct buf *out)
{
	static const char *const answers[] = { "yes", "no", NULL };

	for (size_t i = 0; i < subject->n_fields; i++) {
		const struct field *f = &subject->fields[i];
		const char *const *choices = f->kind == FIELD_ENUM		? f->choices
					     : f->kind == FIELD_BOOL && f->dflt ? answers
										: NULL;

		if (!choices)
			buf_printf(out, " %s%s", f->name, f->kind == FIELD_BOOL ? "" : "=");
		for (size_t k = 0; choices && choices[k]; k++)
			buf_printf(out, " %s=%s", f->name, choices[k]);
	}
	for (size_t i = 1; subject->type && i < subject->type->n_roles; i++)
		buf_printf(out, " %s=", subject->type->roles[i].name);
}

static const struct directive {
	const char *name;
	void (*write)(const struct subject *subject, struct buf *out);
} directives[] = {
	{ "fields", write_fields },
	{ "roles", write_roles },
	{ "facts", write_facts },
};

static int find_subject(const char *name, struct subject *ret)
{
	if (streq(name, "common")) {
		*ret = (struct subject){
			.fields = layer_common_fields,
			.n_fields = layer_n_common_fields,
		};
		return 0;
	}
	if (streq(name, "seal")) {
		*ret = (struct subject){ .fields = seal_fields, .n_fields = seal_n_fields };
		return 0;
	}
	const struct layer_type *type = layer_type_find(name);
	if (!type)
		return -ENOENT;
	*ret = (struct subject){ .type = type, .fields = type->fields, .n_fields = type->n_fields };
	return 0;
}

/* A line for each type: its name and the words that may follow it. */
static void write_type_words(struct buf *out)
{
	const struct subject common = {
		.fields = layer_common_fields,
		.n_fields = layer_n_common_fields,
	};

	for (size_t i = 0; layer_types[i]; i++) {
		const struct subject own = {
			.type = layer_types[i],
			.fields = layer_types[i]->fields,
			.n_fields = layer_types[i]->n_fields,
		};

		buf_printf(out, "%s%s name=%s", i ? "\n" : "", layer_types[i]->name,
			layer_types[i]->key == KEY_NEVER ? "" : " key=");
		write_option_words(&own, out);
		write_option_words(&common, out);
	}
}

/* word is what stands between the two @. -ENOENT: there is no such thing. */
static int expand_word(const char *word, struct buf *out)
{
	char name[DIRECTIVE_MAX];
	struct subject subject;

	if (streq(word, "typelist")) {
		describe_types(out);
		return 0;
	}
	if (streq(word, "typewords")) {
		write_type_words(out);
		return 0;
	}
	const char *colon = strchr(word, ':');
	if (!colon || find_subject(colon + 1, &subject) < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - word), word);
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++)
		if (streq(directives[i].name, name)) {
			directives[i].write(&subject, out);
			return 0;
		}
	return -ENOENT;
}

/* The length of a directive's word behind an @, or 0 if that is just an @. */
static size_t directive_length(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz:");

	return n < DIRECTIVE_MAX && text[n] == '@' ? n : 0;
}

static int expand(const char *text, struct buf *out, struct diag *diag)
{
	char word[DIRECTIVE_MAX];

	while (*text) {
		const char *at = strchrnul(text, '@');

		buf_append(out, text, (size_t)(at - text));
		if (!*at)
			break;
		size_t n = directive_length(at + 1);
		if (n == 0) {
			buf_putc(out, '@');
			text = at + 1;
			continue;
		}
		snprintf(word, sizeof(word), "%.*s", (int)n, at + 1);
		if (expand_word(word, out) < 0)
			return diag_set(diag, -ENOENT, "\"@%s@\" describes nothing", word);
		text = at + n + 2;
	}
	return buf_error(out);
}

static int print(const struct buf *out, struct diag *diag)
{
	int r = buf_error(out);

	if (r < 0)
		return r;
	if (fwrite(buf_str(out), 1, out->size, stdout) != out->size || fflush(stdout) != 0)
		return diag_at(diag, -EIO, "standard output");
	return 0;
}

static int expand_file(const char *path, struct diag *diag)
{
	_cleanup_(buf_done) struct buf out = {};
	_cleanup_free_ char *text = NULL;
	size_t size;

	int r = file_read(AT_FDCWD, path, TEMPLATE_SIZE_MAX, &text, &size);
	if (r < 0)
		return diag_at(diag, r, "%s", path);
	r = expand(text, &out, diag);
	if (r < 0)
		return diag_at(diag, r, "%s", path);
	return print(&out, diag);
}

static int print_schema(struct diag *diag)
{
	_cleanup_(buf_done) struct buf out = {};

	describe_schema(&out);
	return print(&out, diag);
}

int main(int argc, char **argv)
{
	_cleanup_(diag_done) struct diag diag = {};

	int r;

	log_setup("dmstack-describe", LOG_TARGET_STDERR);
	if (argc == 3 && streq(argv[1], "expand")) {
		r = expand_file(argv[2], &diag);
	} else if (argc == 2 && streq(argv[1], "schema")) {
		r = print_schema(&diag);
	} else {
		log_error("usage: dmstack-describe expand TEMPLATE | schema");
		return 2;
	}
	if (r < 0)
		log_diag(r, &diag);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
