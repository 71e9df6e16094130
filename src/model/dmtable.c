/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Table lines as lists of words.
 */

#include "dmtable.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

void dmtable_done(struct dmtable *t)
{
	for (size_t i = 0; i < t->n_words; i++)
		free(t->words[i].text);
	free(t->words);
	*t = (struct dmtable){};
}

/* Takes text over, also on failure. */
static void append(struct dmtable *t, struct word word)
{
	struct word *words = NULL;

	if (!word.text && t->error == 0)
		t->error = -ENOMEM;
	if (t->error == 0) {
		words = reallocarray(t->words, t->n_words + 1, sizeof(*words));
		if (!words)
			t->error = -ENOMEM;
	}
	if (t->error < 0) {
		free(word.text);
		return;
	}
	t->words = words;
	t->words[t->n_words++] = word;
}

static void _printf_(2, 0) append_format(struct dmtable *t, const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	append(t, (struct word){ .kind = WORD_TEXT, .text = text });
}

void dmtable_text(struct dmtable *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append_format(t, format, args);
	va_end(args);
}

void dmtable_device(struct dmtable *t, const char *prefix, const char *role)
{
	append(t, (struct word){ .kind = WORD_DEVICE, .text = strdup(prefix), .role = role });
}

void dmtable_unknown(struct dmtable *t, const char *prefix, const char *field)
{
	append(t, (struct word){ .kind = WORD_UNKNOWN, .text = strdup(prefix), .field = field });
}

/* The place of the number is kept by an empty word until the options are counted. */
void dmtable_begin_options(struct dmtable *t)
{
	t->count_at = t->n_words;
	t->n_options = 0;
	dmtable_text(t, "%s", "");
}

void dmtable_option(struct dmtable *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append_format(t, format, args);
	va_end(args);
	t->n_options++;
}

void dmtable_option_device(struct dmtable *t, const char *prefix, const char *role)
{
	dmtable_device(t, prefix, role);
	t->n_options++;
}

void dmtable_option_key(struct dmtable *t, const char *prefix, const struct keyref *key)
{
	append(t, (struct word){ .kind = WORD_KEY, .text = strdup(prefix), .key = key });
	t->n_options++;
}

void dmtable_end_options(struct dmtable *t, bool always)
{
	if (t->error < 0)
		return;

	struct word *count = &t->words[t->count_at];

	free(count->text);
	if (t->n_options == 0 && !always) {
		t->n_words--;
		return;
	}
	if (asprintf(&count->text, "%zu", t->n_options) < 0) {
		count->text = NULL;
		t->error = -ENOMEM;
	}
}

bool dmtable_has_key(const struct dmtable *t)
{
	for (size_t i = 0; i < t->n_words; i++)
		if (t->words[i].kind == WORD_KEY)
			return true;
	return false;
}

int dmtable_error(const struct dmtable *t)
{
	return t->error;
}

void dmtable_print(const struct dmtable *t, struct buf *buf)
{
	if (t->length_sectors)
		buf_printf(buf, "0 %llu %s", (unsigned long long)t->length_sectors, t->target);
	else
		buf_printf(buf, "0 <sectors> %s", t->target);

	for (size_t i = 0; i < t->n_words; i++) {
		const struct word *w = &t->words[i];

		buf_printf(buf, " %s", w->text);
		if (w->kind == WORD_DEVICE)
			buf_printf(buf, "<%s>", w->role);
		else if (w->kind == WORD_UNKNOWN)
			buf_printf(buf, "<%s>", w->field);
		else if (w->kind == WORD_KEY) {
			buf_puts(buf, "<key:");
			keyref_print(w->key, buf);
			buf_putc(buf, '>');
		}
	}
}
