/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Field descriptors. A layer type lists its parameters once, in an array of these; the keys of
 * dmstack.conf and of the manifest, the JSON Schema, the tables of the man pages, completion,
 * validation and the output of "plan" all come from that array.
 */

#include "buf.h"
#include "diag.h"
#include "keyref.h"

enum field_kind {
	FIELD_BOOL,   /* bool */
	FIELD_U64,    /* uint64_t */
	FIELD_SIZE,   /* uint64_t, bytes; K, M, G, T are understood in dmstack.conf */
	FIELD_USEC,   /* uint64_t, microseconds, written as systemd.time(7) spans */
	FIELD_ENUM,   /* unsigned, an index into choices */
	FIELD_STRING, /* char *, owned */
	FIELD_HEX,    /* struct hexval */
	FIELD_UUID,   /* uint8_t[16] */
	FIELD_KEYREF, /* struct keyref */
	_FIELD_KIND_MAX,
};

struct hexval {
	uint8_t *data; /* owned */
	size_t size;   /* bytes */
};

enum field_flags {
	FIELD_REQUIRED = 1 << 0,	/* a layer without it is refused */
	FIELD_POW2 = 1 << 1,		/* a power of two */
	FIELD_UNKNOWN_IS_LAST = 1 << 2, /* ENUM: an unknown word means the last, strictest choice */
	FIELD_FROM_DISK = 1 << 3,	/* if not given, read from the superblock at activation */
	FIELD_CREATE = 1 << 4,		/* counts only when an image is created */
	FIELD_RESULT = 1 << 5,		/* the outcome of creating an image: not needed before */
};

struct field {
	const char *name;
	enum field_kind kind;
	unsigned flags;
	size_t offset;	   /* within the params struct */
	uint64_t min, max; /* numbers: the value; strings and hex: the length; max 0: any */
	uint64_t multiple; /* numbers: a multiple of this; 0: any */
	const char *const *choices; /* ENUM: NULL-terminated words */
	const char *dflt;	    /* the default as text, applied when not set; NULL: none */
	const char *unit;	    /* "bytes", "sectors", "percent", "ms"; NULL: none */
	const char *help;	    /* one sentence for the man page */
};

/* The place of the field in params. */
#define FIELD_PTR(field, params) ((void *)((char *)(params) + (field)->offset))

/* The index of the field with that name, or -ENOENT. */
int field_find(const struct field *fields, size_t n, const char *name);
/*
 * Sets the field from text. For BOOL, text NULL means yes. -EINVAL and a diag that names the field
 * and the word if the value does not fit.
 */
int field_set(
	const struct field *field, void *params, const char *text, struct diag *diag) _must_check_;
/*
 * The same for the field at the index of a table, once: *set has a bit for each field that was
 * given.
 */
int field_set_once(const struct field *fields, size_t index, void *params, uint64_t *set,
	const char *text, struct diag *diag) _must_check_;
/* Gives all fields their defaults. */
int field_set_defaults(const struct field *fields, size_t n, void *params) _must_check_;
/*
 * Cuts "name" or "name=value". *ret_name is owned by the caller, *ret_value points into it and is
 * NULL for a bare word.
 */
int field_split_option(
	const char *option, char **ret_name, char **ret_value, struct diag *diag) _must_check_;
/* Appends the value as field_set() takes it; sizes in bytes, hex in lower case. */
void field_print(const struct field *field, const void *params, struct buf *buf);
bool field_equal(const struct field *field, const void *a, const void *b);
/* Frees what the field owns. */
void field_clear(const struct field *field, void *params);
