/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One line of a table on its way to dmstack.conf, and what each option of that table becomes.
 */

#include "tab-import.h"

struct tab_entry;

/* What to do with an option: apply(entry, rule, value), where value is NULL for a bare word. */
struct tab_rule {
	const char *name;
	void (*apply)(struct tab_entry *entry, const struct tab_rule *rule, const char *value);
	const char *text; /* the new name, a whole option, a role, a note or a reason */
};

#define TAB_COLUMNS 5

struct tab_format {
	const char *path;
	const char *type; /* of the layer */
	size_t n_columns; /* before the options */
	size_t n_needed;  /* that must be there */
	const struct tab_rule *rules;
	size_t n_rules;
	/* Fills in devices and key from the columns, after the options. */
	void (*finish)(struct tab_entry *entry);
};

struct tab_entry {
	const struct tab_import *import;
	const struct tab_format *format;
	char *where;		    /* "/etc/crypttab:3"; owned */
	char *text;		    /* the line, cut into columns; owned */
	char *columns[TAB_COLUMNS]; /* NULL: not there */
	const char *type;	    /* NULL until an option says it */
	struct buf devices;
	struct buf key;
	struct buf options;
	struct buf plain; /* options that count for plain encryption only */
	struct buf notes; /* one a line */
	struct buf refusal;
	bool has_cipher, has_size, key_is_hashed;
};

/* In the order of enum tab; the last has no rules. */
extern const struct tab_format tab_formats[_TAB_MAX];

void tab_entry_note(struct tab_entry *entry, const char *format, ...) _printf_(2, 3);
/* The first reason counts. */
void tab_entry_refuse(struct tab_entry *entry, const char *format, ...) _printf_(2, 3);
/* "name" or "name=value", behind a comma if need be. */
void tab_option_put(struct buf *options, const char *name, const char *value);
