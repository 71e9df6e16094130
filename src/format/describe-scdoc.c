/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer types for the manual. Help texts are markup already; names are escaped here.
 */

#include "describe.h"

/* What the value of a field is called in the manual. */
static const char *value_name(const struct field *f)
{
	static const char *const names[] = {
		[FIELD_BOOL] = NULL,
		[FIELD_U64] = "NUMBER",
		[FIELD_SIZE] = "BYTES",
		[FIELD_USEC] = "TIME",
		[FIELD_ENUM] = "WORD",
		[FIELD_STRING] = "NAME",
		[FIELD_HEX] = "HEX",
		[FIELD_UUID] = "UUID",
		[FIELD_KEYREF] = "KEY",
	};

	return names[f->kind];
}

/* Text within bold: scdoc takes an underscore for markup, and an asterisk for the end. */
static void put_escaped(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text == '_' || *text == '*' || *text == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
}

static void put_choices(const struct field *f, struct buf *out)
{
	buf_puts(out, " One of ");
	for (size_t i = 0; f->choices[i]; i++) {
		buf_puts(out, i == 0 ? "*" : f->choices[i + 1] ? ", *" : " and *");
		put_escaped(f->choices[i], out);
		buf_putc(out, '*');
	}
	buf_putc(out, '.');
}

static void put_limits(const struct field *f, struct buf *out)
{
	if (f->flags & FIELD_POW2)
		buf_puts(out, " A power of two from");
	else if (f->kind == FIELD_HEX)
		buf_puts(out, " A length of");

	if (f->min == f->max)
		buf_printf(out, " %llu", (unsigned long long)f->max);
	else if (f->min == 0 && f->max > 1)
		buf_printf(out, "%s %llu", f->kind == FIELD_HEX ? " at most" : " At most",
			(unsigned long long)f->max);
	else
		buf_printf(out, " %llu to %llu", (unsigned long long)f->min,
			(unsigned long long)f->max);
}

static void put_range(const struct field *f, struct buf *out)
{
	const char *unit = f->unit ?: f->kind == FIELD_HEX ? "bytes" : "";

	if (f->kind != FIELD_U64 && f->kind != FIELD_SIZE && f->kind != FIELD_HEX)
		return;
	/* A limit that no one reaches says nothing. */
	if (f->max && f->max < UINT64_C(1) << 31) {
		put_limits(f, out);
		buf_printf(out, "%s%s.", *unit ? " " : "", unit);
	} else if (*unit) {
		buf_printf(out, " In %s.", unit);
	}
	if (f->multiple > 1)
		buf_printf(out, " A multiple of %llu.", (unsigned long long)f->multiple);
}

static void put_default(const struct field *f, struct buf *out)
{
	if (!f->dflt)
		return;
	buf_puts(out, " Default: *");
	put_escaped(f->dflt, out);
	buf_puts(out, "*.");
}

static void put_flags(const struct field *f, struct buf *out)
{
	if (f->flags & FIELD_REQUIRED)
		buf_puts(out, f->flags & FIELD_RESULT
				      ? " Required, except for creating an image, which yields it."
				      : " Required.");
	if (f->flags & FIELD_FROM_DISK)
		buf_puts(out, " Read from the superblock if not given.");
	if (f->flags & FIELD_CREATE)
		buf_puts(out, " Counts only when an image is created.");
}

void describe_field(const struct field *f, struct buf *out)
{
	buf_putc(out, '*');
	put_escaped(f->name, out);
	if (f->kind == FIELD_BOOL)
		buf_puts(out, f->dflt ? "=*_BOOL_" : "*");
	else
		buf_printf(out, "=*_%s_", value_name(f));
	buf_printf(out, "\n\t%s", f->help);
	if (f->kind == FIELD_ENUM)
		put_choices(f, out);
	put_range(f, out);
	put_default(f, out);
	put_flags(f, out);
	buf_puts(out, "\n\n");
}

void describe_roles(const struct layer_type *type, struct buf *out)
{
	for (size_t i = 0; i < type->n_roles; i++)
		buf_printf(out, "*%s*%s\n\t%s\n\n", type->roles[i].name,
			type->roles[i].required ? "" : " (optional)", type->roles[i].help);
}

void describe_facts(const struct layer_type *type, struct buf *out)
{
	static const char *const keys[] = {
		[KEY_NEVER] = "It takes no key.",
		[KEY_OPTIONAL] = "It takes a key if the algorithm is a keyed one.",
		[KEY_REQUIRED] = "It needs a key.",
	};

	buf_printf(out,
		"Device-mapper target *%s*, version %u.%u.%u or later. %s%s Kernel modules:",
		type->dm_target, type->version[0], type->version[1], type->version[2],
		keys[type->key], type->read_only ? " It can only be read." : "");
	for (size_t i = 0; type->modules[i]; i++) {
		buf_puts(out, i ? ", *" : " *");
		put_escaped(type->modules[i], out);
		buf_putc(out, '*');
	}
	buf_printf(out, ". lsblk(8) shows it as type _%s_.\n", type->uuid_prefix);
}

void describe_types(struct buf *out)
{
	for (size_t i = 0; layer_types[i]; i++)
		buf_printf(out, "%s*%s*",
			i == 0		     ? ""
			: layer_types[i + 1] ? ", "
					     : " and ",
			layer_types[i]->name);
}
