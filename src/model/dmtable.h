/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One device-mapper table line as a list of words. Most words are text. A device is a word of its
 * own, since it becomes MAJOR:MINOR only when the table is loaded; a key is one, since its bytes
 * come in only then, in locked memory; a parameter that has to be read from the disk first is an
 * unknown word, and a table that has one cannot be loaded.
 */

#include "buf.h"
#include "diag.h"
#include "keyref.h"

enum word_kind {
	WORD_TEXT,
	WORD_DEVICE,  /* prefix + device of the role */
	WORD_KEY,     /* prefix + hex of the key */
	WORD_UNKNOWN, /* prefix + "<field>" */
};

struct word {
	enum word_kind kind;
	char *text;		  /* the text, or the prefix ("meta_device:"); owned */
	const char *role;	  /* DEVICE: "data", "hash" ...; static */
	const struct keyref *key; /* KEY: belongs to the layer */
	const char *field;	  /* UNKNOWN: name of the missing field; static */
};

struct dmtable {
	const char *target;	 /* "crypt"; static */
	uint64_t length_sectors; /* of 512 bytes; 0: not known yet */
	bool read_only;
	struct word *words; /* owned */
	size_t n_words;
	int error;	 /* sticky, as in struct buf */
	size_t count_at; /* see dmtable_begin_options() */
	size_t n_options;
};

void dmtable_done(struct dmtable *t);
void dmtable_text(struct dmtable *t, const char *format, ...) _printf_(2, 3);
void dmtable_device(struct dmtable *t, const char *prefix, const char *role);
void dmtable_unknown(struct dmtable *t, const char *prefix, const char *field);
/*
 * Optional arguments are preceded by their number: begin, then any words through
 * dmtable_option*(), then end, which puts the number in. With no options nothing is written,
 * unless always is true ("0").
 */
void dmtable_begin_options(struct dmtable *t);
void dmtable_option(struct dmtable *t, const char *format, ...) _printf_(2, 3);
void dmtable_option_device(struct dmtable *t, const char *prefix, const char *role);
void dmtable_option_key(struct dmtable *t, const char *prefix, const struct keyref *key);
void dmtable_end_options(struct dmtable *t, bool always);

bool dmtable_has_key(const struct dmtable *t);
int dmtable_error(const struct dmtable *t) _must_check_;
/*
 * "0 LENGTH TARGET WORDS...": devices as <data>, keys as <key:REF>, unknown words as <field>.
 */
void dmtable_print(const struct dmtable *t, struct buf *buf);
