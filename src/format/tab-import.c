/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the tables, lets the rules work on each line, and has the parser of dmstack.conf read the
 * result before anybody else does.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "conf.h"
#include "parse.h"
#include "tab-entry.h"

struct tab_entries {
	const struct tab_import *import;
	struct tab_entry *entries;
	size_t n;
};

static void entry_done(struct tab_entry *entry)
{
	free(entry->where);
	free(entry->text);
	buf_done(&entry->devices);
	buf_done(&entry->key);
	buf_done(&entry->options);
	buf_done(&entry->plain);
	buf_done(&entry->notes);
	buf_done(&entry->refusal);
}

static void entries_done(struct tab_entries *list)
{
	for (size_t i = 0; i < list->n; i++)
		entry_done(&list->entries[i]);
	free(list->entries);
}

const char *tab_path(enum tab tab)
{
	return tab_formats[tab].path;
}

static void put_text(struct buf *buf, const char *format, va_list ap) _printf_(2, 0);
static void put_text(struct buf *buf, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		buf->error = -ENOMEM;
		return;
	}
	buf_puts(buf, text);
}

void tab_entry_note(struct tab_entry *entry, const char *format, ...)
{
	va_list ap;

	buf_puts(&entry->notes, "#   ");
	va_start(ap, format);
	put_text(&entry->notes, format, ap);
	va_end(ap);
	buf_putc(&entry->notes, '\n');
}

void tab_entry_refuse(struct tab_entry *entry, const char *format, ...)
{
	va_list ap;

	if (entry->refusal.size > 0)
		return;
	va_start(ap, format);
	put_text(&entry->refusal, format, ap);
	va_end(ap);
}

void tab_option_put(struct buf *options, const char *name, const char *value)
{
	buf_printf(options, "%s%s%s%s", options->size > 0 ? "," : "", name, value ? "=" : "",
		value ?: "");
}

static const struct tab_rule *rule_find(const struct tab_format *format, const char *name)
{
	for (size_t i = 0; i < format->n_rules; i++)
		if (streq(format->rules[i].name, name))
			return &format->rules[i];
	return NULL;
}

static void entry_option(struct tab_entry *entry, char *option)
{
	char *value = strchr(option, '=');

	if (value)
		*value++ = '\0';
	const struct tab_rule *rule = rule_find(entry->format, option);

	if (!rule)
		tab_entry_refuse(entry, "the option \"%s\" is not known", option);
	else
		rule->apply(entry, rule, value);
}

static void entry_options(struct tab_entry *entry, char *options)
{
	char *option;

	if (conf_word_is_none(options))
		return;
	while (parse_next_comma(&options, &option) > 0)
		if (*option)
			entry_option(entry, option);
}

static int entry_error(const struct tab_entry *entry)
{
	const struct buf *const bufs[] = { &entry->devices, &entry->key, &entry->options,
		&entry->plain, &entry->notes, &entry->refusal };

	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		if (buf_error(bufs[i]) < 0)
			return buf_error(bufs[i]);
	return 0;
}

/* Comments quote a line or two, and have to be lines of dmstack.conf as well. */
#define TAB_LINE_MAX 1000U

/* The line as a whole, without its newline. */
static int entries_add(struct tab_entries *list, const struct tab_format *format, unsigned number,
	const char *line, size_t size)
{
	struct tab_entry *entries =
		reallocarray(list->entries, list->n + 1, sizeof(*list->entries));

	if (!entries)
		return -ENOMEM;
	list->entries = entries;

	struct tab_entry *entry = &entries[list->n++];
	char *rest, *options = NULL;
	size_t n = 0;

	*entry = (struct tab_entry){
		.import = list->import, .format = format, .type = format->type
	};
	entry->text = rest = strndup(line, size);
	if (!entry->text || asprintf(&entry->where, "%s:%u", format->path, number) < 0) {
		entry->where = NULL;
		return -ENOMEM;
	}
	while (n < format->n_columns && parse_next_word(&rest, &entry->columns[n]) > 0)
		n++;
	for (size_t i = n; i < TAB_COLUMNS; i++)
		entry->columns[i] = NULL;
	(void)parse_next_word(&rest, &options);
	if (n == 0 || entry->columns[0][0] == '#') {
		entry_done(entry);
		list->n--;
		return 0;
	}
	if (size > TAB_LINE_MAX || n < format->n_needed) {
		entry->columns[0][strnlen(entry->columns[0], TAB_LINE_MAX)] = '\0';
		tab_entry_refuse(entry,
			size > TAB_LINE_MAX ? "the line is too long" : "columns are missing");
		return entry_error(entry);
	}
	if (!format->finish)
		return 0;
	entry_options(entry, options);
	format->finish(entry);
	return entry_error(entry);
}

static int entries_read(struct tab_entries *list, enum tab tab)
{
	const char *text = list->import->texts[tab];

	for (unsigned number = 1; text && *text; number++) {
		size_t size = strcspn(text, "\n");
		int r = entries_add(list, &tab_formats[tab], number, text, size);

		if (r < 0)
			return r;
		text += size + (text[size] == '\n');
	}
	return 0;
}

/* --- fstab --- */

static struct tab_entry *entries_find(struct tab_entries *list, const char *name)
{
	for (size_t i = 0; name && i < list->n; i++)
		if (list->entries[i].format->finish && list->entries[i].columns[0] &&
			streq(list->entries[i].columns[0], name))
			return &list->entries[i];
	return NULL;
}

/* A mount of what a layer stands on would go around the layer. */
static void mount_is_below(struct tab_entries *list, const struct tab_entry *mount)
{
	for (size_t i = 0; i < list->n; i++) {
		struct tab_entry *entry = &list->entries[i];

		if (entry->format->finish && streq_ptr(entry->columns[1], mount->columns[0]))
			tab_entry_note(entry, "%s mounts %s itself on %s, around this layer",
				mount->where, mount->columns[0], mount->columns[1]);
	}
}

static void mounts_apply(struct tab_entries *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tab_entry *mount = &list->entries[i];

		if (mount->format->finish || mount->refusal.size > 0)
			continue;

		const char *where = mount->columns[1];
		struct tab_entry *top =
			entries_find(list, startswith(mount->columns[0], "/dev/mapper/"));

		mount_is_below(list, mount);
		if (!top || (!streq(where, "/") && !streq(where, "/usr")) ||
			strstr(buf_str(&top->options), "x-initrd.attach"))
			continue;
		tab_option_put(&top->options, "x-initrd.attach", NULL);
		tab_entry_note(top, "it carries %s (%s), so that the initrd attaches it", where,
			mount->where);
	}
}

/* --- the result --- */

static void entry_put_line(const struct tab_entry *entry, struct buf *out)
{
	buf_printf(out, "%s  %s  %s%s  %s  %s\n", entry->columns[0], entry->type,
		entry->columns[1] ?: "", buf_str(&entry->devices),
		entry->key.size > 0 ? buf_str(&entry->key) : "-",
		entry->options.size > 0 ? buf_str(&entry->options) : "-");
}

static void on_error(void *userdata, const struct load_error *error)
{
	tab_entry_refuse(userdata, "%s", error->diag.what ?: "it cannot be read");
}

/* What the parser refuses is no import, however it came about. */
static int entries_check(struct tab_entries *list)
{
	_cleanup_(stack_done) struct stack stack = {};

	for (size_t i = 0; i < list->n; i++) {
		struct tab_entry *entry = &list->entries[i];
		const struct conf_sink sink = {
			.stack = &stack, .on_error = on_error, .userdata = entry
		};
		_cleanup_(buf_done) struct buf line = {};

		if (!entry->format->finish || entry->refusal.size > 0)
			continue;
		entry_put_line(entry, &line);
		int r = buf_error(&line);

		if (r >= 0)
			r = conf_parse(line.data, line.size, entry->where, &sink);
		if (r < 0)
			return r;
	}
	int r = stack_link(&stack);

	for (size_t i = 0; r >= 0 && i < stack.n_layers; i++) {
		const struct layer *layer = stack.layers[i];
		struct tab_entry *entry = layer->broken ? entries_find(list, layer->name) : NULL;

		if (entry)
			tab_entry_refuse(entry, "%s", layer->error.what ?: "it cannot be used");
	}
	return r < 0 ? r : 0;
}

/* What a table has in it may be no text at all. */
static void put_comment(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++)
		buf_putc(out, *p == '\n' || (*p >= ' ' && *p < 0x7f) ? *p : '?');
}

static int entries_print(const struct tab_entries *list, struct buf *out)
{
	const struct tab_import *import = list->import;
	int refused = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct tab_entry *entry = &list->entries[i];

		if (!entry->format->finish)
			continue;
		int r = entry_error(entry);

		if (r < 0)
			return r;
		buf_printf(out, "\n# %s\n", entry->where);
		put_comment(out, buf_str(&entry->notes));
		if (entry->refusal.size == 0) {
			entry_put_line(entry, out);
			continue;
		}
		refused++;
		buf_puts(out, "#   not imported: \"");
		put_comment(out, entry->columns[0]);
		buf_puts(out, "\": ");
		put_comment(out, buf_str(&entry->refusal));
		buf_putc(out, '\n');
		if (import->on_refused)
			import->on_refused(
				entry->where, buf_str(&entry->refusal), import->userdata);
	}
	return buf_error(out) < 0 ? buf_error(out) : refused;
}

int tab_import(const struct tab_import *import, struct buf *out)
{
	_cleanup_(entries_done) struct tab_entries list = { .import = import };
	int r = 0;

	for (enum tab tab = 0; r >= 0 && tab < _TAB_MAX; tab++)
		r = entries_read(&list, tab);
	if (r < 0)
		return r;
	mounts_apply(&list);
	r = entries_check(&list);
	return r < 0 ? r : entries_print(&list, out);
}
