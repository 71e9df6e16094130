/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parser of dmstack.conf. It knows columns and words; what an option means is the business of
 * the layer types.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "conf.h"
#include "parse.h"
#include "utf8.h"

#define CONF_WHITESPACE	 " \t"
#define CONF_OPTIONS_MAX 128U

/* One line, cut into its columns. */
struct conf_line {
	const char *file;
	unsigned number;
	char *name;
	char *type_name;
	char *devices;
	char *key;     /* NULL: none */
	char *options; /* NULL: none */
	const struct layer_type *type;
	/* Of a manifest that was refused: what it says of itself. */
	bool is_manifest;
	enum phase manifest_phase;
};

/* What is wrong with the bytes of a line, before it has columns. */
static int line_check_bytes(const char *line, size_t len, struct diag *diag)
{
	if (len > CONF_LINE_MAX)
		return diag_set(
			diag, -EINVAL, "the line has %zu bytes, more than %u", len, CONF_LINE_MAX);
	if (memchr(line, '\0', len))
		return diag_set(diag, -EINVAL, "the line has a NUL byte");
	if (len > 0 && line[len - 1] == '\r')
		return diag_set(
			diag, -EINVAL, "the line ends with a carriage return (a DOS text file?)");
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return diag_set(diag, -EINVAL,
				"the line has a control character (0x%02x) in column %zu",
				(unsigned)(unsigned char)line[i], i + 1);
	if (!utf8_is_valid(line, len))
		return diag_set(diag, -EINVAL, "the line is not UTF-8");
	return 0;
}

/* Returns 1, or 0 for a line without words. */
static int line_split(char *text, struct conf_line *line, struct diag *diag)
{
	char *extra;

	if (parse_next_word(&text, &line->name) == 0 || line->name[0] == '#')
		return 0;
	if (parse_next_word(&text, &line->type_name) == 0)
		return diag_set(
			diag, -EINVAL, "%s: the columns type and devices are missing", line->name);
	if (parse_next_word(&text, &line->devices) == 0)
		return diag_set(diag, -EINVAL, "%s: the column devices is missing", line->name);
	(void)parse_next_word(&text, &line->key);
	(void)parse_next_word(&text, &line->options);
	if (parse_next_word(&text, &extra) > 0)
		return diag_set(diag, -EINVAL,
			"%s: unexpected word \"%s\" behind the options; they are separated by commas",
			line->name, extra);
	return 1;
}

/* The length of "role=" at the beginning of the element, or 0. */
static size_t role_prefix(const struct layer_type *type, const char *element)
{
	for (size_t i = 0; i < type->n_roles; i++) {
		const char *rest = startswith(element, type->roles[i].name);

		if (rest && *rest == '=')
			return (size_t)(rest - element) + 1;
	}
	return 0;
}

/* The first device is "data"; the others name their role. */
static int layer_set_devices(struct layer *layer, char *devices, struct diag *diag)
{
	char *element;
	int r;

	for (size_t i = 0; parse_next_comma(&devices, &element) > 0; i++) {
		size_t prefix = role_prefix(layer->type, element);

		if (*element == '\0')
			return diag_set(diag, -EINVAL, "%s: an empty device", layer->name);
		if (i == 0 && prefix > 0)
			return diag_set(diag, -EINVAL,
				"%s: \"%s\": the first device is the data device and has no role",
				layer->name, element);
		if (i > 0 && prefix == 0)
			return diag_set(diag, -EINVAL,
				"%s: device \"%s\" needs a role (ROLE=DEVICE); %s has one data device",
				layer->name, element, layer->type->name);
		if (prefix > 0)
			element[prefix - 1] = '\0';
		r = layer_set_device(layer, prefix > 0 ? element : "data", element + prefix, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int layer_set_options(struct layer *layer, char *options, struct diag *diag)
{
	char *option;
	int r;

	if (conf_word_is_none(options))
		return 0;
	while (parse_next_comma(&options, &option) > 0) {
		if (*option == '\0')
			return diag_set(diag, -EINVAL, "%s: an empty option", layer->name);
		r = layer_set_option(layer, option, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int line_to_layer(
	const struct conf_line *line, char *options, struct stack *stack, struct diag *diag)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	int r;

	if (stack->n_layers >= CONF_LAYERS_MAX)
		return diag_set(
			diag, -E2BIG, "%s: more than %u layers", line->name, CONF_LAYERS_MAX);

	r = layer_new(line->name, line->type, &layer, diag);
	if (r < 0)
		return r;
	if (asprintf(&layer->where, "%s:%u", line->file, line->number) < 0) {
		layer->where = NULL;
		return -ENOMEM;
	}
	layer->source_path = strdup(line->file);
	if (!layer->source_path)
		return -ENOMEM;

	r = layer_set_devices(layer, line->devices, diag);
	if (r < 0)
		return r;
	if (!conf_word_is_none(line->key)) {
		r = keyref_parse(line->key, &layer->key, diag);
		if (r < 0)
			return r;
	}
	r = layer_set_options(layer, options, diag);
	if (r < 0)
		return r;
	r = stack_add(stack, layer, diag);
	if (r < 0)
		return r;
	layer = NULL;
	return 0;
}

static int line_set_seal(
	const struct conf_line *line, char *options, struct seal *seal, struct diag *diag)
{
	char *option;

	if (strchr(line->devices, ','))
		return diag_set(diag, -EINVAL, "%s: \"%s\": a seal has one device", line->name,
			line->devices);
	int r = seal_set_device(seal, line->devices, diag);
	if (r < 0)
		return r;
	if (!conf_word_is_none(line->key))
		return diag_set(diag, -EINVAL, "%s: a seal takes no key", line->name);
	while (!conf_word_is_none(options) && parse_next_comma(&options, &option) > 0) {
		if (*option == '\0')
			return diag_set(diag, -EINVAL, "%s: an empty option", line->name);
		r = seal_set_option(seal, option, diag);
		if (r < 0)
			return r;
	}
	return seal_finish(seal, diag);
}

static int line_to_seal(const struct conf_line *line, char *options, const struct conf_sink *sink,
	struct diag *diag)
{
	_cleanup_(seal_freep) struct seal *seal = NULL;

	int r = seal_new(line->name, &seal, diag);
	if (r < 0)
		return r;
	if (asprintf(&seal->where, "%s:%u", line->file, line->number) < 0) {
		seal->where = NULL;
		return -ENOMEM;
	}
	seal->source_path = strdup(line->file);
	if (!seal->source_path)
		return -ENOMEM;
	seal->trusted = sink->trusted;
	r = line_set_seal(line, options, seal, diag);
	if (r >= 0)
		r = stack_set_seal(sink->stack, seal, diag);
	if (r >= 0)
		seal = NULL;
	return r;
}

static int line_to_manifest(
	struct conf_line *line, char *options, const struct conf_sink *sink, struct diag *diag)
{
	const char *words[CONF_OPTIONS_MAX + 1] = { NULL };
	_cleanup_free_ char *where = NULL;
	char *option;
	size_t n = 0;
	int r;

	if (!sink->on_manifest)
		return diag_set(diag, -EINVAL, "%s: manifest is not allowed here", line->name);
	if (line->devices[0] != '/')
		return diag_set(diag, -EINVAL, "%s: the path of the manifest, %s, is not absolute",
			line->name, line->devices);
	r = layer_name_check(line->name, diag);
	if (r < 0)
		return r;

	while (!conf_word_is_none(options) && parse_next_comma(&options, &option) > 0) {
		if (*option == '\0')
			return diag_set(diag, -EINVAL, "%s: an empty option", line->name);
		if (n == CONF_OPTIONS_MAX)
			return diag_set(diag, -E2BIG, "%s: more than %u options", line->name,
				CONF_OPTIONS_MAX);
		words[n++] = option;
	}

	if (asprintf(&where, "%s:%u", line->file, line->number) < 0)
		return -ENOMEM;

	const struct conf_manifest manifest = {
		.name = line->name,
		.path = line->devices,
		.where = where,
		.key = conf_word_is_none(line->key) ? NULL : line->key,
		.options = words,
	};

	return sink->on_manifest(sink->userdata, &manifest, &line->manifest_phase, diag);
}

/* Reads a line that has words. Cutting the options destroys them, so that is done on a copy. */
static int line_read(struct conf_line *line, const struct conf_sink *sink, struct diag *diag)
{
	_cleanup_free_ char *options = line->options ? strdup(line->options) : NULL;

	if (line->options && !options)
		return -ENOMEM;
	if (streq(line->type_name, "manifest")) {
		line->is_manifest = true;
		line->manifest_phase = PHASE_SEALED;
		return line_to_manifest(line, options, sink, diag);
	}

	if (streq(line->type_name, "seal"))
		return line_to_seal(line, options, sink, diag);
	line->type = layer_type_find(line->type_name);
	if (!line->type)
		return diag_set(diag, -EINVAL, "%s: unknown layer type \"%s\"", line->name,
			line->type_name);
	return line_to_layer(line, options, sink->stack, diag);
}

/* The stricter of what the line and its manifest say, as far as they could be read. */
static enum phase line_phase(const struct conf_line *line, bool split)
{
	enum phase phase = PHASE_SEALED;

	if (split)
		phase = conf_options_phase(line->options, line->type, line->is_manifest);
	return line->is_manifest ? MAX(phase, line->manifest_phase) : phase;
}

static void line_report(const struct conf_line *line, bool split, int r,
	const struct conf_sink *sink, struct diag *diag)
{
	struct load_error error = {
		.name = line->name,
		.phase = line_phase(line, split),
		.guess = !line->is_manifest && !(split && conf_options_say_sealed(line->options)),
	};

	if (!diag->what)
		(void)diag_set(diag, r, "%s", strerror(-r));
	if (!diag->where)
		(void)diag_at(diag, r, "%s:%u", line->file, line->number);
	diag_move(&error.diag, diag);
	if (sink->on_error)
		sink->on_error(sink->userdata, &error);
	diag_done(&error.diag);
}

/* Returns 0, 1 if the line was bad and reported, or -ENOMEM. */
static int conf_parse_line(
	char *text, size_t len, const char *file, unsigned number, const struct conf_sink *sink)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct conf_line line = { .file = file, .number = number };
	bool split = false;
	int r;

	r = line_check_bytes(text, len, &diag);
	if (r >= 0) {
		text[len] = '\0';
		r = line_split(text, &line, &diag);
		if (r == 0)
			return 0;
		split = r > 0;
	}
	if (split)
		r = line_read(&line, sink, &diag);
	if (r >= 0)
		return 0;
	if (r == -ENOMEM)
		return r;

	line_report(&line, split, r, sink, &diag);
	return 1;
}

int conf_parse(const char *text, size_t size, const char *file, const struct conf_sink *sink)
{
	_cleanup_free_ char *copy = malloc(size + 1);
	unsigned number = 0;
	int bad = 0;

	if (!copy)
		return -ENOMEM;
	if (size > 0)
		memcpy(copy, text, size);
	copy[size] = '\0';

	for (char *p = copy, *end = copy + size; p < end;) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		int r;

		r = conf_parse_line(p, len, file, ++number, sink);
		if (r < 0)
			return r;
		bad += r;
		p += len + 1;
	}
	return bad;
}
