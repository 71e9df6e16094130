/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of typed fields: from text, to text, compared, freed.
 */

#include "field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hex.h"
#include "parse.h"

int field_find(const struct field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(fields[i].name, name))
			return (int)i;
	return -ENOENT;
}

static int bad_word(
	const struct field *f, const char *text, const char *expected, struct diag *diag)
{
	return diag_set(diag, -EINVAL, "%s: \"%s\" is not %s", f->name, text, expected);
}

static int check_range(const struct field *f, uint64_t n, const char *what, struct diag *diag)
{
	if (n < f->min || (f->max && n > f->max)) {
		if (f->max)
			return diag_set(diag, -EINVAL, "%s: %s%llu is not between %llu and %llu",
				f->name, what, (unsigned long long)n, (unsigned long long)f->min,
				(unsigned long long)f->max);
		return diag_set(diag, -EINVAL, "%s: %s%llu is less than %llu", f->name, what,
			(unsigned long long)n, (unsigned long long)f->min);
	}
	return 0;
}

static int set_number(const struct field *f, uint64_t *p, const char *text, struct diag *diag)
{
	uint64_t n;
	int r = f->kind == FIELD_U64	? parse_u64(text, &n)
		: f->kind == FIELD_SIZE ? parse_size(text, &n)
					: parse_usec(text, &n);
	if (r < 0)
		return bad_word(f, text,
			f->kind == FIELD_U64	? "a number"
			: f->kind == FIELD_SIZE ? "a size in bytes"
						: "a time span",
			diag);

	r = check_range(f, n, "", diag);
	if (r < 0)
		return r;
	if ((f->flags & FIELD_POW2) && !is_pow2(n))
		return bad_word(f, text, "a power of two", diag);
	if (f->multiple && n % f->multiple)
		return diag_set(diag, -EINVAL, "%s: %s is not a multiple of %llu", f->name, text,
			(unsigned long long)f->multiple);
	*p = n;
	return 0;
}

static int set_enum(const struct field *f, unsigned *p, const char *text, struct diag *diag)
{
	_cleanup_(buf_done) struct buf words = {};
	unsigned i;

	for (i = 0; f->choices[i]; i++) {
		if (streq(f->choices[i], text)) {
			*p = i;
			return 0;
		}
		buf_printf(&words, "%s%s", i ? ", " : "", f->choices[i]);
	}
	if (f->flags & FIELD_UNKNOWN_IS_LAST) {
		*p = i - 1;
		return 0;
	}
	return diag_set(diag, -EINVAL, "%s: \"%s\" is none of %s", f->name, text, buf_str(&words));
}

static int set_string(const struct field *f, char **p, const char *text, struct diag *diag)
{
	int r = check_range(f, strlen(text), "a length of ", diag);
	if (r < 0)
		return r;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return bad_word(f, text, "a word without blanks", diag);

	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*p);
	*p = copy;
	return 0;
}

static int set_hex(const struct field *f, struct hexval *p, const char *text, struct diag *diag)
{
	uint8_t *data = NULL;
	size_t size = 0;
	/* The tools write an empty salt as "-". */
	int r = streq(text, "-") ? 0 : hex_parse(text, &data, &size);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return bad_word(f, text, "hexadecimal with two digits a byte", diag);
	r = check_range(f, size, "a length in bytes of ", diag);
	if (r < 0) {
		free(data);
		return r;
	}
	free(p->data);
	*p = (struct hexval){ .data = data, .size = size };
	return 0;
}

static int set_keyref(struct keyref *p, const char *text, struct diag *diag)
{
	struct keyref key;
	int r = keyref_parse(text, &key, diag);

	if (r < 0)
		return r;
	keyref_done(p);
	*p = key;
	return 0;
}

int field_set(const struct field *f, void *params, const char *text, struct diag *diag)
{
	void *p = FIELD_PTR(f, params);

	if (!text && f->kind != FIELD_BOOL)
		return diag_set(diag, -EINVAL, "%s: needs a value", f->name);

	switch (f->kind) {
	case FIELD_BOOL:
		if (text && parse_bool(text, p) < 0)
			return bad_word(f, text, "yes or no", diag);
		if (!text)
			*(bool *)p = true;
		return 0;
	case FIELD_U64:
	case FIELD_SIZE:
	case FIELD_USEC:
		return set_number(f, p, text, diag);
	case FIELD_ENUM:
		return set_enum(f, p, text, diag);
	case FIELD_STRING:
		return set_string(f, p, text, diag);
	case FIELD_HEX:
		return set_hex(f, p, text, diag);
	case FIELD_UUID:
		return parse_uuid(text, p) < 0 ? bad_word(f, text, "a UUID", diag) : 0;
	case FIELD_KEYREF:
		return set_keyref(p, text, diag);
	case _FIELD_KIND_MAX:
		break;
	}
	return -EINVAL;
}

int field_set_once(const struct field *fields, size_t index, void *params, uint64_t *set,
	const char *text, struct diag *diag)
{
	uint64_t bit = UINT64_C(1) << index;

	if (*set & bit)
		return diag_set(diag, -EINVAL, "option \"%s\" is given twice", fields[index].name);
	int r = field_set(&fields[index], params, text, diag);
	if (r >= 0)
		*set |= bit;
	return r;
}

int field_set_defaults(const struct field *fields, size_t n, void *params)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i].dflt) {
			int r = field_set(&fields[i], params, fields[i].dflt, NULL);
			if (r < 0)
				return r;
		}
	return 0;
}

int field_split_option(const char *option, char **ret_name, char **ret_value, struct diag *diag)
{
	_cleanup_free_ char *name = strdup(option);
	if (!name)
		return -ENOMEM;

	char *equals = strchr(name, '=');
	if (equals)
		*equals = '\0';
	if (!*name)
		return diag_set(diag, -EINVAL, "empty option in \"%s\"", option);
	*ret_name = take_ptr(name);
	*ret_value = equals ? equals + 1 : NULL;
	return 0;
}

/* The shortest span that says the same: systemd and parse_usec() read all of these. */
static void print_usec(uint64_t usec, struct buf *buf)
{
	if (usec == UINT64_MAX)
		buf_puts(buf, "infinity");
	else if (usec % 1000000 == 0)
		buf_printf(buf, "%llus", (unsigned long long)(usec / 1000000));
	else if (usec % 1000 == 0)
		buf_printf(buf, "%llums", (unsigned long long)(usec / 1000));
	else
		buf_printf(buf, "%lluus", (unsigned long long)usec);
}

static void print_hex(const struct hexval *hex, struct buf *buf)
{
	if (hex->size)
		buf_hex(buf, hex->data, hex->size);
	else
		buf_putc(buf, '-');
}

void field_print(const struct field *f, const void *params, struct buf *buf)
{
	const void *p = FIELD_PTR(f, params);
	char uuid[37];

	switch (f->kind) {
	case FIELD_BOOL:
		buf_puts(buf, *(const bool *)p ? "yes" : "no");
		break;
	case FIELD_U64:
	case FIELD_SIZE:
		buf_printf(buf, "%llu", (unsigned long long)*(const uint64_t *)p);
		break;
	case FIELD_USEC:
		print_usec(*(const uint64_t *)p, buf);
		break;
	case FIELD_ENUM:
		buf_puts(buf, f->choices[*(const unsigned *)p]);
		break;
	case FIELD_STRING:
		buf_puts(buf, *(char *const *)p ?: "");
		break;
	case FIELD_HEX:
		print_hex(p, buf);
		break;
	case FIELD_UUID:
		format_uuid(p, uuid);
		buf_puts(buf, uuid);
		break;
	case FIELD_KEYREF:
		keyref_print(p, buf);
		break;
	case _FIELD_KIND_MAX:
		break;
	}
}

bool field_equal(const struct field *f, const void *a, const void *b)
{
	_cleanup_(buf_done) struct buf text_a = {}, text_b = {};

	field_print(f, a, &text_a);
	field_print(f, b, &text_b);
	return streq(buf_str(&text_a), buf_str(&text_b));
}

void field_clear(const struct field *f, void *params)
{
	void *p = FIELD_PTR(f, params);

	if (f->kind == FIELD_STRING) {
		free(*(char **)p);
		*(char **)p = NULL;
	} else if (f->kind == FIELD_HEX) {
		struct hexval *hex = p;

		free(hex->data);
		*hex = (struct hexval){};
	} else if (f->kind == FIELD_KEYREF) {
		keyref_done(p);
	}
}
